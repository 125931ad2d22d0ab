package agent

import (
	"sync"
	"time"

	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/metric"
)

// stages are one screen's latencies, from the host's capture to the window.
type stages struct {
	CaptureToEncoded  metric.Latency `json:"capture_to_encoded"`
	EncodedToSent     metric.Latency `json:"encoded_to_sent"`
	SentToReceived    metric.Latency `json:"sent_to_received"`
	ReceivedToDecoded metric.Latency `json:"received_to_decoded"`
	DecodedToShown    metric.Latency `json:"decoded_to_shown"`
	ReceivedToShown   metric.Latency `json:"received_to_shown"`
	CaptureToShown    metric.Latency `json:"capture_to_shown"`
}

// record adds a frame that has been shown.
func (s *stages) record(t *media.Timing) {
	s.CaptureToEncoded.RecordSpan(t.Captured, t.Encoded)
	s.EncodedToSent.RecordSpan(t.Encoded, t.Sent)
	s.SentToReceived.RecordSpan(t.Sent, t.Received)
	s.ReceivedToDecoded.RecordSpan(t.Received, t.Decoded)
	s.DecodedToShown.RecordSpan(t.Decoded, t.Shown)
	s.ReceivedToShown.RecordSpan(t.Received, t.Shown)
	s.CaptureToShown.RecordSpan(t.Captured, t.Shown)
}

// named lists the stages in order, with the names people read.
func (s *stages) named() []namedLatency {
	return []namedLatency{
		{"capture -> encoded", &s.CaptureToEncoded},
		{"encoded -> sent", &s.EncodedToSent},
		{"sent -> received", &s.SentToReceived},
		{"received -> decoded", &s.ReceivedToDecoded},
		{"decoded -> shown", &s.DecodedToShown},
		{"received -> shown", &s.ReceivedToShown},
		{"capture -> shown", &s.CaptureToShown},
	}
}

type namedLatency struct {
	name    string
	latency *metric.Latency
}

// meter is what is known of one screen while it runs.
type meter struct {
	stages stages

	mu            sync.Mutex // guards below
	codec         media.Codec
	width, height int
	first         time.Time // first picture shown
	recent        window
}

// shown records a frame on the screen; display's thread.
func (m *meter) shown(f *media.Frame) {
	m.stages.record(&f.Timing)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.width, m.height = f.Width, f.Height
	if m.first.IsZero() {
		m.first = f.Timing.Shown
	}
	m.recent.add(f.Timing.Shown, f.Timing.Shown.Sub(f.Timing.Received))
}

// received notes the codec of an access unit.
func (m *meter) received(au *media.AccessUnit) {
	m.mu.Lock()
	m.codec = au.Codec
	m.mu.Unlock()
}

// window keeps the last frames shown for the statistics on the picture.
type window struct {
	at      [256]time.Time
	latency [256]time.Duration
	next    int
}

func (w *window) add(at time.Time, d time.Duration) {
	w.at[w.next%len(w.at)], w.latency[w.next%len(w.at)] = at, d
	w.next++
}

// last returns the frames shown in the second before now and the worst of
// their latencies; at most as many as the window holds.
func (w *window) last(now time.Time) (frames int, worst time.Duration) {
	for i := range min(w.next, len(w.at)) {
		if now.Sub(w.at[i]) <= time.Second {
			frames++
			worst = max(worst, w.latency[i])
		}
	}
	return frames, worst
}

// milliseconds returns the latencies, oldest first.
func (w *window) milliseconds() []float64 {
	n := min(w.next, len(w.latency))
	ms := make([]float64, 0, n)
	for i := w.next - n; i < w.next; i++ {
		ms = append(ms, float64(w.latency[i%len(w.latency)].Microseconds())/1000)
	}
	return ms
}
