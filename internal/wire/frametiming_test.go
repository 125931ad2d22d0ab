package wire_test

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/wire"
)

func TestFrameTimingSaturates(t *testing.T) {
	in := wire.FrameTiming{Frame: math.MaxUint32, Encoded: -time.Second, SentFirst: time.Hour, Sent: 14999 * time.Nanosecond}
	want := wire.FrameTiming{Frame: math.MaxUint32, SentFirst: 655350 * time.Microsecond, Sent: 10 * time.Microsecond}
	got, err := wire.ParseFrameTiming(wire.AppendFrameTiming(nil, in))
	if err != nil || got != want {
		t.Errorf("ParseFrameTiming(AppendFrameTiming(%+v)) = %+v, %v; want %+v", in, got, err, want)
	}
}

func TestFrameTimingLayout(t *testing.T) {
	in := wire.FrameTiming{Frame: 0x01020304, Encoded: 0x0506 * 10 * time.Microsecond, SentFirst: 0x0708 * 10 * time.Microsecond, Sent: 0x090a * 10 * time.Microsecond}
	want := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0}
	if got := wire.AppendFrameTiming(nil, in); !bytes.Equal(got, want) {
		t.Errorf("AppendFrameTiming(%+v) = %x; want %x", in, got, want)
	}
	if _, err := wire.ParseFrameTiming(want[:11]); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("ParseFrameTiming(11 bytes) = %v; want ErrMalformed", err)
	}
}

func TestNTP(t *testing.T) {
	tests := []struct {
		name string
		time time.Time
		ntp  uint64
	}{
		{"unix epoch", time.Unix(0, 0), 2_208_988_800 << 32},
		{"half a second", time.Unix(0, 500_000_000), 2_208_988_800<<32 | 1<<31},
		{"last of era 0", time.Unix(2_085_978_495, 0), 0xffff_ffff << 32},
		{"first of era 1", time.Unix(2_085_978_496, 0), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := wire.TimeToNTP(tt.time); got != tt.ntp {
				t.Errorf("TimeToNTP(%v) = %#x; want %#x", tt.time, got, tt.ntp)
			}
			if got := wire.NTPToTime(tt.ntp); !got.Equal(tt.time) {
				t.Errorf("NTPToTime(%#x) = %v; want %v", tt.ntp, got, tt.time)
			}
		})
	}
}

func FuzzNTP(f *testing.F) {
	f.Add(int64(0), uint32(0))
	f.Add(int64(1_795_000_000), uint32(999_999_999))
	f.Fuzz(func(t *testing.T, seconds int64, nanoseconds uint32) {
		// The window that a 32-bit count of seconds can name: 1968 to 2104.
		const first = 1<<31 - 2_208_988_800
		seconds = first + int64(uint32(seconds))
		in := time.Unix(seconds, int64(nanoseconds%1_000_000_000))
		if got := wire.NTPToTime(wire.TimeToNTP(in)); !got.Equal(in) {
			t.Errorf("NTPToTime(TimeToNTP(%v)) = %v; want the same", in, got)
		}
	})
}
