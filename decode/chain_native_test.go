//go:build linux && cgo && !nonative

package decode_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/decode/vatest"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// player gives a decoder access units one by one and notes what comes out.
type player struct {
	t        testing.TB
	d        *decode.Decoder
	released chan uint32
	asks     chan string
	cancel   context.CancelFunc
	done     chan error

	mu     sync.Mutex
	shown  []uint32
	kinds  []media.PixelFormat
	lumas  []int
	sizes  [][2]int
	told   []decode.Capability
	broken []string
}

func newPlayer(t testing.TB, open func(media.Codec) (decode.Backend, error), hangAfter time.Duration) *player {
	t.Helper()
	p := &player{t: t, released: make(chan uint32, 1000), asks: make(chan string, 1000), done: make(chan error, 1)}
	d, err := decode.New(decode.Config{
		Open: open, OnFrame: p.onFrame, HangAfter: hangAfter,
		NeedKeyframe: func(reason string) { p.asks <- reason },
		OnCapabilities: func(c []decode.Capability) {
			p.mu.Lock()
			p.told = c
			p.mu.Unlock()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.d = d
	ctx, cancel := context.WithCancel(t.Context())
	p.cancel = cancel
	go func() { p.done <- d.Run(ctx) }()
	return p
}

func (p *player) onFrame(f *media.Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown = append(p.shown, f.FrameID)
	p.kinds = append(p.kinds, f.Format)
	p.sizes = append(p.sizes, [2]int{f.Width, f.Height})
	luma := -1
	if f.Format != media.DMABuf {
		luma = int(f.Planes[0][f.Stride[0]*(f.Height/2)+f.Width/2])
	} else if err := decode.CheckSurface(f); err != nil {
		p.broken = append(p.broken, err.Error())
	}
	p.lumas = append(p.lumas, luma)
	f.Release()
}

// submit gives an access unit without waiting for it.
func (p *player) submit(codec media.Codec, id uint32, key bool, data []byte) {
	au := media.NewAccessUnit(func(*media.AccessUnit) { p.released <- id })
	au.Codec, au.FrameID, au.Keyframe = codec, id, key
	au.Data = append(make([]byte, 0, len(data)+media.Padding), data...)
	p.d.Submit(au)
}

// play gives access units from first on, waiting for each to come back.
func (p *player) play(codec media.Codec, units [][]byte, key int, first, last int) {
	p.t.Helper()
	for id := first; id <= last; id++ {
		p.submit(codec, uint32(id), (id-1)%key == 0, units[id-1])
		p.back(uint32(id))
	}
}

func (p *player) back(id uint32) {
	p.t.Helper()
	select {
	case got := <-p.released:
		if got != id {
			p.t.Fatalf("access unit %d came back; want %d", got, id)
		}
	case err := <-p.done:
		p.t.Fatalf("Run() = %v before access unit %d came back", err, id)
	case <-time.After(20 * time.Second):
		p.t.Fatalf("access unit %d does not come back", id)
	}
}

func (p *player) stop() decode.Stats {
	p.t.Helper()
	p.cancel()
	select {
	case err := <-p.done:
		if err != nil {
			p.t.Errorf("Run() = %v; want nil", err)
		}
	case <-time.After(20 * time.Second):
		p.t.Fatal("Run does not end")
	}
	if len(p.broken) != 0 {
		p.t.Errorf("exported pictures: %v", p.broken)
	}
	return p.d.Stats()
}

// stream is n access units with a keyframe every key pictures.
func stream(t testing.TB, codec media.Codec, width, height, n, key int) [][]byte {
	t.Helper()
	e, err := libav.NewEncoder(libav.EncoderConfig{Codec: codec, Width: width, Height: height, FPS: 60, BitrateBps: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	f := media.AllocFrame(media.I420, width, height)
	units := make([][]byte, n)
	for i := range units {
		for j := range f.Planes[0] {
			f.Planes[0][j] = byte(16 + i)
		}
		if units[i], _, err = e.Encode(nil, f, i%key == 0); err != nil {
			t.Fatal(err)
		}
	}
	return units
}

// hardware opens the chain on the test driver, everything proved: knobs count
// pictures from the first that a test decodes.
func hardware(t *testing.T, k vatest.Knobs, dmabuf bool) *decode.Hardware {
	t.Helper()
	memory := filepath.Join(t.TempDir(), "decode.json")
	good := vatest.Knobs{Version: k.Version}
	if err := decode.OpenHardware(decode.HardwareConfig{Device: vatest.Use(t, good), DMABuf: true, Memory: memory}).Close(); err != nil {
		t.Fatal(err)
	}
	h := decode.OpenHardware(decode.HardwareConfig{Device: vatest.Use(t, k), DMABuf: dmabuf, Memory: memory})
	t.Cleanup(func() { checkLive(t, h) })
	return h
}

// checkLive closes the driver and wants nothing left in it.
func checkLive(t *testing.T, h *decode.Hardware) {
	t.Helper()
	if err := h.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	logs := vatest.Logs(t)
	if len(logs) == 0 {
		t.Error("the driver did not end")
	}
	for _, l := range logs {
		if l.Live != (vatest.Live{}) {
			t.Errorf("left in the driver: %+v; want nothing", l.Live)
		}
	}
}

func names(list []decode.Capability) string {
	var all []string
	for _, c := range list {
		all = append(all, fmt.Sprintf("%v %s", c.Codec, c.Backend))
	}
	return strings.Join(all, ", ")
}

// TestHardwareProofs: what the driver offers and does decides what is offered
// to the host.
func TestHardwareProofs(t *testing.T) {
	tests := []struct {
		name   string
		knobs  vatest.Knobs
		dmabuf bool
		want   string
		reason string
	}{
		{"everything", vatest.Knobs{}, true, "H264 vaapi, HEVC vaapi", ""},
		{"modifier invalid", vatest.Knobs{ModifierInvalid: true, Interlaced: true}, true, "H264 vaapi, HEVC vaapi", ""},
		{"no import", vatest.Knobs{}, false, "H264 vaapi-copy, HEVC vaapi-copy", ""},
		{"no export", vatest.Knobs{ExportFails: true}, true, "H264 vaapi-copy, HEVC vaapi-copy", "export"},
		{"no HEVC", vatest.Knobs{Profiles: []string{vatest.H264Main, vatest.H264High}}, true, "H264 vaapi, HEVC software", "HEVC: not decoded"},
		{"no High", vatest.Knobs{Profiles: []string{vatest.H264Main, vatest.HEVCMain}}, true, "H264 software, HEVC vaapi", "not decoded"},
		{"nothing", vatest.Knobs{Profiles: []string{}}, true, "H264 software, HEVC software", "not decoded"},
		{"first picture fails", vatest.Knobs{FailFrom: 1}, true, "H264 software, HEVC software", "hardware failure"},
		{"second picture fails", vatest.Knobs{FailAt: 2}, true, "H264 software, HEVC vaapi", "picture 2"},
		{"in sync", vatest.Knobs{FailFrom: 1, FailInSync: true}, true, "H264 software, HEVC software", "hardware failure"},
		{"does not start", vatest.Knobs{FailInit: true}, true, "H264 software, HEVC software", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := decode.OpenHardware(decode.HardwareConfig{Device: vatest.Use(t, tt.knobs), DMABuf: tt.dmabuf})
			if got := names(h.Capabilities()); got != tt.want {
				t.Errorf("Capabilities() = %s; want %s\n%+v", got, tt.want, h.Links())
			}
			var reasons []string
			for _, c := range h.Links() {
				if !c.Proved {
					reasons = append(reasons, c.Reason)
				}
			}
			if got := strings.Join(reasons, "; "); !strings.Contains(got, tt.reason) || tt.reason == "" && got != "" {
				t.Errorf("reasons = %q; want %q", got, tt.reason)
			}
			if tt.knobs.FailInit {
				return
			}
			checkLive(t, h)
		})
	}
}

// TestHardwareNone: without a device software remains and nothing is wrong.
func TestHardwareNone(t *testing.T) {
	for _, device := range []string{decode.DeviceNone, filepath.Join(t.TempDir(), "renderD128")} {
		h := decode.OpenHardware(decode.HardwareConfig{Device: device, DMABuf: true})
		c := h.Capabilities()
		if names(c) != "H264 software, HEVC software" || !c[0].Proved || !c[1].Proved || c[0].MacroblocksPerSecond != 522_240 {
			t.Errorf("Capabilities() on %s = %+v; want software, proved", device, c)
		}
		if err := h.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	}
}

func TestHardwareLimits(t *testing.T) {
	h := decode.OpenHardware(decode.HardwareConfig{Device: vatest.Use(t, vatest.Knobs{MaxWidth: 2048, MaxHeight: 1152}), DMABuf: true})
	for _, c := range h.Capabilities() {
		if c.MaxWidth != 2048 || c.MaxHeight != 1152 || c.MacroblocksPerSecond != 2_073_600 || !c.Hardware {
			t.Errorf("Capabilities() has %+v; want 2048x1152 and 2073600 a second", c)
		}
	}
	checkLive(t, h)
}

func TestHardwareHangsInProof(t *testing.T) {
	memory := filepath.Join(t.TempDir(), "decode.json")
	cfg := decode.HardwareConfig{Device: vatest.Use(t, vatest.Knobs{HangAt: 1}), DMABuf: true, Memory: memory, ProofTime: 300 * time.Millisecond}
	h := decode.OpenHardware(cfg)
	if got := names(h.Capabilities()); got != "H264 software, HEVC software" {
		t.Errorf("Capabilities() = %s; want software", got)
	}
	vatest.Release(t)
	if err := h.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	cfg.Device = vatest.Use(t, vatest.Knobs{})
	h = decode.OpenHardware(cfg)
	if got := names(h.Capabilities()); got != "H264 software, HEVC vaapi" {
		t.Errorf("Capabilities() at the next start = %s; want H264 left out", got)
	}
	checkLive(t, h)
}

// TestHardwareCrashInProof is a program that a driver aborts.
func TestHardwareCrashInProof(t *testing.T) {
	const variable = "DECODE_NATIVE_MEMORY"
	if memory := os.Getenv(variable); memory != "" {
		h := decode.OpenHardware(decode.HardwareConfig{Device: os.DevNull, DMABuf: true, Memory: memory})
		fmt.Printf("came through with %s\n", names(h.Capabilities()))
		return
	}
	dir := t.TempDir()
	vatest.Use(t, vatest.Knobs{CrashAt: 1})
	start := func() (string, error) {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHardwareCrashInProof$", "-test.count=1")
		cmd.Env = append(os.Environ(), variable+"="+filepath.Join(dir, "decode.json"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for i := range 2 { // one for each codec
		if out, err := start(); err == nil {
			t.Fatalf("start %d came through: %s", i+1, out)
		}
	}
	if out, err := start(); err != nil || !strings.Contains(out, "H264 software, HEVC software") {
		t.Errorf("third start = %v: %s; want software", err, out)
	}
}

// TestHardwareSession: a stream of 60 pictures with a keyframe every ten, with
// what may go wrong in the middle of it.
func TestHardwareSession(t *testing.T) {
	tests := []struct {
		name       string
		knobs      vatest.Knobs
		dmabuf     bool
		shown      int // of 60
		backend    string
		downgrades uint64
		told       string
	}{
		{"good", vatest.Knobs{}, true, 60, "vaapi", 0, ""},
		{"copied", vatest.Knobs{}, false, 60, "vaapi-copy", 0, ""},
		// 25 fails, 26 to 30 refer to it.
		{"one failure", vatest.Knobs{FailAt: 25}, true, 54, "vaapi", 0, ""},
		{"one failure in sync", vatest.Knobs{FailAt: 25, FailInSync: true}, true, 54, "vaapi", 0, ""},
		// 25 to 27 fail, 28 to 30 wait; 31 to 33 fail copied, 34 to 40 wait.
		{"fails for good", vatest.Knobs{FailFrom: 25}, true, 44, "software", 2, "H264 software, HEVC vaapi"},
		{"export fails", vatest.Knobs{ExportFails: true}, true, 60, "vaapi-copy", 1, "H264 vaapi-copy, HEVC vaapi"},
		{"High is gone", vatest.Knobs{Profiles: []string{vatest.H264Main, vatest.HEVCMain}}, true, 60, "software", 2, "H264 software, HEVC vaapi"},
	}
	units := stream(t, media.CodecH264, 320, 192, 60, 10)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := hardware(t, tt.knobs, tt.dmabuf)
			p := newPlayer(t, h.Open, 0)
			p.play(media.CodecH264, units, 10, 1, 60)
			s := p.stop()
			if len(p.shown) != tt.shown || s.Backend != tt.backend || s.Downgrades != tt.downgrades || names(p.told) != tt.told {
				t.Errorf("%d shown by %s after %d downgrades (%s), told %q; want %d, %s, %d, %q\nnot shown: %v",
					len(p.shown), s.Backend, s.Downgrades, s.Reason, names(p.told), tt.shown, tt.backend, tt.downgrades, tt.told, missing(p.shown, 60))
			}
			for i, luma := range p.lumas {
				if want := 15 + int(p.shown[i]); luma >= 0 && (luma < want-2 || luma > want+2) {
					t.Errorf("picture %d has luma %d; want about %d", p.shown[i], luma, want)
				}
			}
			if got := uint64(len(p.shown)) + s.DroppedTotal(); got != 60 {
				t.Errorf("shown and dropped are %d; want 60", got)
			}
		})
	}
}

func missing(shown []uint32, n uint32) (list []uint32) {
	for id := uint32(1); id <= n; id++ {
		if !slices.Contains(shown, id) {
			list = append(list, id)
		}
	}
	return list
}

// TestHardwareHangs: the driver does not come back from a picture; the link
// below takes over with the next keyframe.
func TestHardwareHangs(t *testing.T) {
	units := stream(t, media.CodecH264, 320, 192, 40, 10)
	h := hardware(t, vatest.Knobs{HangAt: 15}, true)
	p := newPlayer(t, h.Open, 200*time.Millisecond)
	p.play(media.CodecH264, units, 10, 1, 14)
	p.submit(media.CodecH264, 15, false, units[14])
	for {
		select {
		case why := <-p.asks:
			if why != "the decoder hangs" {
				continue
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the hang is not noticed")
		}
		break
	}
	p.play(media.CodecH264, units, 10, 16, 30)
	if s := p.d.Stats(); s.Hangs != 1 || s.Hanging != 1 || s.Dropped[decode.DropHung] != 1 || s.Backend == "vaapi" {
		t.Errorf("Stats() = %+v; want one hanging and another backend", s)
	}
	vatest.Release(t)
	p.back(15)
	p.play(media.CodecH264, units, 10, 31, 40)
	s := p.stop()
	if want := missing(p.shown, 40); !slices.Equal(want, ids(15, 16, 17, 18, 19, 20)) {
		t.Errorf("not shown: %v; want 15 to 20", want)
	}
	if s.Backend != "vaapi-copy" || s.Downgrades != 1 || len(p.shown)+int(s.DroppedTotal()) != 40 {
		t.Errorf("Stats() = %+v; want vaapi-copy after one downgrade, 40 in all", s)
	}
	for range 1000 { // the thread that hung frees the driver's objects on its own
		if p.d.Stats().Hanging == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the thread that hung does not end")
}

// TestChangesInMidStream: sizes and parameter sets change with keyframes, on
// every link.
func TestChangesInMidStream(t *testing.T) {
	for _, codec := range codecs {
		for _, link := range []string{"vaapi", "vaapi-copy", "software"} {
			t.Run(codec.String()+" "+link, func(t *testing.T) {
				open := decode.OpenHardware(decode.HardwareConfig{Device: decode.DeviceNone}).Open
				if link != "software" {
					open = hardware(t, vatest.Knobs{}, link == "vaapi").Open
				}
				p := newPlayer(t, open, 0)
				sizes := [][2]int{{320, 192}, {640, 368}, {320, 192}, {176, 144}, {642, 362}}
				id := uint32(0)
				for _, size := range sizes {
					for i, data := range stream(t, codec, size[0], size[1], 5, 5) {
						id++
						p.submit(codec, id, i == 0, data)
						p.back(id)
					}
				}
				s := p.stop()
				if s.Backend != link || s.Downgrades != 0 || len(p.shown) != 25 {
					t.Fatalf("%d shown by %s after %d downgrades (%s); want 25 by %s", len(p.shown), s.Backend, s.Downgrades, s.Reason, link)
				}
				for i, got := range p.sizes {
					if got != sizes[i/5] {
						t.Errorf("picture %d is %v; want %v", i+1, got, sizes[i/5])
					}
				}
			})
		}
	}
}
