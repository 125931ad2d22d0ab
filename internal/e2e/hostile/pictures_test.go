//go:build linux && !nonative

package hostile_test

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/bitstream/bitstest"
	"github.com/blade-shadow/terminal/internal/lab"
)

// pictures is what a host can do by what it codes.
func pictures(t *testing.T) []attack {
	return []attack{
		{name: "another size in every picture", then: show(sizes(t), 120)},
		{name: "as many references as can be", then: show(references(t, "4096x2304", 16), 60)},
		{name: "references of 1080p", then: show(references(t, "1920x1080", 16), 60)},
		{name: "the largest picture", then: show(references(t, "4096x2176", 2), 60), most: 220},
		{name: "more than any display shows", then: show(references(t, "8192x4320", 1), 20)},
		{name: "parameter sets of 65535x65535", then: sets(65535/16, 65535/16)},
		{name: "a thousand parameter sets", then: sets(40, 30)},
	}
}

// show sends access units, again and again.
func show(units [][]byte, n int) func(context.Context, *testing.T, *visit) {
	return func(ctx context.Context, _ *testing.T, v *visit) {
		for i := range n {
			if ctx.Err() != nil {
				return
			}
			v.video.header.Timestamp += 3000
			v.video.picture(units[i%len(units)])
			pause(ctx, 20*time.Millisecond)
		}
	}
}

// sizes returns keyframes, each of another size.
func sizes(t *testing.T) (units [][]byte) {
	for _, s := range [][2]int{{320, 180}, {1920, 1080}, {640, 1080}, {3840, 2160}, {256, 2160}, {4096, 144}} {
		clip, err := lab.MakeClip(lab.ClipConfig{Width: s[0], Height: s[1], FPS: 30, Pictures: 1, BitrateBps: 4_000_000})
		ok(t, err)
		units = append(units, clip.Units...)
	}
	return units
}

// references returns a stream whose pictures all have to be kept, sixteen of
// them.
func references(t *testing.T, size string, n int) (units [][]byte) {
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=c=gray:r=30:s="+size, "-frames:v", "20",
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p",
		"-x264-params", fmt.Sprintf("ref=%d:keyint=1000:aud=1:threads=1:sliced-threads=0:scenecut=0", n), "-f", "h264", "-")
	var said bytes.Buffer
	cmd.Stderr = &said
	stream, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, strings.TrimSpace(said.String()))
	}
	delimiter := []byte{0, 0, 0, 1, 9}
	for _, unit := range bytes.Split(stream, delimiter) {
		if len(unit) > 1 {
			units = append(units, append([]byte{0, 0, 0, 1, 9}, unit...))
		}
	}
	for s := bitstream.NewScanner(units[0]); s.Next(); {
		if bitstream.H264Type(s.Unit()) == bitstream.H264SPS {
			if p, err := bitstream.ParseH264SPS(s.Unit()); err != nil || int(p.MaxNumRefFrames) < min(n, 4) {
				t.Fatalf("the stream keeps %d references (%v); want many", p.MaxNumRefFrames, err)
			}
		}
	}
	return units
}

// sps is a Baseline sequence parameter set of any size in macroblocks.
func sps(id, width, height uint64) []byte {
	var w bitstest.Bits
	w.U(24, 66<<16|0xc0<<8|52)
	w.UE(id)
	w.UE(0)  // frame_num of 4 bits
	w.UE(2)  // no picture order
	w.UE(16) // references
	w.U(1, 0)
	w.UE(width - 1)
	w.UE(height - 1)
	w.U(4, 0b1100) // frames only, direct inference, no cropping, no VUI
	return w.Unit(0x67)
}

func pps(id, sps uint64) []byte {
	var w bitstest.Bits
	w.UE(id)
	w.UE(sps)
	w.U(2, 0)
	w.UE(0)
	w.UE(0)
	w.UE(0)
	w.U(3, 0)
	for range 3 {
		w.UE(0)
	}
	w.U(3, 0)
	return w.Unit(0x68)
}

// sets sends keyframes with parameter sets under every number and beyond, of a
// size that grows, and a slice that uses one of them.
func sets(width, height uint64) func(context.Context, *testing.T, *visit) {
	return func(ctx context.Context, _ *testing.T, v *visit) {
		r := chance()
		for n := range uint64(100) {
			if ctx.Err() != nil {
				return
			}
			v.video.header.Timestamp += 3000
			for id := range uint64(40) {
				v.video.next(sps(id, width+n%3, height+id%5), false)
				for p := range uint64(8) {
					v.video.next(pps(8*id+p, id), false)
				}
			}
			var w bitstest.Bits // an IDR slice: I, of a set that may be there
			w.UE(0)
			w.UE(7)
			w.UE(n % 256)
			w.U(4, 0)
			w.UE(n)
			w.U(2, 0b00)
			v.video.next(append(w.Unit(0x65), garbage(r, 1000)...), true)
			pause(ctx, 10*time.Millisecond)
		}
	}
}
