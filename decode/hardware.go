package decode

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// DeviceNone as HardwareConfig.Device leaves software alone.
const DeviceNone = "none"

// HardwareConfig says what may decode.
type HardwareConfig struct {
	// Device is a VA-API render node; "": the first whose driver starts;
	// DeviceNone: no hardware.
	Device string
	// DMABuf: the display can import dma-bufs, so pictures may stay where the
	// hardware put them.
	DMABuf bool
	// Memory is the file that remembers which proofs went well and which took
	// the program with them. "": everything is proved at each start.
	Memory string
	// ProofTime bounds one proof and the start of a driver; 0: 5 s.
	ProofTime time.Duration
	// Logger: nil discards.
	Logger *slog.Logger
}

// link is one way to decode: VA-API with export, VA-API copied, software.
// Constant once made.
type link struct {
	name     string
	hardware bool
	export   bool // pictures are media.DMABuf
	device   string
	driver   string
	// limits wraps errors.ErrUnsupported where the link lacks the codec.
	limits func(media.Codec) (limits, error)
	open   func(media.Codec) (Backend, error)
}

// place is a link for a codec.
type place struct {
	link  int
	codec media.Codec
}

// verdict is what is known about a place.
type verdict struct {
	proved bool
	reason string // why not
	limits limits
}

// opening is what a link has in hand just now.
type opening struct {
	calls int
	since time.Time // the first of them
}

// Hardware is the chain of links of this machine, best first, software last.
// Any goroutine may use it; decoders share it.
type Hardware struct {
	cfg    HardwareConfig
	log    *slog.Logger
	device *libav.Device // nil: none
	links  []link
	proof  func(media.Codec) proof

	mu       sync.Mutex // guards what follows
	verdicts map[place]verdict
	condemn  map[int]string // links that hung in this process, and how
	openings map[int]opening
}

// codecs are those of the product, in its order.
var codecs = [...]media.Codec{media.CodecH264, media.CodecHEVC}

// OpenHardware starts the driver, proves each link for each codec by decoding
// known pictures and remembers the outcome. It never fails: what does not work
// is left out, and software remains. It takes milliseconds when everything is
// remembered, at most seconds when a driver hangs. The caller closes it after
// its decoders.
func OpenHardware(cfg HardwareConfig) *Hardware {
	h := newHardware(cfg)
	known := openMemory(h.cfg.Memory, h.log)
	if cfg.Device != DeviceNone {
		h.device = h.startDevice(known)
	}
	if h.device != nil {
		h.links = vaapiLinks(h.device, cfg.DMABuf)
	}
	h.links = append(h.links, link{
		name: "software", open: openSoftware,
		limits: func(c media.Codec) (limits, error) { return softwareLimits(c), nil },
	})
	h.proveAll(known)
	return h
}

func newHardware(cfg HardwareConfig) *Hardware {
	if cfg.ProofTime <= 0 {
		cfg.ProofTime = 5 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Hardware{
		cfg: cfg, log: cfg.Logger.With("component", "decode"), proof: proofOf,
		verdicts: make(map[place]verdict), condemn: make(map[int]string), openings: make(map[int]opening),
	}
}

// errHung says that a driver did not come back.
var errHung = errors.New("no answer")

// within runs work on an OS thread of its own and waits for it, but not longer
// than ProofTime. What comes later is given to late.
func within[T any](h *Hardware, work func() (T, error), late func(T)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result)
	gone := make(chan struct{})
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		v, err := work()
		select {
		case done <- result{v, err}:
		case <-gone:
			if err == nil {
				late(v)
			}
		}
	}()
	t := time.NewTimer(h.cfg.ProofTime)
	defer t.Stop()
	select {
	case r := <-done:
		return r.v, r.err
	case <-t.C:
		close(gone)
		var none T
		return none, fmt.Errorf("%w within %v", errHung, h.cfg.ProofTime)
	}
}

// startDevice starts the driver unless it is known to take the program with it.
func (h *Hardware) startDevice(known *memory) *libav.Device {
	what := record{Device: h.cfg.Device, Link: "start", Library: libav.Version()}
	if usable, ok, reason := known.recall(what); ok && !usable {
		h.log.Warn("no hardware decoder", "err", reason)
		return nil
	}
	known.begin(what)
	d, err := within(h, func() (*libav.Device, error) { return libav.OpenDevice(h.cfg.Device) },
		func(d *libav.Device) { _ = d.Close() }) // it came too late to be of use
	switch {
	case errors.Is(err, errHung):
		known.end(what, stateHung, err.Error())
	default: // a refusal is not remembered: it costs nothing to ask again
		known.end(what, stateGood, "")
	}
	switch {
	case err == nil:
		h.log.Info("driver started", "device", d.Path(), "driver", d.Driver())
		return d
	case errors.Is(err, errors.ErrUnsupported) && h.cfg.Device == "":
		h.log.Info("no hardware decoder", "err", err)
	default:
		h.log.Warn("no hardware decoder", "err", err)
	}
	return nil
}

// vaapiLinks are the links of a device.
func vaapiLinks(d *libav.Device, dmabuf bool) []link {
	base := link{
		name: "vaapi-copy", hardware: true, device: d.Path(), driver: d.Driver(),
		limits: func(c media.Codec) (limits, error) { return deviceLimits(d, c) },
		open: func(c media.Codec) (Backend, error) {
			return openLibav(libav.DecoderConfig{Codec: c, Device: d})
		},
	}
	if !dmabuf {
		return []link{base}
	}
	export := base
	export.name, export.export = "vaapi", true
	export.open = func(c media.Codec) (Backend, error) {
		return openLibav(libav.DecoderConfig{Codec: c, Device: d, Export: true})
	}
	return []link{export, base}
}

func deviceLimits(d *libav.Device, c media.Codec) (limits, error) {
	p := d.Profiles(c)
	if !p.Any() {
		return limits{}, fmt.Errorf("%v: %w", c, libav.ErrNoProfile)
	}
	return hardwareLimits(c, p), nil
}

// proveAll proves from the end: a link that exports is only as good as the one
// that copies, whose samples can be compared.
func (h *Hardware) proveAll(known *memory) {
	for i := len(h.links) - 1; i >= 0; i-- {
		for _, codec := range codecs {
			v := h.prove(known, i, codec)
			h.mu.Lock()
			h.verdicts[place{i, codec}] = v
			h.mu.Unlock()
			l := &h.links[i]
			if v.proved {
				h.log.Info("decoder proved", "backend", l.name, "codec", codec)
			} else {
				h.log.Info("decoder left out", "backend", l.name, "codec", codec, "err", v.reason)
			}
		}
	}
}

// prove says whether a link decodes a codec.
func (h *Hardware) prove(known *memory, at int, codec media.Codec) (v verdict) {
	l := &h.links[at]
	bound, err := l.limits(codec)
	if err != nil {
		return verdict{reason: err.Error()}
	}
	v.limits = bound
	if why := h.condemned(at); why != "" {
		v.reason = why
		return v
	}
	if below := at + 1; l.export && h.links[below].hardware {
		if under := h.verdict(below, codec); !under.proved {
			v.reason = h.links[below].name + ": " + under.reason
			return v
		}
	}
	v.reason = h.proveNow(known, at, codec)
	v.proved = v.reason == ""
	return v
}

// proveNow remembers or proves; "" is proved.
func (h *Hardware) proveNow(known *memory, at int, codec media.Codec) string {
	l := &h.links[at]
	if !l.hardware {
		return h.runProof(at, codec, func(string, string) {})
	}
	what := record{Device: l.device, Codec: codec.String(), Link: l.name, Driver: l.driver, Library: libav.Version()}
	if usable, ok, reason := known.recall(what); ok {
		if usable {
			return ""
		}
		return "remembered: " + reason
	}
	known.begin(what)
	return h.runProof(at, codec, func(state, reason string) { known.end(what, state, reason) })
}

// runProof proves and tells what came of it.
func (h *Hardware) runProof(at int, codec media.Codec, tell func(state, reason string)) string {
	_, err := within(h, func() (struct{}, error) { return struct{}{}, prove(&h.links[at], codec, h.proof(codec)) }, func(struct{}) {})
	switch {
	case err == nil:
		tell(stateGood, "")
		return ""
	case errors.Is(err, errHung):
		h.condemnLink(at, err.Error())
		tell(stateHung, err.Error())
	default:
		tell(stateBad, err.Error())
	}
	return err.Error()
}

func (h *Hardware) verdict(at int, codec media.Codec) verdict {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.verdicts[place{at, codec}]
}

// condemnLink takes a link out for the life of the process: a driver that hung
// once has a thread of ours and may have more.
func (h *Hardware) condemnLink(at int, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.condemn[at] = reason
}

func (h *Hardware) condemned(at int) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.condemn[at]
}

// last is the link that is never given up.
func (h *Hardware) last() int { return len(h.links) - 1 }

// usable says why a link is not to be opened; "" is usable. The last one always
// is.
func (h *Hardware) usable(at int, codec media.Codec) string {
	if at == h.last() {
		return ""
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if why := h.condemn[at]; why != "" {
		return why
	}
	if v := h.verdicts[place{at, codec}]; !v.proved {
		return v.reason
	}
	return ""
}

// Open returns a backend of the best link, for Config.Open. A decoder finds its
// way down the chain from there. Call it on the thread that will use the
// backend.
func (h *Hardware) Open(codec media.Codec) (Backend, error) {
	b, err := h.openFrom(codec, 0)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// openFrom opens the first usable link at or below from that opens.
func (h *Hardware) openFrom(codec media.Codec, from int) (*linkBackend, error) {
	var failed []error
	for at := from; at < len(h.links); at++ {
		if h.usable(at, codec) != "" {
			continue
		}
		b, err := h.openLink(codec, at)
		if err == nil {
			v := h.verdict(at, codec)
			return &linkBackend{Backend: b, chain: h, at: at, limits: v.limits, above: errors.Join(failed...)}, nil
		}
		failed = append(failed, fmt.Errorf("%s: %w", h.links[at].name, err))
	}
	return nil, errors.Join(failed...)
}

// stuckAfter is how long opening a link may take before others leave it alone.
const stuckAfter = time.Second

// openLink opens one link, unless a thread hangs in opening it.
func (h *Hardware) openLink(codec media.Codec, at int) (Backend, error) {
	h.mu.Lock()
	o := h.openings[at]
	if o.calls > 0 && time.Since(o.since) >= stuckAfter && at != h.last() {
		h.mu.Unlock()
		return nil, errors.New("still being opened")
	}
	if o.calls == 0 {
		o.since = time.Now()
	}
	o.calls++
	h.openings[at] = o
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		o := h.openings[at]
		o.calls--
		h.openings[at] = o
		h.mu.Unlock()
	}()
	return h.links[at].open(codec)
}

// Close gives the driver up. Decoders that still run keep it until they end.
func (h *Hardware) Close() error {
	if h.device == nil {
		return nil
	}
	return h.device.Close()
}

// linkBackend is a backend that knows its place in a chain.
type linkBackend struct {
	Backend
	chain  *Hardware
	at     int
	limits limits
	above  error // of better links that were proved and did not open now
}

func (b *linkBackend) last() bool   { return b.at >= b.chain.last() }
func (b *linkBackend) export() bool { return b.chain.links[b.at].export }

// Capability is what one link decodes of one codec.
type Capability struct {
	Codec    media.Codec
	Backend  string // "vaapi", "vaapi-copy", "software"
	Hardware bool

	// MaxWidth and MaxHeight bound the coded size, pixels.
	MaxWidth, MaxHeight int
	// MacroblocksPerSecond is how many blocks of 16x16 luma samples a second it
	// decodes, of all streams together in hardware, of each in software.
	MacroblocksPerSecond uint32

	// Proved: it has decoded the known pictures. Reason says why not.
	Proved bool
	Reason string
}

// Capabilities is what this machine decodes now: one for each codec, of the
// best link that is usable.
func (h *Hardware) Capabilities() []Capability { return h.capabilities(floors{}) }

// Links is every link for every codec, best first, usable or not.
func (h *Hardware) Links() []Capability {
	var list []Capability
	for _, codec := range codecs {
		for at := range h.links {
			list = append(list, h.capability(at, codec))
		}
	}
	return list
}

// capabilities is Capabilities for a decoder that may not use links above its
// floors.
func (h *Hardware) capabilities(from floors) []Capability {
	var list []Capability
	for _, codec := range codecs {
		at := from[codec]
		for h.usable(at, codec) != "" {
			at++
		}
		list = append(list, h.capability(at, codec))
	}
	return list
}

func (h *Hardware) capability(at int, codec media.Codec) Capability {
	l, v := &h.links[at], h.verdict(at, codec)
	c := Capability{
		Codec: codec, Backend: l.name, Hardware: l.hardware,
		MaxWidth: v.limits.width, MaxHeight: v.limits.height, MacroblocksPerSecond: v.limits.rate,
		Proved: v.proved, Reason: v.reason,
	}
	if why := h.condemned(at); why != "" {
		c.Proved, c.Reason = false, why
	}
	return c
}

// floors are the best links that a decoder may still use, by codec.
type floors [media.CodecHEVC + 1]int

func (f *floors) of(codec media.Codec) int {
	if int(codec) >= len(f) {
		return 0
	}
	return f[codec]
}

// raise lowers the best link, but never the other way.
func (f *floors) raise(codec media.Codec, at int) {
	if int(codec) < len(f) {
		f[codec] = max(f[codec], at)
	}
}
