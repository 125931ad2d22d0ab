package lab

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	start := time.Unix(100, 0)
	var fed []time.Time
	var seen []sighting
	for i := range 300 { // five seconds
		at := start.Add(time.Duration(i) * time.Second / 60)
		fed = append(fed, at)
		if i%10 != 0 { // every tenth is never seen
			seen = append(seen, sighting{frame: uint32(i + 1), at: at.Add(time.Duration(i%5+1) * time.Millisecond)})
		}
	}
	seen = append(seen, sighting{frame: 999, at: start}) // of another stream
	p := judge(fed, seen)
	if p.Fed != 180 || p.Shown != 162 {
		t.Errorf("judge() counts %d of %d; want 162 of 180: the first two seconds do not count", p.Shown, p.Fed)
	}
	if p50, max := p.FedToSeen.at(0.5), p.FedToSeen.at(1); p50 != 3 || max != 5 {
		t.Errorf("fed to seen p50 = %v, max %v; want 3, 5", p50, max)
	}
	if p.share() != 0.9 {
		t.Errorf("share() = %v; want 0.9", p.share())
	}
	if e := judge(nil, nil); e.share() != 0 || e.FedToSeen.at(0.5) != 0 {
		t.Errorf("judge(nothing) = %+v; want zeros", e)
	}
}

func TestParseTimes(t *testing.T) {
	if got, err := parseTimes("1m2.345s"); err != nil || got != 62.345 {
		t.Errorf("parseTimes(1m2.345s) = %v, %v; want 62.345", got, err)
	}
	for _, bad := range []string{"", "5s", "m", "1mxs"} {
		if _, err := parseTimes(bad); err == nil {
			t.Errorf("parseTimes(%q) = nil; want an error", bad)
		}
	}
}

func TestMKVNeedsParameterSets(t *testing.T) {
	m := &mkvFile{w: &bytes.Buffer{}, width: 16, height: 16, interval: time.Second}
	if err := m.write([]byte{0, 0, 0, 1, 0x65, 1}, true, 0); err == nil || !strings.Contains(err.Error(), "parameter sets") {
		t.Errorf("write() = %v; want what is missing", err)
	}
}
