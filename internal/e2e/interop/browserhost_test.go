//go:build linux && !nonative

package interop_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/lab"
)

// whepServer is a WHEP endpoint whose answers somebody else makes.
func (b bench) whepServer(pages http.Handler, answer func(offer string) (string, error)) *httptest.Server {
	b.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /whep", func(w http.ResponseWriter, r *http.Request) {
		offer, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
		if err == nil {
			var made string
			if made, err = answer(string(offer)); err == nil {
				w.Header().Set("Content-Type", "application/sdp")
				w.Header().Set("Location", "/whep/1")
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, made)
				return
			}
		}
		http.Error(w, err.Error(), http.StatusInternalServerError)
	})
	mux.HandleFunc("DELETE /whep/1", func(http.ResponseWriter, *http.Request) {})
	if pages != nil {
		mux.Handle("GET /", pages)
	}
	server := httptest.NewServer(mux)
	b.Cleanup(server.Close)
	return server
}

// A browser sends its canvas to the terminal over a line that loses packets:
// NACK, RTX, PLI and transport-wide feedback are understood on both sides.
func TestChromiumHosts(t *testing.T) {
	b := begin(t, lab.Need("chromium"))
	c := b.chromium()
	pages := http.NewServeMux()
	pages.Handle("GET /testdata/", http.FileServerFS(os.DirFS(".")))
	pages.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<!doctype html><title>host</title><script src="/testdata/host.js"></script>`)
	})
	server := b.whepServer(pages, func(offer string) (answer string, err error) {
		quoted, err := json.Marshal(offer)
		if err == nil {
			err = c.tryEval("answer("+string(quoted)+")", &answer)
		}
		return answer, err
	})
	c.open(server.URL + "/")
	relay, viewers := b.relay(server.URL+"/whep", lossy(), loopback(), loopback())
	terminal := b.terminal(viewers, "--codec", "h264")
	var f struct {
		Frames, Keyframes, Nacks, Plis, RTX, Packets uint64
		Encoder                                      string
		RTT, Reported, Bandwidth                     float64
	}
	counts := func(what string, good func() bool) {
		b.wait(what, func() error {
			if err := c.tryEval(`counts()`, &f); err != nil {
				return err
			}
			if !good() {
				return fmt.Errorf("the browser counts %+v", f)
			}
			return nil
		})
	}
	counts("repairs and feedback", func() bool { return f.Frames >= 150 && f.RTX >= 3 && f.Bandwidth > 0 && f.RTT > 0 })
	before := f
	relay.Blackout(1500 * time.Millisecond)
	counts("a keyframe after an outage", func() bool { return f.Keyframes > before.Keyframes && f.Plis > before.Plis })
	keyed := f.Frames
	counts("pictures after it", func() bool { return f.Frames >= keyed+60 })
	sum := b.end(terminal)
	s := sum.Screens[0]
	t.Logf("browser %+v, decoded %d, dropped %v, transport %+v", f, s.Decoded, s.Dropped, sum.Transport)
	if s.Codec != "H264" || s.Width != 640 || s.Height != 360 {
		t.Errorf("screen is %s %dx%d; want H264 640x360", s.Codec, s.Width, s.Height)
	}
	if s.Decoded+100 < f.Frames {
		t.Errorf("decoded %d frames of %d; want nearly all", s.Decoded, f.Frames)
	}
	if sum.Transport.Repaired == 0 || s.Dropped["decoder"] > 0 {
		t.Errorf("repaired %d packets, dropped %v; want repairs, and nothing that the decoder refused", sum.Transport.Repaired, s.Dropped)
	}
}
