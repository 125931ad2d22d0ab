package congestion_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/gcc"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtp"

	"github.com/blade-shadow/terminal/internal/host/congestion"
	"github.com/blade-shadow/terminal/internal/netlab"
)

// pion is Google congestion control as pion has it, in the same simulation.
// It reads the clock itself, so it runs in a synctest bubble whose time is kept
// with the simulation's. Its frames leave in one burst: with any pacing of
// frames it does worse here.
type pion struct {
	t        *testing.T
	bwe      *gcc.SendSideBWE
	writer   interceptor.RTPWriter
	recorder *twcc.Recorder
}

const twccURI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

func newPion(t *testing.T, start int) *pion {
	bwe, err := gcc.NewSendSideBWE(gcc.SendSideBWEInitialBitrate(start), gcc.SendSideBWEMaxBitrate(100e6),
		gcc.SendSideBWEMinBitrate(300_000), gcc.SendSideBWEPacer(gcc.NewNoOpPacer()))
	if err != nil {
		t.Fatal(err)
	}
	p := &pion{t: t, bwe: bwe, recorder: twcc.NewRecorder(1)}
	p.writer = bwe.AddStream(&interceptor.StreamInfo{
		SSRC: 1, RTPHeaderExtensions: []interceptor.RTPHeaderExtension{{URI: twccURI, ID: 1}},
	}, interceptor.RTPWriterFunc(func(_ *rtp.Header, payload []byte, _ interceptor.Attributes) (int, error) {
		return len(payload), nil
	}))
	return p
}

func (p *pion) sent(_ time.Duration, seq, size int) {
	h := &rtp.Header{Version: 2, SSRC: 1, SequenceNumber: uint16(seq)}
	ext := rtp.TransportCCExtension{TransportSequence: uint16(seq)}
	raw, err := ext.Marshal()
	if err == nil {
		err = h.SetExtension(1, raw)
	}
	if err == nil {
		_, err = p.writer.Write(h, make([]byte, max(size-h.MarshalSize(), 1)), nil)
	}
	if err != nil {
		p.t.Error(err)
	}
}

func (p *pion) feedback(_, _ time.Duration, seqs []int, packets []congestion.Packet) {
	for i, packet := range packets {
		if !packet.Lost {
			p.recorder.Record(1, uint16(seqs[i]), packet.Received.Microseconds())
		}
	}
	if err := p.bwe.WriteRTCP(p.recorder.BuildFeedbackPacket(), nil); err != nil {
		p.t.Error(err)
	}
}

func (p *pion) tick(time.Duration)                           {}
func (p *pion) probe(time.Duration) (congestion.Probe, bool) { return congestion.Probe{}, false }
func (p *pion) rates() (int, int) {
	target := p.bwe.GetTargetBitrate()
	return target, target * 20
}

// TestAgainstPion compares on a link of 30 Mb/s that falls to 10 after 10 s.
func TestAgainstPion(t *testing.T) {
	for _, name := range []string{"ours", "pion"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := netlab.Conditions{RateBps: 30e6, Queue: 100 * ms}
				w, f := single(t, 1, 10e6, c, 20*ms)
				c.Delay = 10 * ms
				if name == "pion" {
					p := newPion(t, 10_000_000)
					defer func() { _ = p.bwe.Close() }()
					f.alg = p
				}
				w.script = func(at time.Duration) {
					time.Sleep(step)
					if at == 10*time.Second {
						c.RateBps = 10e6
						w.link.Set(c)
					}
				}
				w.run(20 * time.Second)
				got := w.mean(0, 8*time.Second, 10*time.Second) / 3e5
				t.Logf("80 %% of 30 Mb/s after %v; Mb/s after 2 s %.1f, 5 s %.1f, 10 s %.1f; at 10 Mb/s %.1f; queue p95 %v, at the step max %v, lost %d",
					w.reaches(0, 0, 24e6), mb(w.mean(0, 1500*ms, 2500*ms)), mb(w.mean(0, 4500*ms, 5500*ms)), mb(w.mean(0, 9*time.Second, 10*time.Second)),
					mb(w.mean(0, 12*time.Second, 20*time.Second)), w.queue(.95, 4*time.Second, 10*time.Second).Round(ms/10),
					w.queue(1, 10*time.Second, 12*time.Second).Round(ms), w.link.Stats().LostQueue)
				if name == "ours" && got < 80 {
					t.Errorf("use of the link = %.1f %%; want 80", got)
				}
			})
		})
	}
}
