package selftest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/metric"
)

// Rate is when pictures of a stream are given to the decoder.
type Rate string

// The rates.
const (
	RateAuto  Rate = "auto"  // RatePaced for files, RateFree for pipes
	RatePaced Rate = "paced" // at their own time
	RateFree  Rate = "free"  // as soon as they are there
)

// PlayConfig says what to play.
type PlayConfig struct {
	Common
	Output
	Path    string // file, or "-" for standard input
	Decoder string // render node, decode.DeviceNone for software, "" for the first that works
	Rate    Rate   // "": RateAuto
}

// PlayReport is what became of the stream.
type PlayReport struct {
	Verdict
	Codec            string            `json:"codec"`
	Width            int               `json:"width"`
	Height           int               `json:"height"`
	Decoder          string            `json:"decoder"` // that decoded the last picture: vaapi, vaapi-copy, software
	Display          string            `json:"display"`
	Downgrades       uint64            `json:"downgrades"`
	Fed              uint64            `json:"fed"`
	Decoded          uint64            `json:"decoded"`
	Shown            uint64            `json:"shown"`
	Dropped          map[string]uint64 `json:"dropped"`         // by cause, as in a session's summary
	DecoderDropped   map[string]uint64 `json:"decoder_dropped"` // what of it the decoder dropped, by reason
	DurationS        float64           `json:"duration_s"`      // from the first picture shown to the last
	DecodeMSP50      float64           `json:"decode_ms_p50"`
	DecodeMSP99      float64           `json:"decode_ms_p99"`
	DecodedToShown50 float64           `json:"decoded_to_shown_ms_p50"`
	DecodedToShown99 float64           `json:"decoded_to_shown_ms_p99"`
	ReadToShown50    float64           `json:"read_to_shown_ms_p50"`
	ReadToShown99    float64           `json:"read_to_shown_ms_p99"`
	// CPUMSPerShown is of the whole process, from the first picture on.
	CPUMSPerShown float64 `json:"cpu_ms_per_shown_frame"`
	// CopiesPerFrame is how many times the CPU copied a shown picture, all of
	// it, measured in bytes of the picture: to download it from the decoder, to
	// upload it to the GPU or to convert it into a window. null: the display
	// does not count.
	CopiesPerFrame *float64 `json:"copies_per_frame"`
	// Medians of what decoded to shown consists of; null for a window.
	Wait       *float64 `json:"wait_ms_p50"` // until drawing begins
	Draw       *float64 `json:"draw_ms_p50"` // until the kernel has the picture
	Flip       *float64 `json:"flip_ms_p50"` // until it is on the screen
	Downloaded uint64   `json:"downloaded_bytes"`
	Uploaded   *uint64  `json:"uploaded_bytes"` // converted, for a window; null: not counted
	Imports    *uint64  `json:"imports"`        // dma-bufs made into textures; null: not counted
}

// source is where coded pictures come from; see libav.Packets.
type source interface {
	Next() (libav.Packet, error)
	Live() bool
	Interrupt()
	Close() error
}

// playParts are what a test replaces.
type playParts struct {
	open func(path string) (source, error)
	show func(plan) (screenful, error)
	// decoder returns how to open backends and how to end.
	decoder func(device string, d screenful, c Common) (func(media.Codec) (decode.Backend, error), func() error)
}

// Play shows a file or pipe as the product would show a session: the same
// decoder, the same display. It returns at the end of the stream, when ctx ends
// or when the person closes the window; the report is then of what was shown.
func Play(ctx context.Context, cfg PlayConfig) (*PlayReport, error) {
	return play(ctx, cfg, playParts{
		open: func(path string) (source, error) {
			p, err := libav.OpenPackets(path)
			if err != nil {
				return nil, err
			}
			return p, nil
		},
		show: openDisplay,
		decoder: func(device string, d screenful, c Common) (func(media.Codec) (decode.Backend, error), func() error) {
			h := decoders(device, d, c)
			return h.Open, h.Close
		},
	})
}

// inFlight is how many pictures of a live stream may wait to be decoded. A file
// waits until one is decoded, so that decoding is what is measured.
const inFlight = 4

func play(ctx context.Context, cfg PlayConfig, parts playParts) (_ *PlayReport, err error) {
	cfg.Common = cfg.Common.withDefaults()
	p := &player{cfg: cfg}
	kind, err := cfg.kind()
	if err != nil {
		return nil, err
	}
	if p.source, err = parts.open(cfg.Path); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.source.Close()) }()
	p.paced = cfg.Rate == RatePaced || cfg.Rate != RateFree && !p.source.Live()
	p.display, err = parts.show(plan{
		Output: cfg.Output, kind: kind, screens: 1, config: display.Config{OnShown: p.onShown, Logger: cfg.Logger},
		rejected: func(int) { p.decoder.Downgrade("the display cannot draw its pictures") },
	})
	if err != nil {
		return nil, err
	}
	open, done := parts.decoder(cfg.Decoder, p.display, cfg.Common)
	defer func() { err = errors.Join(err, done()) }()
	p.decoder, err = decode.New(decode.Config{Open: open, OnFrame: p.onFrame, Logger: cfg.Logger})
	if err != nil {
		return nil, errors.Join(err, closeDisplay(p.display))
	}
	p.units = newUnits(map[bool]int{true: inFlight, false: 1}[p.source.Live()])
	if err := p.run(ctx); err != nil {
		return nil, err
	}
	return p.report(kind)
}

// closeDisplay frees a display that was never run.
func closeDisplay(d screenful) error {
	if c, ok := d.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// player is one run of Play.
type player struct {
	cfg     PlayConfig
	paced   bool
	source  source
	display screenful
	decoder *decode.Decoder
	units   *units

	decodeTime, decodedToShown, readToShown metric.Latency

	mu          sync.Mutex // guards what follows
	fed         uint64
	step        time.Duration // between the last two pictures of the stream
	size        [2]int        // of the last picture
	shownBytes  uint64        // of all pictures shown
	downloaded  uint64        // bytes that the decoder copied from hardware
	first, last time.Time     // shown
	cpu, cpuEnd time.Duration // of the process at these times
}

// errEnded ends the errgroup with the stream.
var errEnded = errors.New("the stream has ended")

func (p *player) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, run := errgroup.WithContext(ctx)
	g.Go(func() error { return p.decoder.Run(run) })
	g.Go(func() error { return p.read(run) })
	stop := context.AfterFunc(run, p.source.Interrupt)
	defer stop()
	err := p.display.Run(run)
	cancel()
	werr := g.Wait()
	if err == nil && !errors.Is(werr, errEnded) {
		err = werr
	}
	return err
}

// read feeds the decoder to the end of the stream.
func (p *player) read(ctx context.Context) error {
	var begin time.Time
	var before time.Duration
	for {
		au := p.units.take(ctx)
		if au == nil {
			return nil
		}
		pkt, err := p.source.Next()
		switch {
		case errors.Is(err, io.EOF):
			p.settle(ctx)
			return errEnded
		case err != nil:
			return err
		}
		p.units.fill(au, &pkt)
		if begin.IsZero() {
			begin = time.Now().Add(-pkt.PTS)
		}
		if p.paced && !until(ctx, begin.Add(pkt.PTS)) {
			return nil
		}
		p.mu.Lock()
		p.fed++
		au.FrameID = uint32(p.fed)
		p.step, before = pkt.PTS-before, pkt.PTS
		p.mu.Unlock()
		au.Timing.Received = time.Now()
		p.decoder.Submit(au)
	}
}

// until waits for a time and reports whether it came before the end of ctx.
func until(ctx context.Context, at time.Time) bool {
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// settleMost is how long the last pictures may take to be seen.
const settleMost = 3 * time.Second

// settle waits until every picture is shown or dropped.
func (p *player) settle(ctx context.Context) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(settleMost)
	defer end.Stop()
	for !p.settled() {
		select {
		case <-tick.C:
		case <-end.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (p *player) settled() bool {
	p.mu.Lock()
	fed := p.fed
	p.mu.Unlock()
	d := p.decoder.Stats()
	if d.Decoded+d.DroppedTotal() < fed {
		return false
	}
	s := p.display.Stats().Screens[0]
	n := s.Shown + s.Left
	for _, c := range s.Dropped {
		n += c
	}
	return n >= d.Decoded
}

// onFrame takes a picture from the decoder; its thread.
func (p *player) onFrame(f *media.Frame) {
	p.decodeTime.RecordSpan(f.Timing.Received, f.Timing.Decoded)
	copied := p.decoder.Stats().Backend == "vaapi-copy"
	p.mu.Lock()
	size := [2]int{f.Width, f.Height}
	changed := size != p.size
	p.size = size
	step := p.step
	if copied {
		p.downloaded += pictureBytes(f)
	}
	p.mu.Unlock()
	if m, ok := p.display.(monitors); ok && changed {
		m.SetStream(0, f.Width, f.Height, rateOf(step))
	}
	p.display.Present(f)
}

// rateOf is the rate of a stream with this step, no rate where it has none.
func rateOf(step time.Duration) mode.Rate {
	if step <= 0 {
		return mode.Rate{}
	}
	return mode.NewRate(uint64(time.Second), uint64(step))
}

// pictureBytes is how much memory the samples of a 4:2:0 picture take.
func pictureBytes(f *media.Frame) uint64 { return uint64(f.Width) * uint64(f.Height) * 3 / 2 }

// onShown takes note of a picture on the screen; the display's thread.
func (p *player) onShown(f *media.Frame) {
	p.decodedToShown.RecordSpan(f.Timing.Decoded, f.Timing.Shown)
	p.readToShown.RecordSpan(f.Timing.Received, f.Timing.Shown)
	used, err := metric.Self()
	if err != nil {
		p.cfg.Logger.Warn("measure own process", "component", "selftest", "err", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shownBytes += pictureBytes(f)
	p.last, p.cpuEnd = f.Timing.Shown, used.CPU
	if p.first.IsZero() {
		p.first, p.cpu = p.last, used.CPU
	}
}

func (p *player) report(kind string) (*PlayReport, error) {
	d, st := p.decoder.Stats(), p.display.Stats().Screens[0]
	p.mu.Lock()
	defer p.mu.Unlock()
	dec, shown, all := p.decodeTime.Quantiles(), p.decodedToShown.Quantiles(), p.readToShown.Quantiles()
	r := &PlayReport{
		Width: d.Width, Height: d.Height, Decoder: d.Backend, Display: describeDisplay(kind, p.display),
		Downgrades: d.Downgrades, Fed: p.fed, Decoded: d.Decoded, Shown: st.Shown,
		Dropped: make(map[string]uint64), DecoderDropped: make(map[string]uint64),
		DurationS:   round2(p.last.Sub(p.first).Seconds()),
		DecodeMSP50: dec.P50, DecodeMSP99: dec.P99, DecodedToShown50: shown.P50, DecodedToShown99: shown.P99,
		ReadToShown50: all.P50, ReadToShown99: all.P99, Downloaded: p.downloaded,
	}
	r.Failed = []string{}
	if d.Codec != 0 {
		r.Codec = d.Codec.String()
	}
	for c := range media.NumCauses {
		n := st.Dropped[c]
		if c == media.CauseDecoder {
			n += d.DroppedTotal() - d.Dropped[decode.DropShutdown]
		}
		r.Dropped[c.String()] = n
	}
	for why := range decode.NumReasons {
		if n := d.Dropped[why]; n > 0 {
			r.DecoderDropped[why.String()] = n
		}
	}
	if st.Shown > 1 {
		r.CPUMSPerShown = round2((p.cpuEnd - p.cpu).Seconds() * 1000 / float64(st.Shown-1))
	}
	p.countCopies(r)
	p.stages(r)
	if r.Shown == 0 {
		r.fail("nothing was shown: %d pictures read, %d decoded", r.Fed, r.Decoded)
	}
	return r, nil
}

// countCopies adds up what decoder and display have counted.
func (p *player) countCopies(r *PlayReport) {
	d, ok := p.display.(copier)
	if !ok || p.shownBytes == 0 {
		return
	}
	uploaded, imports := d.Copied(0)
	r.Uploaded, r.Imports = &uploaded, &imports
	// What was downloaded and never shown is no cost of a shown picture.
	share := float64(r.Shown) / float64(max(r.Decoded, 1))
	copies := round2((float64(p.downloaded)*share + float64(uploaded)) / float64(p.shownBytes))
	r.CopiesPerFrame = &copies
}

// stages tells where the time between decoded and shown goes, where the display
// knows its flips.
func (p *player) stages(r *PlayReport) {
	d, ok := p.display.(recorder)
	if !ok {
		return
	}
	if f, ok := d.Figures(0); ok {
		r.Wait, r.Draw, r.Flip = ptr(f.Wait.Quantiles().P50), ptr(f.Draw.Quantiles().P50), ptr(f.Flip.Quantiles().P50)
	}
}

func ptr(v float64) *float64 { return &v }

func (r *PlayReport) table(w io.Writer) {
	fmt.Fprintf(w, "stream\t%s %dx%d, %.1f s\n", orNone(r.Codec), r.Width, r.Height, r.DurationS)
	fmt.Fprintf(w, "decoder\t%s, %d downgrades\n", orNone(r.Decoder), r.Downgrades)
	fmt.Fprintf(w, "display\t%s\n", r.Display)
	fmt.Fprintf(w, "pictures\tread %d, decoded %d, shown %d\n", r.Fed, r.Decoded, r.Shown)
	fmt.Fprintf(w, "dropped\t%s\n", counts(r.Dropped))
	fmt.Fprintf(w, "decoding\tp50 %.2f, p99 %.2f ms\n", r.DecodeMSP50, r.DecodeMSP99)
	fmt.Fprintf(w, "decoded -> shown\tp50 %.2f, p99 %.2f ms\n", r.DecodedToShown50, r.DecodedToShown99)
	fmt.Fprintf(w, "processor\t%.2f ms for each picture shown\n", r.CPUMSPerShown)
	copies := "not counted by this display"
	if r.CopiesPerFrame != nil {
		copies = fmt.Sprintf("%.2f for each picture shown", *r.CopiesPerFrame)
	}
	fmt.Fprintf(w, "copies\t%s\n", copies)
}

// counts lists numbers by cause, in the order in which a frame meets them.
func counts(m map[string]uint64) string {
	var parts []string
	for c := range media.NumCauses {
		parts = append(parts, fmt.Sprintf("%s %d", c, m[c.String()]))
	}
	return strings.Join(parts, ", ")
}

// units are the access units that may be out at a time, with their memory.
type units struct {
	free chan *media.AccessUnit // capacity is their number; never closed
}

func newUnits(n int) *units {
	u := &units{free: make(chan *media.AccessUnit, n)}
	for range n {
		u.free <- media.NewAccessUnit(func(au *media.AccessUnit) { u.free <- au })
	}
	return u
}

// take waits for one to be free, nil when ctx ends.
func (u *units) take(ctx context.Context) *media.AccessUnit {
	select {
	case au := <-u.free:
		return au
	case <-ctx.Done():
		return nil
	}
}

// fill makes au a copy of a packet.
func (u *units) fill(au *media.AccessUnit, pkt *libav.Packet) {
	n := len(pkt.Data)
	data := append(au.Data[:0], pkt.Data...)
	data = append(data, padding[:]...)
	au.Data = data[:n]
	au.Codec, au.Keyframe, au.Timing = pkt.Codec, pkt.Keyframe, media.Timing{}
	au.RTPTime = uint32(pkt.PTS * 90 / time.Millisecond)
}

var padding [media.Padding]byte
