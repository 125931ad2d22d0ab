package audio_test

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/peripherals/audio"
)

const frame = 240 // samples a channel, 5 ms

// fakeDevice plays in the bubble's time.
type fakeDevice struct {
	end  time.Time // when what is queued will have been played
	pcm  []int16   // everything ever written
	fail bool
}

func (d *fakeDevice) Write(pcm []int16) error {
	if d.fail {
		return errors.New("unplugged")
	}
	if now := time.Now(); d.end.Before(now) {
		d.end = now
	}
	d.end = d.end.Add(time.Duration(len(pcm)/2) * time.Second / audio.Rate)
	d.pcm = append(d.pcm, pcm...)
	return nil
}
func (d *fakeDevice) Queued() time.Duration { return max(0, time.Until(d.end)) }

// fakeDecoder gives the packet's first byte as every sample; FEC is the next
// packet's second byte, 0 for none; concealment is -1.
type fakeDecoder struct{}

func fill(dst []int16, v int16) {
	for i := range dst {
		dst[i] = v
	}
}

func (fakeDecoder) Decode(dst []int16, packet []byte) (int, error) {
	if len(packet) < 2 {
		return 0, errors.New("not opus")
	}
	fill(dst[:frame*2], int16(packet[0]))
	return frame, nil
}

func (fakeDecoder) DecodeFEC(dst []int16, next []byte) (int, error) {
	if next[1] == 0 {
		return 0, nil
	}
	fill(dst, int16(next[1]))
	return len(dst) / 2, nil
}

func (fakeDecoder) Conceal(dst []int16) error { fill(dst, -1); return nil }

// start returns a player that plays through d.
func start(t *testing.T, d audio.Device) *audio.Player {
	t.Helper()
	p, err := audio.NewPlayer(audio.PlayerConfig{Device: d, Decoder: fakeDecoder{}})
	if err != nil {
		t.Fatalf("NewPlayer() = %v; want nil", err)
	}
	return p
}

// values is the sequence of sample values in pcm, runs of equal ones once.
func values(pcm []int16) (v []int16) {
	for _, s := range pcm {
		if len(v) == 0 || v[len(v)-1] != s {
			v = append(v, s)
		}
	}
	return v
}

func TestKeepsTheQueueAtItsTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dev := &fakeDevice{}
		p := start(t, dev)
		for range 2000 {
			p.Push([]byte{1, 0}, 0)
			if q := dev.Queued(); q > 25*time.Millisecond {
				t.Fatalf("device queue = %v; want at most the target of 20 ms and a packet", q)
			}
			time.Sleep(5 * time.Millisecond)
		}
		if s := p.Stats(); s.Underruns != 0 || s.Dropped != 0 || s.Played != 2000 {
			t.Errorf("Stats() = %+v; want 2000 packets and nothing dropped or dry", s)
		}
	})
}

func TestCatchesUpAfterABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dev := &fakeDevice{}
		p := start(t, dev)
		for range 40 { // 200 ms at once, as after a stall
			p.Push([]byte{1, 0}, 0)
		}
		if q := dev.Queued(); q > 60*time.Millisecond {
			t.Errorf("device queue after a burst = %v; want at most 60 ms", q)
		}
		for range 3000 {
			p.Push([]byte{1, 0}, 0)
			time.Sleep(5 * time.Millisecond)
		}
		if q := dev.Queued(); q > 30*time.Millisecond {
			t.Errorf("device queue 15 s later = %v; want it back near 20 ms", q)
		}
	})
}

func TestFasterHostClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dev := &fakeDevice{}
		p := start(t, dev)
		for range 20000 { // 1 % fast, far beyond any crystal
			p.Push([]byte{1, 0}, 0)
			if q := dev.Queued(); q > 60*time.Millisecond {
				t.Fatalf("device queue = %v; want never over 60 ms", q)
			}
			time.Sleep(4950 * time.Microsecond)
		}
		if s := p.Stats(); s.Dropped == 0 || s.Dropped > 400 {
			t.Errorf("Stats().Dropped = %d; want about the 200 packets that are too many", s.Dropped)
		}
	})
}

func TestSlowerHostClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dev := &fakeDevice{}
		p := start(t, dev)
		for range 20000 { // 1 % slow
			p.Push([]byte{1, 0}, 0)
			time.Sleep(5050 * time.Microsecond)
		}
		if s := p.Stats(); s.Underruns != 0 || s.Stretched < 150 || s.Stretched > 250 {
			t.Errorf("Stats() = %+v; want about 200 pieces put in and the queue never empty", s)
		}
	})
}

func TestTargetFollowsTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dev := &fakeDevice{}
		p := start(t, dev)
		push := func(n int, late func(i int) time.Duration) {
			due := time.Now()
			for i := range n {
				time.Sleep(time.Until(due.Add(late(i))))
				p.Push([]byte{1, 0}, 0)
				due = due.Add(5 * time.Millisecond)
			}
		}
		push(12000, func(int) time.Duration { return 0 }) // a minute without jitter
		if s := p.Stats(); s.TargetMS != 10 || s.Underruns != 0 {
			t.Errorf("Stats() = %+v; want a target of 10 ms and no underrun", s)
		}
		if q := dev.Queued(); q > 15*time.Millisecond {
			t.Errorf("device queue = %v; want about 10 ms", q)
		}
		// A stall of 22 ms every half second.
		push(12000, func(i int) time.Duration { return max(0, 22*time.Millisecond-time.Duration(i%100)*5*time.Millisecond) })
		before := p.Stats()
		push(2000, func(i int) time.Duration { return max(0, 22*time.Millisecond-time.Duration(i%100)*5*time.Millisecond) })
		s := p.Stats()
		if s.TargetMS < 25 || s.TargetMS > 40 {
			t.Errorf("TargetMS = %d with stalls of 22 ms; want 25 to 40", s.TargetMS)
		}
		if dry := s.Underruns - before.Underruns; dry > 3 {
			t.Errorf("underruns in the last 10 s = %d; want the queue to have grown", dry)
		}
	})
}

func TestStretchHasNoEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dev := &fakeDevice{}
		n := 0
		p, err := audio.NewPlayer(audio.PlayerConfig{Device: dev, Decoder: tone{&n}})
		if err != nil {
			t.Fatal(err)
		}
		for range 2000 {
			p.Push([]byte{1, 0}, 0)
			time.Sleep(5050 * time.Microsecond)
		}
		if p.Stats().Stretched == 0 {
			t.Fatal("Stretched = 0; want some")
		}
		// 100 Hz at half volume changes by at most 215 between two samples.
		for i := 2 * 1500; i+2 < len(dev.pcm); i += 2 {
			if step := int(dev.pcm[i+2]) - int(dev.pcm[i]); step > 500 || step < -500 {
				t.Fatalf("sample %d jumps by %d; want no edge", i/2, step)
			}
		}
	})
}

// tone decodes to 100 Hz: a whole number of periods is not in a piece.
type tone struct{ n *int }

func (o tone) Decode(dst []int16, _ []byte) (int, error) {
	for i := range frame {
		v := int16(16384 * math.Sin(float64(*o.n)*2*math.Pi*100/audio.Rate))
		dst[2*i], dst[2*i+1] = v, v
		*o.n++
	}
	return frame, nil
}
func (tone) DecodeFEC([]int16, []byte) (int, error) { return 0, nil }
func (tone) Conceal(dst []int16) error              { clear(dst); return nil }

func TestLossIsConcealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dev := &fakeDevice{}
		p := start(t, dev)
		p.Push([]byte{1, 0}, 0)
		p.Push([]byte{4, 3}, 2) // 2 is lost for good, 3 is in 4's FEC
		p.Push([]byte{6, 0}, 1) // 5 is lost and 6 has no FEC
		want := []int16{0, 1, -1, 3, 4, -1, 6}
		if got := values(dev.pcm); len(got) != len(want) {
			t.Fatalf("samples = %v; want %v", got, want)
		} else {
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("samples = %v; want %v", got, want)
				}
			}
		}
		if s := p.Stats(); s.Concealed != 2 || s.FEC != 1 {
			t.Errorf("Stats() = %+v; want 2 concealed and 1 by FEC", s)
		}
	})
}

func TestDeviceIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &fakeDevice{}, &fakeDevice{}
		var lost []error
		p, err := audio.NewPlayer(audio.PlayerConfig{
			Device: first, Decoder: fakeDecoder{}, OnLost: func(err error) { lost = append(lost, err) },
		})
		if err != nil {
			t.Fatalf("NewPlayer() = %v; want nil", err)
		}
		p.Push([]byte{1, 0}, 0)
		first.fail = true
		for range 100 {
			p.Push([]byte{2, 0}, 0)
			time.Sleep(5 * time.Millisecond)
		}
		if len(lost) != 1 {
			t.Errorf("OnLost calls = %d; want 1", len(lost))
		}
		p.SetDevice(second)
		p.Push([]byte{3, 0}, 0)
		if got := values(second.pcm); len(got) != 2 || got[1] != 3 {
			t.Errorf("samples on the new device = %v; want silence and the newest packet", got)
		}
		if q := second.Queued(); q != 20*time.Millisecond {
			t.Errorf("queue of the new device = %v; want 20 ms", q)
		}
		if s := p.Stats(); s.Dropped != 100 || s.Played != 2 {
			t.Errorf("Stats() = %+v; want 100 dropped, 2 played", s)
		}
	})
}

func TestUnderrunIsRefilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dev := &fakeDevice{}
		p := start(t, dev)
		p.Push([]byte{1, 0}, 0)
		time.Sleep(time.Second)
		p.Push([]byte{2, 0}, 0)
		if q := dev.Queued(); q != 25*time.Millisecond {
			t.Errorf("device queue after an underrun = %v; want 25 ms, more than before", q)
		}
		if got := values(dev.pcm); len(got) != 4 || got[2] != -1 {
			t.Errorf("samples = %v; want the gap concealed, not silent", got)
		}
		if s := p.Stats(); s.Underruns != 1 || s.TargetMS != 25 {
			t.Errorf("Stats() = %+v; want 1 underrun", s)
		}
	})
}

func TestRubbishIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, &fakeDevice{})
		p.Push([]byte{9}, 0)
		p.Push([]byte{1, 0}, 1000000)
		p.Push([]byte{1, 0}, -1)
		if s := p.Stats(); s.Corrupt != 1 || s.Concealed != 1 || s.Played != 2 {
			t.Errorf("Stats() = %+v; want one refused and concealed, the hole left", s)
		}
	})
}

func TestSoundWithoutDeviceIsDropped(t *testing.T) {
	p := start(t, nil)
	p.Push([]byte{1, 0}, 1)
	if s := p.Stats(); s.Dropped != 2 || s.Played != 0 {
		t.Errorf("Stats() = %+v; want 2 dropped", s)
	}
}

// drain is a device that always has room.
type drain struct{}

func (drain) Write([]int16) error   { return nil }
func (drain) Queued() time.Duration { return 20 * time.Millisecond }

func BenchmarkPush(b *testing.B) {
	p, err := audio.NewPlayer(audio.PlayerConfig{Device: drain{}, Decoder: fakeDecoder{}})
	if err != nil {
		b.Fatalf("NewPlayer() = %v; want nil", err)
	}
	packet := []byte{1, 0}
	b.ReportAllocs()
	for b.Loop() {
		p.Push(packet, 0)
	}
}
