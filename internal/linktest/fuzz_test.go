package linktest_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/linktest"
)

func FuzzParseMessage(f *testing.F) {
	for _, m := range []linktest.Message{
		{Type: linktest.MessageHello, Version: 1, MaxBps: 50_000_000, Ports: []int{4000, 4001}, Key: "k"},
		{Type: linktest.MessageStep, Step: 3, Direction: linktest.Up, RateBps: 15_000_000, DurationMS: 1200},
		{Type: linktest.MessageSent, Step: 3, Sent: &linktest.Sent{Packets: 10, Bytes: 12000, DurationUS: 1}},
		{Type: linktest.MessageReport, Step: 3, Figures: &linktest.Figures{Sent: 10, Received: 9, LossPct: 10}},
		{Type: linktest.MessageBye, Reason: "done"},
	} {
		b, err := m.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"type":"sent","sent":{"packets":-1}}`))
	f.Add([]byte(`{"type":"report","figures":{"loss_pct":1e300}}`))
	f.Add([]byte(`[[[[[[[[`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := linktest.ParseMessage(b)
		if err != nil {
			return
		}
		if m.RateBps < 0 || m.RateBps > linktest.MaxMax || m.Duration() > linktest.MaxStepDuration || m.Step > linktest.MaxSteps {
			t.Errorf("ParseMessage(%q) = %+v; want values in their ranges", b, m)
		}
		if m.Sent != nil { // whoever reports may not break the meter
			linktest.NewMeter(m.RateBps, m.Duration()).Figures(*m.Sent, 0)
		}
		if m.Figures != nil {
			s := linktest.NewStep(linktest.Up, 5_000_000, *m.Figures, linktest.Times{}, linktest.Times{})
			r := linktest.Result{Up: []linktest.Step{s}, Down: []linktest.Step{s}}
			r.Finish()
			if _, err := json.Marshal(r); err != nil {
				t.Errorf("a result of %q cannot be written: %v", b, err)
			}
		}
	})
}

func FuzzParseRTP(f *testing.F) {
	b := make([]byte, 12+linktest.PacketHeader+8)
	b[0] = 0x80
	linktest.Packet{Kind: linktest.KindPong, Step: 2, Number: 9, Sent: time.Second, Echo: time.Minute}.Put(b[12:])
	f.Add(b)
	f.Add([]byte{0xb1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, n, err := linktest.ParseRTP(b)
		if err != nil {
			return
		}
		if n < linktest.PacketHeader || n > len(b)-12 {
			t.Fatalf("ParseRTP() = %d bytes of payload of %d", n, len(b))
		}
		var again [linktest.PacketHeader]byte
		p.Put(again[:])
		if q, err := linktest.ParsePacket(again[:]); err != nil || q != p {
			t.Errorf("Put then Parse = %+v, %v; want %+v", q, err, p)
		}
	})
}

func FuzzParseHistory(f *testing.F) {
	r := linktest.Result{Version: 1, At: time.Unix(1_800_000_000, 0).UTC(), Host: "pc:8089"}
	b, err := linktest.EncodeHistory([]linktest.Result{r, r})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("{}\nnull\n{\"version\":1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		results, _ := linktest.ParseHistory(b)
		if len(results) > linktest.MaxHistory {
			t.Fatalf("ParseHistory() = %d results; want at most %d", len(results), linktest.MaxHistory)
		}
		var text bytes.Buffer
		if err := linktest.WriteHistory(&text, results); err != nil {
			t.Fatal(err)
		}
		for i := range results {
			if err := results[i].WriteText(&text); err != nil {
				t.Fatal(err)
			}
		}
	})
}
