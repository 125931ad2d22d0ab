//go:build linux && !nonative

package interop_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/lab"
	"github.com/blade-shadow/terminal/internal/netlab"
)

// lossy is a line of 10 ms each way that loses 2 % of what comes to the viewer.
func lossy() netlab.Profile {
	return netlab.Profile{
		Name: "lossy",
		Up:   netlab.Conditions{Delay: 10 * time.Millisecond},
		Down: netlab.Conditions{Delay: 10 * time.Millisecond, Loss: 0.02},
	}
}

// relay puts a line between a viewer and the host at endpoint, and returns the
// endpoint for the viewer. Each side has the relay at the address named.
func (b bench) relay(endpoint string, p netlab.Profile, host, viewer netip.Addr) (r *netlab.Relay, viewers string) {
	b.Helper()
	r, err := netlab.NewRelay(netlab.RelayConfig{To: endpoint, Profile: p, Seed: 1, HostFacing: host, ViewerFacing: viewer})
	b.ok(err)
	server := httptest.NewServer(r)
	ctx, cancel := b.cancelled()
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		<-done
		server.Close()
	})
	u, err := url.Parse(endpoint)
	b.ok(err)
	return r, server.URL + u.Path
}

// ownAddress is an address of this machine that is not loopback, because
// libnice gathers none there; loopback where there is no other.
func ownAddress() netip.Addr {
	all, _ := net.InterfaceAddrs() // none is as good as an error
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && p.Addr().IsGlobalUnicast() {
			return p.Addr()
		}
	}
	return loopback()
}

func loopback() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

// script starts a Python peer and returns what it serves.
func (b bench) script(name string, args ...string) (p *lab.Process, endpoint string) {
	b.Helper()
	p = b.start(lab.Command{Name: name, Path: lab.Python, Args: append([]string{"testdata/" + name}, args...)})
	line, err := p.WaitLine(b.soon(), "listening url=")
	b.ok(err)
	_, endpoint, _ = strings.Cut(line, "url=")
	return p, endpoint
}

// get reads JSON.
func (b bench) get(address string, into any) error {
	response, err := http.Get(address)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(into)
}

type gstFigures struct {
	Frames, Keyframes, RTX uint64
	Requests               uint64 `json:"rtx_requests"`
}

// A host that negotiates no header extensions, in both codecs, over a line
// that loses packets: what is lost is repaired by RTX, and after an outage a
// keyframe is asked for and given.
func TestGStreamerHosts(t *testing.T) {
	for format, codec := range map[string]string{"H264": "h264", "H265": "hevc"} {
		t.Run(format, func(t *testing.T) {
			b := begin(t, needGStreamer())
			_, endpoint := b.script("gsthost.py", format)
			relay, viewers := b.relay(endpoint, lossy(), ownAddress(), loopback())
			terminal := b.terminal(viewers, "--codec", codec)
			var f gstFigures
			counts := func(what string, good func() bool) {
				b.wait(what, func() error {
					if err := b.get(strings.TrimSuffix(endpoint, "whep")+"figures", &f); err != nil {
						return err
					}
					if !good() {
						return fmt.Errorf("the host counts %+v", f)
					}
					return nil
				})
			}
			counts("repairs", func() bool { return f.Frames >= 120 && f.RTX >= 3 })
			before := f
			relay.Blackout(700 * time.Millisecond)
			counts("a keyframe after an outage", func() bool { return f.Keyframes > before.Keyframes })
			keyed := f.Frames
			counts("pictures after it", func() bool { return f.Frames >= keyed+60 })
			b.checkGStreamerHost(b.end(terminal), f, format)
		})
	}
}

func (b bench) checkGStreamerHost(sum *lab.TerminalSummary, f gstFigures, format string) {
	b.Helper()
	s := sum.Screens[0]
	b.Logf("host %+v, decoded %d, dropped %v, transport %+v", f, s.Decoded, s.Dropped, sum.Transport)
	if want := strings.ReplaceAll(format, "H265", "HEVC"); s.Codec != want || s.Width != 640 || s.Height != 360 {
		b.Errorf("screen is %s %dx%d; want %s 640x360", s.Codec, s.Width, s.Height, want)
	}
	// 700 ms of 30 a second are lost, and what had no keyframe after it.
	if s.Decoded+60 < f.Frames {
		b.Errorf("decoded %d frames of %d; want nearly all", s.Decoded, f.Frames)
	}
	if sum.Transport.Repaired == 0 || sum.Transport.NACKs == 0 || sum.Transport.KeyframeRequests == 0 {
		b.Errorf("transport = %+v; want packets asked for and repaired, and a keyframe asked for", sum.Transport)
	}
	if s.Dropped["decoder"] > 0 {
		b.Errorf("the decoder refused %d frames; want none", s.Dropped["decoder"])
	}
}

// A player with GStreamer's own settings, for which a repair stream must be
// numbered when it is sent: its RTP session drops what does not begin with two
// packets in sequence.
func TestGStreamerPlays(t *testing.T) {
	b := begin(t, needGStreamer())
	host := b.host(lab.HostConfig{Source: "testcard", Size: "1280x720", BitrateBps: 5_000_000, Audio: "none", Busy: true})
	relay, viewers := b.relay(host.URL, lossy(), loopback(), loopback())
	command, err := lab.GStreamerPlayer(t.TempDir(), viewers, "--figures")
	b.ok(err)
	player := b.start(command)
	var f struct {
		Frames, Lost float64
		Asked        float64 `json:"rtx_asked"`
		Good         float64 `json:"rtx_good"`
	}
	b.wait("pictures and repairs", func() error {
		lines := strings.Split(strings.TrimSpace(player.Stdout()), "\n")
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &f); err != nil {
			return errNotYet
		}
		if n := relay.Stats().Down.Lost(); f.Frames < 240 || f.Good < 5 || n < 20 {
			return fmt.Errorf("the player counts %+v of %d losses; want 240 frames, repairs, and 20 losses", f, n)
		}
		return nil
	})
	lost := relay.Stats().Down.Lost()
	t.Logf("player %+v, lost on the line %d", f, lost)
	// It gives up on many by itself; numbered wrongly, none of them would come.
	if f.Good < 0.25*float64(lost) {
		t.Errorf("%v of %d lost packets were repaired; want a quarter or more", f.Good, lost)
	}
}
