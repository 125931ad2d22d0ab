package agent

import (
	"fmt"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/metric"
)

// totals adds up what sessions leave behind, so that a reconnect loses no
// figures.
type totals struct {
	mu     sync.Mutex // guards all
	live   int        // sessions that showed a picture, the running one included
	begun  int        // sessions, the running one included
	again  int        // those of them after the first that showed a picture
	silent int        // times that the host was not heard for a second

	ended   client.Stats
	connect time.Duration // from the first session's start to its first picture
	first   time.Time     // when that was
	end     time.Time     // of Run, zero while it runs

	pictured chan struct{} // closed with the first picture ever
}

// add takes the figures of a session that has ended; forget makes sure that
// nobody counts it as running at the same time.
func (t *totals) add(s client.Stats, forget func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended.Add(s)
	forget()
}

// begin counts a session that begins.
func (t *totals) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun++
	if t.live > 0 {
		t.again++
	}
}

// interrupted counts a time that the host was not heard.
func (t *totals) interrupted() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.silent++
}

func (t *totals) firstPicture(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live++
	if t.first.IsZero() {
		t.connect, t.first = took, time.Now()
		close(t.pictured)
	}
}

// stop ends the time that is measured.
func (t *totals) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = time.Now()
}

// sincePicture returns how long there have been pictures, 0 before the first.
func (t *totals) sincePicture() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.first.IsZero():
		return 0
	case t.end.IsZero():
		return time.Since(t.first)
	}
	return t.end.Sub(t.first)
}

func (t *totals) sessions() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.live
}

// Summary is what a terminal measured. Its JSON form is stable: fields are
// added, never changed.
type Summary struct {
	Program                 string           `json:"program"`
	Version                 string           `json:"version"`
	URL                     string           `json:"url"`
	DurationS               float64          `json:"duration_s"` // since the first picture
	Sessions                int              `json:"sessions"`
	Attempts                int              `json:"attempts"`      // at a session
	Reconnects              int              `json:"reconnects"`    // of them those after the first picture
	Interruptions           int              `json:"interruptions"` // the host was not heard for a second
	Restarts                int              `json:"restarts"`      // other paths found within sessions
	Broker                  *BrokerSummary   `json:"broker,omitempty"`
	ConnectToFirstPictureMS float64          `json:"connect_to_first_picture_ms"`
	Screens                 []ScreenSummary  `json:"screens"`
	Sound                   SoundSummary     `json:"audio"`
	Input                   InputSummary     `json:"input"`
	Transport               client.Transport `json:"transport"`
	Path                    *client.Path     `json:"path,omitempty"` // the last one; absent if there was none
	CPUs                    float64          `json:"cpu_s"`
	CPUPerMin               float64          `json:"cpu_s_per_min"`
	PeakRSSMiB              float64          `json:"peak_rss_mib"`
}

// BrokerSummary is how asking the broker went.
type BrokerSummary struct {
	Questions uint64  `json:"questions"`
	Waits     uint64  `json:"waits"` // answers after which the terminal had to wait
	WaitS     float64 `json:"wait_s"`
	Moves     uint64  `json:"moves"`
	Renewals  uint64  `json:"renewals"` // of a token in mid-session
}

// String is the broker's line in a summary.
func (s *BrokerSummary) String() string {
	return fmt.Sprintf("asked %d times, %.1f s until the PC was ready, %d tokens renewed", s.Questions, s.WaitS, s.Renewals)
}

// ScreenSummary is one screen's part. Every frame the host captured is in
// Shown, Dropped or OnTheWay, but for those that the network still had.
type ScreenSummary struct {
	Screen     int               `json:"screen"`
	Codec      string            `json:"codec"`
	Decoder    string            `json:"decoder"`
	Width      int               `json:"width"`
	Height     int               `json:"height"`
	Received   uint64            `json:"received"`
	Decoded    uint64            `json:"decoded"`
	Shown      uint64            `json:"shown"`
	Dropped    map[string]uint64 `json:"dropped"`
	OnTheWay   uint64            `json:"on_the_way"` // received, and not shown when the end came
	BitrateBps float64           `json:"bitrate_bps"`
	Stages     *stages           `json:"stages_ms"`
	// Display is what the monitor did with the frames; absent for windows.
	Display      *display.Figures `json:"display,omitempty"`
	Downgrades   uint64           `json:"downgrades"`                 // to another way of decoding, in mid-session
	DowngradeWhy string           `json:"downgrade_reason,omitempty"` // of the last
	Hangs        uint64           `json:"decoder_hangs"`              // of the driver
}

// InputSummary is how input went.
type InputSummary struct {
	Events       uint64           `json:"events"`
	KeyToChannel metric.Quantiles `json:"key_to_channel_ms"`
}

// Connected reports whether a picture was ever shown.
func (s *Summary) Connected() bool { return s.Sessions > 0 }

// Summary returns the figures so far; after Run they are final.
func (a *Agent) Summary() (*Summary, error) {
	used, err := metric.Self()
	if err != nil {
		return nil, fmt.Errorf("measure own process: %w", err)
	}
	st := a.stats()
	a.totals.mu.Lock()
	live, connect := a.totals.live, a.totals.connect
	begun, again, silent := a.totals.begun, a.totals.again, a.totals.silent
	a.totals.mu.Unlock()
	took := a.totals.sincePicture()
	s := &Summary{
		Program: "shadow-terminal", Version: a.cfg.Version, URL: a.cfg.URL,
		DurationS: took.Seconds(), Sessions: live, Attempts: begun, Reconnects: again, Interruptions: silent, Restarts: st.Path.Restarts,
		ConnectToFirstPictureMS: float64(connect.Microseconds()) / 1000,
		Sound:                   a.sound.summary(),
		Input:                   InputSummary{Events: a.events.Load(), KeyToChannel: a.keyToChannel.Quantiles()},
		Transport:               st.Transport,
		CPUs:                    used.CPU.Seconds(),
		CPUPerMin:               used.CPU.Seconds() / max(time.Since(a.started).Minutes(), 1e-3),
		PeakRSSMiB:              used.PeakRSSMiB,
	}
	if st.Path.Kind != "" {
		s.Path = &st.Path
	}
	if a.broker != nil {
		b := a.broker.Stats()
		s.URL = a.cfg.Broker
		s.Broker = &BrokerSummary{Questions: b.Questions, Waits: b.Waits, WaitS: b.Waited.Seconds(), Moves: b.Moves, Renewals: b.Renewals}
	}
	shown := a.display.Stats()
	for i, sc := range a.screens {
		one := sc.summary(i, st.Screens[i], shown.Screens[i], took)
		if c, ok := a.display.(timed); ok {
			if f, ok := c.Figures(i); ok {
				one.Display = &f
			}
		}
		s.Screens = append(s.Screens, one)
	}
	return s, nil
}

// stats are the figures of all sessions, the running one included.
func (a *Agent) stats() client.Stats {
	var sum client.Stats
	a.totals.mu.Lock()
	defer a.totals.mu.Unlock() // or a session that ends now would be counted never or twice
	sum.Add(a.totals.ended)
	if s := a.session.Load(); s != nil {
		sum.Add(s.Stats())
	}
	return sum
}

func (s *screen) summary(i int, rx client.ScreenStats, shown display.ScreenStats, took time.Duration) ScreenSummary {
	d := s.decoder.Stats()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := ScreenSummary{
		Screen: i, Codec: s.codec.String(), Decoder: d.Backend, Width: s.width, Height: s.height,
		Received: rx.Frames, Decoded: d.Decoded, Shown: shown.Shown,
		Dropped: make(map[string]uint64), OnTheWay: d.Dropped[decode.DropShutdown] + shown.Left, Stages: &s.stages,
		Downgrades: d.Downgrades, DowngradeWhy: d.Reason, Hangs: d.Hangs,
	}
	if took > 0 {
		out.BitrateBps = float64(rx.Bytes*8) / took.Seconds()
	}
	for c := range media.NumCauses {
		n := rx.LostBy[c] + shown.Dropped[c]
		if c == media.CauseDecoder {
			n += d.DroppedTotal() - d.Dropped[decode.DropShutdown]
		}
		out.Dropped[c.String()] = n
	}
	return out
}

// String is the summary for people.
func (s *Summary) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s %s, %s\n", s.Program, s.Version, s.URL)
	fmt.Fprintf(w, "first picture after %.0f ms, then %.1f s in %d session(s)\n", s.ConnectToFirstPictureMS, s.DurationS, s.Sessions)
	for _, sc := range s.Screens {
		fmt.Fprintf(w, "screen %d\t%s %dx%d by %s, %.2f Mb/s\n", sc.Screen, sc.Codec, sc.Width, sc.Height, sc.Decoder, sc.BitrateBps/1e6)
		fmt.Fprintf(w, "  frames\treceived %d, decoded %d, shown %d\n", sc.Received, sc.Decoded, sc.Shown)
		fmt.Fprintf(w, "  dropped\t%s\n", causes(sc.Dropped))
		fmt.Fprintf(w, "  latency in ms\tp50\tp95\tp99\tmax\n")
		for _, st := range sc.Stages.named() {
			q := st.latency.Quantiles()
			fmt.Fprintf(w, "  %s\t%.2f\t%.2f\t%.2f\t%.2f\n", st.name, q.P50, q.P95, q.P99, q.Max)
		}
	}
	fmt.Fprintf(w, "sound\t%s\n", s.Sound)
	fmt.Fprintf(w, "input\t%d events, key to channel p50 %.2f ms, p99 %.2f ms\n", s.Input.Events, s.Input.KeyToChannel.P50, s.Input.KeyToChannel.P99)
	fmt.Fprintf(w, "network\t%s\n", s.Transport)
	if s.Path != nil {
		fmt.Fprintf(w, "path\t%s\n", s.Path)
	}
	if s.Broker != nil {
		fmt.Fprintf(w, "broker\t%s\n", s.Broker)
	}
	fmt.Fprintf(w, "process\t%.1f s CPU (%.1f s a minute), %.0f MiB at most\n", s.CPUs, s.CPUPerMin, s.PeakRSSMiB)
	w.Flush() // a strings.Builder does not fail
	return b.String()
}

// causes lists what frames were lost to, in the order a frame meets them.
func causes(m map[string]uint64) string {
	var parts []string
	for c := range media.NumCauses {
		parts = append(parts, fmt.Sprintf("%s %d", c, m[c.String()]))
	}
	return strings.Join(parts, ", ")
}
