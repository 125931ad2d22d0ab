package receive_test

import (
	"bufio"
	"encoding/hex"
	"os"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/media"
)

// coded is a picture of a real stream: the beginnings of its NAL units.
type coded struct {
	nalus [][]byte
	data  []byte
	key   bool
}

// readCoded reads the heads of a stream that x264 or x265 made: a NAL unit a
// line, slices cut after 24 bytes.
func readCoded(t *testing.T, name string, codec media.Codec) (pictures []coded) {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var c coded
	for s := bufio.NewScanner(f); s.Scan(); {
		n, err := hex.DecodeString(s.Text())
		if err != nil {
			t.Fatal(err)
		}
		c.nalus = append(c.nalus, n)
		c.data = append(append(c.data, 0, 0, 0, 1), n...)
		slice := n[0]&0x1f == 1 || n[0]&0x1f == 5
		key := n[0]&0x1f == 5
		if codec == media.CodecHEVC {
			slice, key = n[0]>>1&0x3f < 32, n[0]>>1&0x3f >= 16
		}
		if slice {
			c.key = key
			pictures = append(pictures, c)
			c = coded{}
		}
	}
	return pictures
}

func TestReferences(t *testing.T) {
	cases := []struct {
		name  string
		codec media.Codec
		spare int // pictures no other refers to, at least
	}{
		{"b.h264.heads", media.CodecH264, 20},
		{"ir.h264.heads", media.CodecH264, 0},
		{"b.h265.heads", media.CodecHEVC, 20},
		{"p.h265.heads", media.CodecHEVC, 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			pictures := readCoded(t, tc.name, tc.codec)
			spare := 0
			for drop := 1; drop < len(pictures); drop++ {
				r := receive.NewReferences(tc.codec)
				var disposable bool
				for i, p := range pictures {
					if i == drop {
						disposable = r.Disposable(p.data)
						r.Lost(1)
						continue
					}
					newRules := len(p.nalus) > 1
					if follows := r.Follows(p.data); i < drop && !p.key && !newRules && !follows {
						t.Fatalf("picture %d does not follow those before it, all delivered", i)
					} else if i == drop+1 && !newRules && follows != disposable {
						t.Fatalf("picture %d after the loss of %d, which nothing refers to: %v: follows %v", i, drop, disposable, follows)
					}
					if i == drop+1 && !disposable {
						break
					}
					r.Delivered(p.data, p.key)
				}
				if disposable {
					spare++
				}
			}
			if spare < tc.spare || tc.spare == 0 && spare != 0 {
				t.Errorf("%d pictures can be spared; want %d", spare, tc.spare)
			}
		})
	}
}

// TestReferencesCannotBeFooled shows that as many losses as there are numbers
// are no continuation, and neither is a picture after one that was dropped.
func TestReferencesCannotBeFooled(t *testing.T) {
	pictures := readCoded(t, "b.h264.heads", media.CodecH264)
	r := receive.NewReferences(media.CodecH264)
	r.Delivered(pictures[0].data, true)
	if !r.Follows(pictures[1].data) {
		t.Fatal("the second picture does not follow the first")
	}
	r.Lost(16)
	if r.Follows(pictures[1].data) {
		t.Error("a picture follows after 16 lost packets of a stream with 16 numbers")
	}
	r.Delivered(pictures[0].data, true)
	r.Dropped(pictures[1].data)
	if r.Follows(pictures[2].data) {
		t.Error("a picture follows one that was dropped")
	}
}

// play sends real pictures, the slice of each in two packets; lose leaves the
// second packet of that picture out.
func (r *rig) play(pictures []coded, lose int) {
	for i, p := range pictures {
		r.host.skip()
		last := p.nalus[len(p.nalus)-1]
		var payloads [][]byte
		if sets := p.nalus[:len(p.nalus)-1]; len(sets) > 0 {
			payloads = append(payloads, r.host.aggregate(sets))
		}
		half := len(last) / 2
		payloads = append(payloads,
			append([]byte{last[0]&0x60 | 28, 0x80 | last[0]&0x1f}, last[1:half]...),
			append([]byte{last[0]&0x60 | 28, 0x40 | last[0]&0x1f}, last[half:]...))
		for k, payload := range payloads {
			packet := r.host.packet(payload, k == 0, k == len(payloads)-1, r.now)
			if i != lose || k != len(payloads)-1 {
				r.send(packet)
			}
		}
		r.pass(16 * time.Millisecond)
	}
}

// TestSparedPicture shows that the loss of a picture that nothing refers to
// costs that picture and no keyframe.
func TestSparedPicture(t *testing.T) {
	r := newRig(t, nil)
	r.keep = true
	r.play(readCoded(t, "b.h264.heads", media.CodecH264)[:14], 5)
	s := r.video.Stats()
	if len(r.got) != 13 || s.PLIs != 0 || s.Spared != 1 || s.LostBy != [media.NumCauses]uint64{media.CauseNetwork: 1} {
		t.Fatalf("frames %v, %+v; want 13, no PLI, 1 spared", r.got, s)
	}
	for _, au := range r.units {
		if au.Discontinuity {
			t.Errorf("frame %d: Discontinuity; want none, it has all it refers to", au.FrameID)
		}
	}
}

// TestNeededPicture shows that the loss of a picture that others refer to is
// not taken for one that none does.
func TestNeededPicture(t *testing.T) {
	r := newRig(t, nil)
	r.play(readCoded(t, "b.h264.heads", media.CodecH264)[:20], 4)
	if s := r.video.Stats(); len(r.got) != 4 || s.PLIs == 0 || s.Spared != 0 {
		t.Errorf("frames %v, %+v; want 4, a PLI, none spared", r.got, s)
	}
}

// TestHealing shows that a stream with gradual refresh goes on after a loss,
// marked, until a recovery point's pictures have passed.
func TestHealing(t *testing.T) {
	r := newRig(t, func(c *receive.VideoConfig) { c.Buffers = 64 })
	r.keep = true
	pictures := readCoded(t, "ir.h264.heads", media.CodecH264)
	wave := 0 // the second recovery point; the first is the keyframe's
	for i, p := range pictures {
		if i > 0 && len(p.nalus) > 1 {
			wave = i
			break
		}
	}
	all := append(append([]coded{}, pictures...), pictures[wave:]...) // a third wave
	r.play(all[:len(all)-4], len(pictures)-10)                        // in the second
	s := r.video.Stats()
	if len(r.got) != len(all)-5 || s.PLIs != 0 || s.LostBy[media.CauseNetwork] != 1 {
		t.Fatalf("%d of %d frames, %+v; want all but one, no PLI", len(r.got), len(all)-4, s)
	}
	healing := 0
	for i, au := range r.units {
		if au.Healing != au.Discontinuity {
			t.Errorf("picture %d: Healing %v, Discontinuity %v", i, au.Healing, au.Discontinuity)
		}
		if au.Healing {
			healing++
			if i < len(pictures)-10 {
				t.Errorf("picture %d heals before the loss", i)
			}
		}
	}
	if healing < 10 || r.units[len(r.units)-1].Healing {
		t.Errorf("%d pictures healing, the last too: %v; want 10 or more, and an end", healing, r.units[len(r.units)-1].Healing)
	}
}
