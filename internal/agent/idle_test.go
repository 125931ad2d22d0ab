package agent

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestIdle(t *testing.T) {
	const after = time.Minute
	tests := []struct {
		name string
		do   func(i *idle)
		want []string
	}{
		{"nobody is there", func(*idle) { time.Sleep(time.Hour) }, []string{"60 off"}},
		{"a key each half minute", func(i *idle) {
			for range 10 {
				time.Sleep(after / 2)
				i.touch()
			}
		}, nil},
		{"touched while off", func(i *idle) {
			time.Sleep(90 * time.Second)
			i.touch()
			i.touch()
			time.Sleep(90 * time.Second)
		}, []string{"60 off", "90 on", "150 off"}},
		{"a film", func(i *idle) {
			for range 24 * 300 {
				time.Sleep(time.Second / 24)
				i.shown()
			}
			time.Sleep(3 * after)
		}, []string{"360 off"}},
		{"a cursor blinks", func(i *idle) {
			for range 200 {
				time.Sleep(time.Second / 2)
				i.shown()
			}
		}, []string{"60 off"}},
		{"pictures wake nobody", func(i *idle) {
			time.Sleep(after + time.Second)
			for range 60 * 240 {
				time.Sleep(time.Second / 60)
				i.shown()
			}
		}, []string{"60 off"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var got []string
				i := newIdle(after, func(on bool) {
					word := map[bool]string{true: "on", false: "off"}[on]
					got = append(got, fmt.Sprintf("%.0f %s", time.Since(began).Seconds(), word))
				})
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() { i.run(ctx); close(ended) }()
				tt.do(i)
				synctest.Wait()
				seen := slices.Clone(got)
				cancel()
				<-ended
				if !slices.Equal(seen, tt.want) {
					t.Errorf("monitors went %q; want %q", seen, tt.want)
				}
				if i.off.Load() {
					t.Error("monitors are off at the end; want them on")
				}
			})
		})
	}
}

func TestParseSleep(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "never": -1, "10m": 10 * time.Minute, "10s": 10 * time.Second} {
		if got, err := ParseSleep(text); got != want || err != nil {
			t.Errorf("ParseSleep(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"9s", "0", "-1m", "soon", "10"} {
		if got, err := ParseSleep(text); err == nil {
			t.Errorf("ParseSleep(%q) = %v, nil; want an error", text, got)
		}
	}
}
