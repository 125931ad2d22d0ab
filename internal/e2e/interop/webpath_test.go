//go:build linux && !nonative

package interop_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/lab"
	"github.com/blade-shadow/terminal/internal/netlab"
)

// packets counts how many packets of a screen the page has received.
func (c *browser) packets(screen int) (n float64) {
	c.Helper()
	c.wait("figures", func() error {
		f, err := c.figures()
		if err == nil && len(f.Screens) > screen {
			n = f.Screens[screen].Packets
		}
		return err
	})
	return n
}

// The second screen is paused while the person does not want to see it.
func TestChromiumClosesScreen(t *testing.T) {
	b := begin(t, lab.Need("chromium"))
	host := b.host(lab.HostConfig{Source: "testcard", Size: "640x360", Screens: 2})
	c := b.chromium()
	c.open(page(host))
	c.connect(2)
	c.eval(`document.getElementById('second').click()`, nil)
	c.wait("the second screen paused", func() error {
		was, first := c.packets(1), c.packets(0)
		time.Sleep(2500 * time.Millisecond) // two of the page's measurements
		if now := c.packets(1); now != was {
			return fmt.Errorf("%v packets came of it", now-was)
		}
		if c.packets(0) == first {
			t.Error("nothing came of the first screen; want it to go on")
		}
		return nil
	})
	c.screenshot("web-one-of-two.png")
	c.eval(`document.getElementById('second').click()`, nil)
	c.live(2)
	c.eval(`document.getElementById('leave').click()`, nil)
	c.wait("the end of the session", func() error { return c.state("idle") })
	var endings string
	c.eval(`shadow.events.join()`, &endings)
	if endings != "" { // the person's own has no words
		t.Errorf("the session ended: %s; want it to go on till the person ends it", endings)
	}
}

// A path that is dead for longer than a browser waits by itself is replaced
// within the session; the page tells nobody to wait for another one.
func TestChromiumRestarts(t *testing.T) {
	b := begin(t, lab.Need("chromium"))
	servers := filepath.Join(t.TempDir(), "servers")
	b.ok(os.WriteFile(servers, []byte("stun:127.0.0.1:9\n"), 0o600)) // nobody is there, which hurts nobody
	host := b.host(lab.HostConfig{Source: "testcard", Size: "640x360", Args: []string{"--ice-servers", servers}})
	clean, err := netlab.Find("clean")
	b.ok(err)
	relay, viewers := b.relay(host.URL, clean, loopback(), loopback())
	through, err := url.Parse(viewers)
	b.ok(err)
	var posts, patches atomic.Int32
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: through.Scheme, Host: through.Host})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			posts.Add(1)
		case http.MethodPatch:
			patches.Add(1)
		}
		r.Header.Del("Origin") // another port than the relay's
		r.Host = through.Host
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	c := b.chromium()
	c.open(front.URL + "/")
	c.connect(1)
	var named string
	c.eval(`shadow.session.pc.getConfiguration().iceServers.map((s) => s.urls).flat().join()`, &named)
	if named != "stun:127.0.0.1:9" {
		t.Errorf("the page knows the servers %q; want the host's", named)
	}

	// When it carries, another one is taken without a gap that anybody sees.
	c.eval(`shadow.session.mend()`, nil)
	c.fresh(1)
	c.live(1)

	relay.Blackout(14 * time.Second)
	c.wait("a path sought", func() error {
		if patches.Load() < 2 {
			return errNotYet
		}
		return nil
	})
	relay.Blackout(14 * time.Second) // a browser alone has given up by its end
	c.wait("the session's other path", func() error { return c.isFresh(2) })
	c.live(1)
	var endings int
	c.eval(`shadow.events.length`, &endings)
	if posts.Load() != 1 || endings != 0 {
		t.Errorf("%d offers and %d endings; want one session", posts.Load(), endings)
	}
	t.Logf("%d offers, %d PATCHes", posts.Load(), patches.Load())
}

// fresh waits until packets take the path of the n-th restart or a later one.
func (c *browser) fresh(n int) {
	c.Helper()
	c.wait("packets on another path", func() error { return c.isFresh(n) })
}

func (c *browser) isFresh(n int) error {
	var got struct {
		Restarts       int
		State          string
		Current, Names string
	}
	err := c.tryEval(`(async () => {
		const { pc, restarts } = shadow.session;
		const all = await pc.getStats();
		const transport = [...all.values()].find((s) => s.type === 'transport');
		const pair = all.get(transport.selectedCandidatePairId);
		return { restarts: restarts ?? 0, state: pc.connectionState, current: all.get(pair?.localCandidateId)?.usernameFragment ?? '',
			names: /a=ice-ufrag:(\S+)/.exec(pc.localDescription.sdp)[1] };
	})()`, &got)
	if err != nil {
		return err
	}
	if got.Restarts < n || got.State != "connected" || got.Current != got.Names {
		return fmt.Errorf("it is %+v", got)
	}
	return nil
}
