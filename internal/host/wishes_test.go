package host_test

import (
	"math"
	"slices"
	"testing"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

// The macroblocks a second of H.264's levels 4.1, 5.1 and 5.2 (Table A-1).
const (
	level41 = 245_760
	level51 = 983_040
	level52 = 2_073_600
)

func TestShape(t *testing.T) {
	uhd60, uhd144 := host.Shape{3840, 2160, 60_000}, host.Shape{3840, 2160, 144_000}
	hd60, hd144 := host.Shape{1920, 1080, 60_000}, host.Shape{1920, 1080, 144_000}
	avc := func(w, h uint16, mbs uint32) wire.Decoder {
		return wire.Decoder{Codec: media.CodecH264, MaxWidth: w, MaxHeight: h, MacroblocksPerSecond: mbs}
	}
	all := func(w, h uint16, rate uint32) wire.Limit {
		return wire.Limit{Screen: wire.AllScreens, MaxWidth: w, MaxHeight: h, MaxMilliFPS: rate}
	}
	out := func(w, h uint16, rate uint32) wire.Placement {
		return wire.Placement{Connected: true, Width: w, Height: h, MilliHz: rate}
	}
	tests := []struct {
		name     string
		given    []host.Shape
		decoders []wire.Decoder
		limits   []wire.Limit
		layout   []wire.Placement
		want     []host.Shape
	}{
		{name: "nothing said", given: []host.Shape{uhd144}, want: []host.Shape{uhd144}},
		{"decoder of 1080p", []host.Shape{uhd60}, []wire.Decoder{avc(1920, 1088, 0)}, nil, nil, []host.Shape{hd60}},
		{"box of other proportions", []host.Shape{uhd60}, []wire.Decoder{avc(1920, 540, 0)}, nil, nil, []host.Shape{{960, 540, 60_000}}},
		{"the first of a codec counts", []host.Shape{uhd60}, []wire.Decoder{{Codec: media.CodecHEVC, MaxWidth: 160}, avc(1280, 720, 0), avc(160, 90, 0)}, nil, nil, []host.Shape{{1280, 720, 60_000}}},
		{"codec that is not named", []host.Shape{uhd60}, []wire.Decoder{{Codec: media.CodecHEVC, MaxWidth: 160}}, nil, nil, []host.Shape{uhd60}},
		{"4K60 at level 5.1", []host.Shape{uhd60}, []wire.Decoder{avc(4096, 4096, level51)}, nil, nil, []host.Shape{{3840, 2160, 30_000}}},
		{"4K60 at level 5.2", []host.Shape{uhd60}, []wire.Decoder{avc(4096, 4096, level52)}, nil, nil, []host.Shape{uhd60}},
		{"1080p144 at level 5.1", []host.Shape{hd144}, []wire.Decoder{avc(4096, 4096, level51)}, nil, nil, []host.Shape{{1920, 1080, 72_000}}},
		{"1080p144 at level 5.2", []host.Shape{hd144}, []wire.Decoder{avc(4096, 4096, level52)}, nil, nil, []host.Shape{hd144}},
		{"sum over screens", []host.Shape{hd60, hd60}, []wire.Decoder{avc(4096, 4096, 2*level41)}, nil, nil, []host.Shape{{1920, 1080, 30_000}, {1920, 1080, 30_000}}},
		{"one screen is off", []host.Shape{hd60, {}}, []wire.Decoder{avc(4096, 4096, 2*level41)}, nil, nil, []host.Shape{hd60, {}}},
		{"limit of all", []host.Shape{uhd60, hd60}, nil, []wire.Limit{all(1280, 0, 30_000)}, nil, []host.Shape{{1280, 720, 30_000}, {1280, 720, 30_000}}},
		{"limit of one", []host.Shape{uhd60, hd60}, nil, []wire.Limit{{Screen: 1, MaxHeight: 360}}, nil, []host.Shape{uhd60, {640, 360, 60_000}}},
		{"limit taken back", []host.Shape{uhd60}, nil, []wire.Limit{all(1280, 720, 1000), all(0, 0, 0)}, nil, []host.Shape{uhd60}},
		{"limit of no screen", []host.Shape{uhd60}, nil, []wire.Limit{{Screen: 9, MaxWidth: 160}}, nil, []host.Shape{uhd60}},
		{"output is smaller", []host.Shape{uhd60}, nil, nil, []wire.Placement{out(1920, 1200, 60_000)}, []host.Shape{hd60}},
		{"output is larger", []host.Shape{hd60}, nil, nil, []wire.Placement{out(3840, 2160, 144_000)}, []host.Shape{hd60}},
		{"59.94 takes 60", []host.Shape{hd60}, nil, nil, []wire.Placement{out(1920, 1080, 59_940)}, []host.Shape{hd60}},
		{"50 Hz takes 50", []host.Shape{hd60}, nil, nil, []wire.Placement{out(1920, 1080, 50_000)}, []host.Shape{{1920, 1080, 50_000}}},
		{"not less than this", []host.Shape{uhd60}, []wire.Decoder{avc(1, 1, 1)}, []wire.Limit{all(1, 1, 1)}, nil, []host.Shape{{160, 90, 1000}}},
		{"small and rare as it is", []host.Shape{{64, 64, 500}}, []wire.Decoder{avc(1, 1, 1)}, []wire.Limit{all(1, 1, 1)}, nil, []host.Shape{{64, 64, 500}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := host.NewWishes(media.CodecH264, tt.given...)
			w.Decoders(tt.decoders...)
			for _, l := range tt.limits {
				w.Limit(l)
			}
			if tt.layout != nil {
				w.Layout(tt.layout...)
			}
			for i, want := range tt.want {
				if got := w.Shape(i); got != want {
					t.Errorf("shape of screen %d = %v; want %v", i, got, want)
				}
			}
		})
	}
}

// Whatever a terminal says, pictures stay inside the bounds that it gave, or
// are as small as they get, and are never empty, odd or larger than the source.
func FuzzShape(f *testing.F) {
	f.Add(uint16(3840), uint16(2160), uint32(60_000), uint16(1920), uint16(1088), uint32(level41), uint16(0), uint16(0), uint32(0))
	f.Add(uint16(640), uint16(3000), uint32(240_000), uint16(1), uint16(65535), uint32(1), uint16(7), uint16(1), uint32(math.MaxUint32))
	f.Fuzz(func(t *testing.T, w, h uint16, rate uint32, maxW, maxH uint16, mbs uint32, limW, limH uint16, limRate uint32) {
		given := host.Shape{(int(w)%4096 + 16) &^ 1, (int(h)%4096 + 16) &^ 1, int(rate%240_000) + 1}
		wish := host.NewWishes(media.CodecH264, given, given)
		wish.Decoders(wire.Decoder{Codec: media.CodecH264, MaxWidth: maxW, MaxHeight: maxH, MacroblocksPerSecond: mbs})
		wish.Limit(wire.Limit{Screen: 0, MaxWidth: limW, MaxHeight: limH, MaxMilliFPS: limRate})
		wish.Layout(wire.Placement{Index: 0, Connected: true, Width: limH, Height: limW, MilliHz: limRate}, wire.Placement{Index: 1, Connected: true})
		total := 0.0
		for i := range 2 {
			s := wish.Shape(i)
			total += s.Load()
			least := host.Shape{min(160, given.Width), min(90, given.Height), min(1000, given.MilliFPS)}
			if s.Width < least.Width || s.Height < least.Height || s.MilliFPS < least.MilliFPS ||
				s.Width > given.Width || s.Height > given.Height || s.MilliFPS > given.MilliFPS || s.Width%2+s.Height%2 != 0 {
				t.Fatalf("shape of screen %d = %v; want it within %v and %v", i, s, least, given)
			}
			if maxW > 0 && s.Width > max(int(maxW), least.Width) || maxH > 0 && s.Height > max(int(maxH), least.Height) {
				t.Fatalf("shape of screen %d = %v; want it within the decoder's %dx%d", i, s, maxW, maxH)
			}
		}
		small := wish.Shape(0).Width <= 160 || wish.Shape(0).Height <= 90 || wish.Shape(1).Width <= 160 || wish.Shape(1).Height <= 90
		if mbs > 0 && total > float64(mbs)*1.0001 && !small {
			t.Errorf("%v and %v are %.0f macroblocks/s; want at most %d", wish.Shape(0), wish.Shape(1), total, mbs)
		}
	})
}

func TestNumbering(t *testing.T) {
	tests := []struct {
		name     string
		keep, of int
		ids      []uint32
		want     []uint32
	}{
		{"all", 60, 60, []uint32{1, 2, 3, 5, 6}, []uint32{1, 2, 3, 5, 6}},
		{"half", 30, 60, []uint32{1, 2, 3, 4, 5, 6}, []uint32{1, 0, 2, 0, 3, 0}},
		{"half, one late", 30, 60, []uint32{1, 2, 4, 5, 7}, []uint32{1, 0, 2, 3, 4}},
		{"half, two lost", 30, 60, []uint32{1, 6, 7}, []uint32{1, 3, 4}},
		{"50 of 60", 50, 60, []uint32{1, 2, 3, 4, 5, 6, 7, 8}, []uint32{1, 0, 2, 3, 4, 5, 6, 0}},
		{"more than there are", 90, 60, []uint32{1, 2, 3}, []uint32{1, 2, 3}},
		{"none", 0, 0, []uint32{1, 2}, []uint32{1, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := host.Number(tt.keep, tt.of, tt.ids...); !slices.Equal(got, tt.want) {
				t.Errorf("numbers of %v = %v; want %v", tt.ids, got, tt.want)
			}
		})
	}
}

// What a source is asked for is bounded whatever the terminal says.
func FuzzPlacements(f *testing.F) {
	f.Add(wire.AppendLayout(nil, []wire.Placement{{Index: 1, Connected: true, X: math.MinInt32, Y: math.MaxInt32, Width: 65535, Height: 64, MilliHz: math.MaxUint32, ScalePercent: 65535}}))
	f.Add(wire.AppendLayout(nil, []wire.Placement{{Connected: true, Width: 1920, Height: 1080}, {Connected: true, Width: 640, Height: 480, MilliHz: 1}, {Index: 200, Connected: true, Width: 640, Height: 480}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, _, err := wire.ParseMessage(b)
		if err != nil {
			return
		}
		all, err := m.Layout()
		if err != nil {
			return
		}
		seen := map[int]bool{}
		for _, p := range host.Placements(all, 2) {
			size := p.Bounds.Size()
			if p.Screen < 0 || p.Screen > 1 || seen[p.Screen] || !p.Connected {
				t.Errorf("placement %+v; want each of two screens once", p)
			}
			seen[p.Screen] = true
			if size.X < 64 || size.Y < 64 || size.X > 4096 || size.Y > 4096 || p.Bounds.Min.X < -1<<15 || p.Bounds.Max.X >= 1<<15 || p.Bounds.Max.Y >= 1<<15 {
				t.Errorf("placement %+v; want 64 to 4096 pixels inside 16 bits", p)
			}
			if p.MilliFPS != 0 && (p.MilliFPS < 1000 || p.MilliFPS > 240_000) || p.Scale < 0 || p.Scale > 500 {
				t.Errorf("placement %+v; want 1 to 240 pictures a second", p)
			}
		}
	})
}
