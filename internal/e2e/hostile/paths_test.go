//go:build linux && !nonative

package hostile_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// stay is a host that does nothing for a while.
func stay(d time.Duration) func(context.Context, *testing.T, *visit) {
	return func(ctx context.Context, _ *testing.T, v *visit) {
		select {
		case <-time.After(d):
		case <-v.gone:
		case <-ctx.Done():
		}
	}
}

// silent leaves the path without a word, so that the terminal asks for another.
func silent(ctx context.Context, _ *testing.T, v *visit) {
	_ = v.udp.Close()
	pause(ctx, 2*time.Second)
}

// restarts answers what the terminal sends to the session's resource.
func restarts(f http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			f(w, r)
		}
	}
}

func fragment(body string) http.HandlerFunc {
	return restarts(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/trickle-ice-sdpfrag")
		w.Header().Set("ETag", strings.Repeat("x", 10_000))
		_, _ = io.WriteString(w, body)
	})
}

// paths is what a host can do to the path, and to how another is found.
func paths() []attack {
	const lost = "lost"
	names := "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"
	endless := restarts(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/trickle-ice-sdpfrag")
		for {
			if _, err := w.Write(make([]byte, 10_000)); err != nil {
				return
			}
		}
	})
	return []attack{
		{name: "garbage for a fragment", then: silent, others: fragment("\x00\x1bno fragment"), want: lost},
		{name: "fragment without end", then: silent, others: endless, want: ""},
		{name: "fragment of the wrong type", then: silent, others: restarts(redirected("file:///etc/passwd")), want: lost},
		{name: "fragment to strangers", then: silent, others: fragment(names + strings.Repeat("a=candidate:1 1 udp 1 127.0.0.9 9 typ host\r\n", 300)), want: ""},
		{name: "forgets at once", then: silent, others: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }, want: "forgotten"},
		{name: "another certificate", tamper: otherFingerprint, early: stay(10 * time.Second), want: "could not be secured"},
		{name: "leaves while DTLS begins", early: leave},
		{name: "aborts SCTP and leaves", then: abort, want: lost},
		{name: "leaves in a burst", then: leaveInBurst},
		{name: "closes DTLS", then: closeDTLS, want: lost},
		{name: "never a picture", then: pictureless, want: "sends no picture"},
	}
}

// abort ends the data channels only, and is gone before DTLS could end.
func abort(ctx context.Context, t *testing.T, v *visit) {
	if err := v.pc.SCTP().Stop(); err != nil {
		t.Log(err)
	}
	silent(ctx, t, v)
}

// leaveInBurst does so while the terminal has more to read than it can.
func leaveInBurst(ctx context.Context, t *testing.T, v *visit) {
	fecLoops(ctx, t, v)
	abort(ctx, t, v)
}

// pictureless is a host that is well, but has nothing to show.
func pictureless(ctx context.Context, _ *testing.T, v *visit) {
	sr := &rtcp.SenderReport{SSRC: v.video.header.SSRC}
	for range 200 {
		_ = v.pc.WriteRTCP([]rtcp.Packet{sr})
		select {
		case <-v.gone:
			return
		default:
			pause(ctx, 100*time.Millisecond)
		}
	}
}

func otherFingerprint(_ http.Header, answer string) string {
	const attribute = "a=fingerprint:sha-256 "
	var lines []string
	for line := range strings.Lines(answer) {
		if strings.HasPrefix(line, attribute) {
			line = attribute + strings.Repeat("AB:", 31) + "AB\r\n"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "")
}

// leave is gone before the path is secured.
func leave(ctx context.Context, _ *testing.T, v *visit) {
	_ = v.udp.Close()
	stay(12*time.Second)(ctx, nil, v)
}

func closeDTLS(_ context.Context, t *testing.T, v *visit) {
	if err := v.pc.SCTP().Transport().Stop(); err != nil && v.pc.ConnectionState() != webrtc.PeerConnectionStateClosed {
		t.Log(err)
	}
}
