package agent_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pion/stun/v4"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/agent"
	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
)

// stunned is a socket that is asked as a STUN server, and when.
func stunned(t *testing.T) (url string, asked <-chan struct{}) {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	done := make(chan struct{})
	go func() {
		b := make([]byte, 1500)
		for {
			n, _, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if stun.IsMessage(b[:n]) {
				close(done)
				return
			}
		}
	}()
	return "stun:" + c.LocalAddr().String(), done
}

// ICE servers of the configuration and of the broker are asked both.
func TestICEServersAdd(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	own, ownAsked := stunned(t)
	named, namedAsked := stunned(t)
	d := startDesk(t, `{"state":"ready","whep_url":"`+h.URL+`","ice_servers":[{"urls":["`+named+`"]}]}`)
	r := start(t, agent.Config{Broker: d.url, ICEServers: []client.ICEServer{{URLs: []string{own}}}}, nil)
	hosttest.Within(t, ownAsked, "a question to the server of the configuration")
	hosttest.Within(t, namedAsked, "a question to the server that the broker named")
	r.streams(t)
}

// Tokens are read from their files again for each request, and a file that is
// gone leaves the one from before.
func TestTokenFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const good = "a-token-that-is-good"
	h := hosttest.Start(t, hosttest.Config{Token: good})
	write(good)
	r := start(t, agent.Config{URL: h.URL, Token: "a-token-from-before", TokenFile: path}, nil)
	r.streams(t)

	d := startDesk(t, `{"state":"asleep","retry_after":1}`)
	write("first")
	start(t, agent.Config{Broker: d.url, BrokerToken: "first", BrokerTokenFile: path}, nil)
	carries := func(token string) {
		t.Helper()
		hosttest.Until(t, "the broker is asked with "+token, func() bool {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.bearer == "Bearer "+token
		})
	}
	carries("first")
	write("second")
	carries("second")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	carries("first")
}

// A host that revokes the terminal is left alone until somebody presses a key,
// and the window says why.
func TestHostRevokes(t *testing.T) {
	const good = "a-token-that-is-good"
	path := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(good)
	h := hosttest.Start(t, hosttest.Config{Change: func(c *host.Config) { c.TokenFile = path }})
	r := start(t, agent.Config{URL: h.URL, Token: good}, nil)
	r.streams(t)
	write("another-token-of-the-host")
	st := r.waits(t, "that the terminal is revoked", func(st ui.Status) bool { return st.Title == "This terminal may no longer connect" })
	if st.Page || !st.RetryAt.IsZero() || !strings.Contains(st.Detail, "does not accept its token any more.") || !strings.HasSuffix(st.Hint, "Press a key to connect again.") {
		t.Errorf("words = %+v; want why over the last picture, and no countdown", st)
	}
	write(good)
	// The host looks at its file once a second.
	hosttest.Until(t, "pictures are shown again", func() bool {
		r.window.Input(enter)
		return r.window.Status(0) == nil
	})
}
