//go:build linux && !nonative

package interop_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/host/web"
	"github.com/blade-shadow/terminal/internal/lab"
)

// picture returns the picture that a screen of the web client shows.
func (c *browser) picture(screen int) (p barcode.Payload, marker uint16, err error) {
	var data string
	err = c.tryEval(fmt.Sprintf(`(() => {
		const v = shadow.screens[%d].video, k = document.createElement('canvas');
		k.width = v.videoWidth; k.height = v.videoHeight;
		k.getContext('2d').drawImage(v, 0, 0);
		return k.width ? k.toDataURL('image/png') : '';
	})()`, screen), &data)
	if err != nil {
		return p, 0, err
	}
	content, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(data, "data:image/png;base64,"))
	if err != nil {
		return p, 0, err
	}
	img, err := png.Decode(bytes.NewReader(content))
	if err != nil {
		return p, 0, fmt.Errorf("no picture yet: %w", err)
	}
	p, err = barcode.ReadImage(img)
	marker, _ = barcode.ReadMarkerImage(img) // none is 0
	return p, marker, err
}

// page is where a host serves the web client.
func page(host *lab.Host) string {
	u, err := url.Parse(host.URL)
	if err != nil {
		return err.Error()
	}
	return u.Scheme + "://" + u.Host + "/"
}

// connect presses the page's button and waits for pictures of all screens.
func (c *browser) connect(screens int) {
	c.Helper()
	c.eval(fmt.Sprintf(`document.getElementById('screens').value = '%d'; document.getElementById('connect').click()`, screens), nil)
	c.live(screens)
}

// live waits for moving pictures of all screens.
func (c *browser) live(screens int) {
	c.Helper()
	for i := range screens {
		var first uint32
		c.wait("moving pictures", func() error {
			p, _, err := c.picture(i)
			switch {
			case err != nil:
				return err
			case int(p.Screen) != i:
				return fmt.Errorf("picture of screen %d; want %d", p.Screen, i)
			case first == 0:
				first = p.Frame
			}
			if p.Frame <= first {
				return errNotYet
			}
			return nil
		})
	}
}

// figures are what the web client measured of its first screen and the sound.
type figures struct {
	Screens []struct {
		Codec                                                string
		Width, Height                                        int
		FPS, LossPercent, JitterMS, LatencyMS, BufferMS, Bps float64
		Packets, Lost, Nacks, Repaired, Plis, Decoded        float64
		Freezes, FreezeMS                                    float64
	}
	Sound struct{ Packets, Samples, Concealed, Silent, Energy float64 }
	Path  struct {
		Kind, Protocol            string
		RTT, ControlRTT, InputRTT float64
	}
}

func (c *browser) figures() (f figures, err error) {
	err = c.tryEval(`shadow.figures`, &f)
	if err == nil && len(f.Screens) == 0 {
		err = errors.New("no figures yet")
	}
	return f, err
}

// A browser shows both screens, plays the sound, and what is done there reaches
// the host.
func TestChromiumViews(t *testing.T) {
	b := begin(t, lab.Need("chromium"))
	host := b.host(lab.HostConfig{Source: "testcard", Size: "640x360", Screens: 2})
	c := b.chromium()
	c.open(page(host))
	c.screenshot("web-start.png")
	c.connect(2)
	c.wait("figures", func() error {
		f, err := c.figures()
		switch {
		case err != nil:
			return err
		case len(f.Screens) != 2 || f.Screens[0].Codec != "H264" || f.Screens[0].FPS < 20:
			return fmt.Errorf("screens are %+v; want two of H264 at 20 a second or more", f.Screens)
		case f.Sound.Packets == 0 || f.Sound.Energy == 0:
			return fmt.Errorf("sound is %+v; want packets with energy", f.Sound)
		case f.Screens[0].LatencyMS <= 0 || f.Screens[0].LatencyMS > 1000:
			return fmt.Errorf("latency is %v ms; want one", f.Screens[0].LatencyMS)
		case f.Path.ControlRTT <= 0 || f.Path.InputRTT <= 0:
			return fmt.Errorf("path is %+v; want both round trips", f.Path)
		}
		t.Logf("figures: %+v", f)
		return nil
	})
	c.input()
	c.eval(`document.getElementById('stats').click()`, nil)
	c.wait("statistics on the page", func() error {
		var text string
		if err := c.tryEval(`document.getElementById('figures').textContent`, &text); err != nil {
			return err
		}
		if !strings.Contains(text, "640×360") {
			return fmt.Errorf("it says %q", text)
		}
		return nil
	})
	c.screenshot("web-live.png")
	c.eval(`document.getElementById('leave').click()`, nil)
	c.wait("the end of the session", func() error { return c.state("idle") })
	sum := b.endHost(host)
	if sum.Input.Events < 6 {
		t.Errorf("input events at the host = %d; want the keys, the button and the marker, down and up", sum.Input.Events)
	}
}

// Over a line that loses packets the browser asks again and shows on.
func TestChromiumRepairs(t *testing.T) {
	b := begin(t, lab.Need("chromium"))
	host := b.host(lab.HostConfig{Source: "testcard", Size: "640x360", Busy: true, BitrateBps: 4_000_000})
	relay, viewers := b.relay(host.URL, lossy(), loopback(), loopback())
	c := b.chromium()
	c.open(strings.TrimSuffix(viewers, "whep"))
	c.connect(1)
	var f figures
	c.wait("repairs", func() (err error) {
		if f, err = c.figures(); err != nil {
			return err
		}
		if s := f.Screens[0]; s.Decoded < 200 || s.Repaired < 10 || s.Nacks < 5 {
			return fmt.Errorf("it counts %+v; want 200 pictures and 10 repairs", s)
		}
		return nil
	})
	t.Logf("figures %+v, lost on the line %d", f, relay.Stats().Down.Lost())
	if s := f.Screens[0]; s.FreezeMS > 1000 {
		t.Errorf("frozen for %v ms in %v times; want less than a second", s.FreezeMS, s.Freezes)
	}
	c.input()
}

// When the host goes away the page says so, keeps the last picture and finds
// the host when it is back. A second terminal takes over for good.
func TestChromiumComesBack(t *testing.T) {
	b := begin(t, lab.Need("chromium"))
	host := b.host(lab.HostConfig{Source: "testcard", Size: "640x360"})
	address, err := host.Address()
	b.ok(err)
	c := b.chromium()
	c.open(page(host))
	c.connect(1)
	b.endHost(host)
	c.wait("the countdown", func() error {
		var said string
		if err := c.tryEval(`document.getElementById('title').textContent + ' ' + document.getElementById('detail').textContent`, &said); err != nil {
			return err
		}
		if !strings.Contains(said, "Trying again in") {
			return fmt.Errorf("the page says %q", said)
		}
		return nil
	})
	c.screenshot("web-waiting.png")
	var still bool
	c.eval(`!shadow.screens[0].still.hidden && shadow.screens[0].still.width === 640`, &still)
	if !still {
		t.Error("the last picture is gone; want it kept")
	}
	again := b.host(lab.HostConfig{Source: "testcard", Size: "640x360", Listen: address})
	c.live(1)
	other := b.terminal(again.URL)
	c.wait("the end for good", func() error { return c.state("idle") })
	var said string
	c.eval(`document.getElementById('title').textContent`, &said)
	if said != "Another terminal took the session over." {
		t.Errorf("the page says %q; want that another terminal took over", said)
	}
	b.end(other)
}

// A host with a token is shown after the person has given it.
func TestChromiumGivesToken(t *testing.T) {
	b := begin(t, lab.Need("chromium"))
	file := filepath.Join(t.TempDir(), "token")
	b.ok(os.WriteFile(file, []byte("a-token-of-some-length\n"), 0o600))
	host := b.host(lab.HostConfig{Source: "testcard", Size: "640x360", TokenFile: file})
	c := b.chromium()
	c.open(page(host))
	c.eval(`document.getElementById('connect').click()`, nil)
	c.wait("the question for the token", func() error {
		var asked bool
		if err := c.tryEval(`!document.getElementById('token-row').hidden`, &asked); err != nil || !asked {
			return errors.Join(errNotYet, err)
		}
		return nil
	})
	c.screenshot("web-token.png")
	c.eval(`document.getElementById('token').value = 'a-token-of-some-length'; document.getElementById('connect').click()`, nil)
	c.live(1)
	var kept string
	c.eval(`document.getElementById('token').value + localStorage.length + sessionStorage.length + document.cookie`, &kept)
	if kept != "00" {
		t.Errorf("the page keeps %q; want the token nowhere but in memory", kept)
	}
}

// state is what the page thinks of its session.
func (c *browser) state(want string) error {
	var got string
	if err := c.tryEval(`shadow.state`, &got); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("the page is %q; want %q", got, want)
	}
	return nil
}

// The page's bytes are those of internal/wire: its vectors, in a browser.
func TestChromiumEncodesAsWeDo(t *testing.T) {
	b := begin(t, lab.Need("chromium"))
	files, err := web.New()
	b.ok(err)
	mux := http.NewServeMux()
	for _, p := range web.Patterns() {
		mux.Handle(p, files)
	}
	mux.Handle("GET /testdata/", http.FileServerFS(os.DirFS(".")))
	mux.Handle("GET /vectors/", http.FileServerFS(os.DirFS(filepath.Join("..", "..", "wire", "testdata"))))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c := b.chromium()
	c.open(server.URL + "/web/screen.html")
	var result struct {
		Tried int
		Wrong []string
	}
	c.eval(`(async () => {
		const text = async (name) => (await fetch('/vectors/' + name + '.json')).text();
		const { check } = await import('/testdata/vectors.js');
		return check(await text('input'), await text('control'), await text('input-refused'));
	})()`, &result)
	if result.Tried < 20 {
		t.Errorf("%d vectors were tried; want most of them", result.Tried)
	}
	for _, w := range result.Wrong {
		t.Error(w)
	}
}
