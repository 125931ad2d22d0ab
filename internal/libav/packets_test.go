//go:build linux && cgo && !nonative

package libav_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// flvHeader is the file's and the AVC configuration (ISO/IEC 14496-15,
// 5.3.3.1.2) of a keyframe's parameter sets.
func flvHeader(key []byte) []byte {
	var sps, pps []byte
	for s := bitstream.NewScanner(key); s.Next(); {
		switch bitstream.H264Type(s.Unit()) {
		case bitstream.H264SPS:
			sps = s.Unit()
		case bitstream.H264PPS:
			pps = s.Unit()
		}
	}
	config := append([]byte{1<<4 | 7, 0, 0, 0, 0, 1}, sps[1:4]...)
	config = append(binary.BigEndian.AppendUint16(append(config, 0xff, 0xe1), uint16(len(sps))), sps...)
	config = append(binary.BigEndian.AppendUint16(append(config, 1), uint16(len(pps))), pps...)
	return append([]byte{'F', 'L', 'V', 1, 1, 0, 0, 0, 9, 0, 0, 0, 0}, flvTag(config, 0)...)
}

func flvTag(data []byte, ms int) []byte {
	n := len(data)
	tag := []byte{9, byte(n >> 16), byte(n >> 8), byte(n), byte(ms >> 16), byte(ms >> 8), byte(ms), byte(ms >> 24), 0, 0, 0}
	return binary.BigEndian.AppendUint32(append(tag, data...), uint32(n+11))
}

// flvPicture is the tag of one picture.
func flvPicture(au *media.AccessUnit, ms int) []byte {
	data := []byte{2<<4 | 7, 1, 0, 0, 0}
	if au.Keyframe {
		data[0] = 1<<4 | 7
	}
	for s := bitstream.NewScanner(au.Data); s.Next(); {
		data = append(binary.BigEndian.AppendUint32(data, uint32(len(s.Unit()))), s.Unit()...)
	}
	return flvTag(data, ms)
}

// packetUnits are n coded pictures of 320x180, the first and every tenth a
// keyframe.
func packetUnits(t testing.TB, n int) []*media.AccessUnit {
	t.Helper()
	e := newEncoder(t, libav.EncoderConfig{Codec: media.CodecH264, Width: 320, Height: 180, FPS: 25, BitrateBps: 1_000_000, Backend: "libx264"})
	var list []*media.AccessUnit
	for i, f := range scene(n, 320, 180) {
		data, key, err := e.Encode(nil, f, i%10 == 0)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, accessUnit(media.CodecH264, uint32(i), key, data))
	}
	return list
}

func openPackets(t testing.TB, path string) *libav.Packets {
	t.Helper()
	p, err := libav.OpenPackets(path)
	if err != nil {
		t.Fatalf("OpenPackets(%s) = %v", path, err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return p
}

// TestPacketsOfFiles decodes every packet of each container at once.
func TestPacketsOfFiles(t *testing.T) {
	tests := []struct {
		name     string
		codec    media.Codec
		pictures int
	}{
		{"packets.h264.mp4", media.CodecH264, 10},
		{"packets.hevc.mp4", media.CodecHEVC, 10},
		{"packets.hevc.mkv", media.CodecHEVC, 10},
		{"fullrange601.h264", media.CodecH264, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := openPackets(t, filepath.Join("testdata", tt.name))
			if p.Live() {
				t.Error("Live() of a file = true; want false")
			}
			d := newDecoder(t, tt.codec)
			n, keys := 0, 0
			last := time.Duration(-1)
			for {
				pkt, err := p.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("Next() = %v", err)
				}
				if pkt.Codec != tt.codec || pkt.PTS <= last || n == 0 && (pkt.PTS != 0 || !pkt.Keyframe) {
					t.Fatalf("packet %d = %v at %v, keyframe %t, after %v", n, pkt.Codec, pkt.PTS, pkt.Keyframe, last)
				}
				if pad := pkt.Data[len(pkt.Data) : len(pkt.Data)+media.Padding]; !bytes.Equal(pad, make([]byte, media.Padding)) {
					t.Fatalf("packet %d has padding %x; want zeros", n, pad)
				}
				last = pkt.PTS
				if pkt.Keyframe {
					keys++
					d.Flush() // needs its parameter sets again
				}
				decodeOne(t, d, accessUnit(tt.codec, uint32(n), pkt.Keyframe, pkt.Data)).Release()
				n++
			}
			if n < tt.pictures || keys < 1 || tt.pictures == 10 && keys != 2 {
				t.Errorf("%d packets, %d keyframes; want at least %d", n, keys, tt.pictures)
			}
		})
	}
}

// TestPacketsOfPipe wants each picture of a live stream before the next is
// written, and the end when told.
func TestPacketsOfPipe(t *testing.T) {
	units := packetUnits(t, 12)
	path := filepath.Join(t.TempDir(), "live.flv")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write(append(flvHeader(units[0].Data), flvPicture(units[0], 0)...)); err != nil {
		t.Fatal(err)
	}
	p := openPackets(t, path)
	if !p.Live() {
		t.Error("Live() of a pipe = false; want true")
	}
	type result struct {
		pkt libav.Packet
		err error
	}
	next := func() chan result {
		c := make(chan result, 1)
		go func() {
			pkt, err := p.Next()
			c <- result{pkt, err}
		}()
		return c
	}
	d := newDecoder(t, media.CodecH264)
	for i, au := range units {
		if i > 0 {
			if _, err := w.Write(flvPicture(au, 40*i)); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case r := <-next():
			if r.err != nil || r.pkt.PTS != time.Duration(40*i)*time.Millisecond || r.pkt.Keyframe != au.Keyframe {
				t.Fatalf("Next() = %v, keyframe %t, %v; want picture %d", r.pkt.PTS, r.pkt.Keyframe, r.err, i)
			}
			decodeOne(t, d, accessUnit(media.CodecH264, uint32(i), r.pkt.Keyframe, r.pkt.Data)).Release()
		case <-time.After(10 * time.Second):
			t.Fatalf("picture %d was written and is not given", i)
		}
	}
	waiting := next()
	p.Interrupt()
	select {
	case r := <-waiting:
		if !errors.Is(r.err, io.EOF) {
			t.Errorf("Next() after Interrupt = %v; want io.EOF", r.err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Interrupt does not end Next")
	}
}

func TestPacketsRefusals(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, bytes.Repeat([]byte("no film "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "none"), dir, text, "http://127.0.0.1/film.mkv"} {
		if p, err := libav.OpenPackets(path); err == nil {
			p.Close()
			t.Errorf("OpenPackets(%s) = nil; want an error", path)
		}
	}
	tone := openPackets(t, writeWAV(t, 48000))
	if _, err := tone.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("Next() of sound = %v; want io.EOF", err)
	}
	tone.Close()
	if _, err := tone.Next(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Next() after Close = %v; want os.ErrClosed", err)
	}
}

// drain reads to the end, or to the first error; its work is bounded.
func drain(t testing.TB, path string) {
	t.Helper()
	p, err := libav.OpenPackets(path)
	if err != nil {
		return
	}
	defer p.Close()
	for range 10_000 {
		pkt, err := p.Next()
		if err != nil {
			return
		}
		if cap(pkt.Data) < len(pkt.Data)+media.Padding {
			t.Fatalf("packet of %d bytes has room for %d", len(pkt.Data), cap(pkt.Data))
		}
	}
}

// containers are small files of every kind.
func containers(t testing.TB) [][]byte {
	t.Helper()
	units := packetUnits(t, 3)
	flv := flvHeader(units[0].Data)
	for i, au := range units {
		flv = append(flv, flvPicture(au, 40*i)...)
	}
	list := [][]byte{flv}
	for _, name := range []string{"packets.h264.mp4", "packets.hevc.mp4", "packets.hevc.mkv"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	return list
}

// TestDamagedContainers breaks files in many ways; nothing may crash.
func TestDamagedContainers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "damaged")
	for i, whole := range containers(t) {
		for seed := range uint64(100) {
			if err := os.WriteFile(path, damage(rand.New(rand.NewPCG(seed, uint64(i))), whole), 0o600); err != nil {
				t.Fatal(err)
			}
			drain(t, path)
		}
	}
}

func FuzzPackets(f *testing.F) {
	for _, b := range containers(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		drain(t, path)
	})
}

// BenchmarkPackets reads an FLV of 320x180 picture by picture: 0 allocs/op.
func BenchmarkPackets(b *testing.B) {
	units := packetUnits(b, 10)
	flv := flvHeader(units[0].Data)
	for i := range b.N {
		flv = append(flv, flvPicture(units[i%10], 40*i)...)
	}
	path := filepath.Join(b.TempDir(), "bench.flv")
	if err := os.WriteFile(path, flv, 0o600); err != nil {
		b.Fatal(err)
	}
	p := openPackets(b, path)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if _, err := p.Next(); err != nil {
			b.Fatalf("Next() %d of %d = %v", i, b.N, err)
		}
	}
}
