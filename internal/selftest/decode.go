package selftest

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// DecodeConfig says what to measure.
type DecodeConfig struct {
	Common
	Device string        // render node, decode.DeviceNone for software alone, "" for the first that works
	Codecs []media.Codec // empty: both
	Sizes  []image.Point // of streams made on the spot; empty: 1280x720, 1920x1080, 3840x2160
	Files  []string      // measured instead
	Span   time.Duration // of each measurement, 0: 3 s
}

// DecodeReport is what Decode found.
type DecodeReport struct {
	Verdict
	RenderNodes []string     `json:"render_nodes"`
	Device      string       `json:"device"` // in use, "" for none
	Driver      string       `json:"driver"`
	LibVA       string       `json:"libva"`
	Libraries   string       `json:"libraries"`
	DeviceError string       `json:"device_error,omitempty"`
	Ways        []Way        `json:"ways"`
	Rates       []DecodeRate `json:"rates"`
	Promises    []Promise    `json:"promises"`
}

// Way is one way to decode one codec.
type Way struct {
	Codec                string `json:"codec"`
	Decoder              string `json:"decoder"` // vaapi, vaapi-copy, software
	Hardware             bool   `json:"hardware"`
	Proved               bool   `json:"proved"`
	Reason               string `json:"reason,omitempty"` // why not
	MaxWidth             int    `json:"max_width"`
	MaxHeight            int    `json:"max_height"`
	MacroblocksPerSecond uint32 `json:"macroblocks_per_s"`
	Level                string `json:"level"` // the highest with that rate
}

// DecodeRate is one measurement.
type DecodeRate struct {
	Codec           string  `json:"codec"`
	Decoder         string  `json:"decoder"`
	Stream          string  `json:"stream"` // size or file
	Width           int     `json:"width"`
	Height          int     `json:"height"`
	Streams         int     `json:"streams"` // decoded at once
	Pictures        int     `json:"pictures"`
	PicturesPerS    float64 `json:"pictures_per_s"` // of all streams together
	MSP50           float64 `json:"ms_p50"`         // of one picture
	MSP99           float64 `json:"ms_p99"`
	CPUMSPerPicture float64 `json:"cpu_ms_per_picture"`
	MbitPerS        float64 `json:"mbit_per_s"` // of one stream at its rate of 60
	Error           string  `json:"error,omitempty"`
}

// Promise is a rate that the product promises, and what was measured.
type Promise struct {
	Name         string  `json:"name"`
	PicturesPerS float64 `json:"pictures_per_s"` // promised, of all streams together
	Measured     float64 `json:"measured"`
	Decoder      string  `json:"decoder"` // that was best at it, with its codec
	Checked      bool    `json:"checked"` // false: its size was not measured
	Met          bool    `json:"met"`
}

// promised are the product's rates.
var promised = [...]struct {
	name    string
	size    image.Point
	streams int
	rate    float64
}{
	{"3840x2160 at 30 on one output", image.Pt(3840, 2160), 1, 30},
	{"3840x2160 at 30 on both outputs", image.Pt(3840, 2160), 2, 60},
	{"1920x1080 at 144 on one output", image.Pt(1920, 1080), 1, 144},
	{"1920x1080 at 60 on both outputs", image.Pt(1920, 1080), 2, 120},
}

// leastRate is what a way has to allow by its limits for a size to be measured
// with it, pictures a second.
const leastRate = 24

// Decode finds every way to decode, proves and measures it. The error says that
// nothing could be measured; what does not work or is too slow is in the report.
// Rates are promised of a device, so none are checked with DeviceNone or files.
func Decode(ctx context.Context, cfg DecodeConfig) (*DecodeReport, error) {
	cfg.Common = cfg.Common.withDefaults()
	if cfg.Span <= 0 {
		cfg.Span = 3 * time.Second
	}
	if len(cfg.Codecs) == 0 {
		cfg.Codecs = []media.Codec{media.CodecH264, media.CodecHEVC}
	}
	if len(cfg.Sizes) == 0 {
		cfg.Sizes = []image.Point{{X: 1280, Y: 720}, {X: 1920, Y: 1080}, {X: 3840, Y: 2160}}
	}
	d := &decoding{cfg: cfg, report: &DecodeReport{
		RenderNodes: append([]string{}, libav.Devices()...), Libraries: libav.Version(),
		Ways: []Way{}, Rates: []DecodeRate{}, Promises: []Promise{},
	}}
	d.report.Failed = []string{}
	if err := canDecode(); err != nil {
		return nil, err
	}
	defer d.close()
	d.find()
	if err := d.measureAll(ctx); err != nil {
		return nil, err
	}
	d.judge()
	return d.report, nil
}

// canDecode says what this build lacks to decode anything.
func canDecode() error {
	b, err := libav.NewDecoder(libav.DecoderConfig{Codec: media.CodecH264, Threads: 1})
	if err != nil {
		return err
	}
	return b.Close()
}

// decoding is one run of Decode.
type decoding struct {
	cfg    DecodeConfig
	device *libav.Device // nil: none
	ways   []decode.Capability
	report *DecodeReport
}

func (d *decoding) close() {
	if d.device != nil {
		_ = d.device.Close() // the report is complete without it
	}
}

// find starts the driver and proves all ways.
func (d *decoding) find() {
	d.cfg.say("starting the driver and proving each way to decode")
	if d.cfg.Device != decode.DeviceNone {
		dev, err := startDriver(d.cfg.Device)
		if err != nil {
			d.report.DeviceError = err.Error()
		} else {
			d.device = dev
			d.report.Device, d.report.Driver, d.report.LibVA = dev.Path(), dev.Driver(), loadedLibrary("libva.so")
		}
	}
	name := decode.DeviceNone
	if d.device != nil {
		name = d.device.Path()
	}
	h := decode.OpenHardware(decode.HardwareConfig{Device: name, DMABuf: true, Logger: d.cfg.Logger})
	d.ways = h.Links()
	if err := h.Close(); err != nil {
		d.report.fail("close the driver: %v", err)
	}
	for _, w := range d.ways {
		d.report.Ways = append(d.report.Ways, Way{
			Codec: w.Codec.String(), Decoder: w.Backend, Hardware: w.Hardware, Proved: w.Proved, Reason: w.Reason,
			MaxWidth: w.MaxWidth, MaxHeight: w.MaxHeight, MacroblocksPerSecond: w.MacroblocksPerSecond, Level: levelOf(w),
		})
	}
}

// startDriver opens a device, but does not wait for a driver that hangs.
func startDriver(path string) (*libav.Device, error) {
	type result struct {
		dev *libav.Device
		err error
	}
	done := make(chan result, 1)
	go func() {
		dev, err := libav.OpenDevice(path)
		done <- result{dev, err}
	}()
	t := time.NewTimer(stallAfter)
	defer t.Stop()
	select {
	case r := <-done:
		return r.dev, r.err
	case <-t.C:
		return nil, fmt.Errorf("start the driver of %s: no answer within %v", cmp.Or(path, "the first render node"), stallAfter)
	}
}

// levelOf names the highest level that a way's rate allows.
func levelOf(c decode.Capability) string {
	name := ""
	for idc := range 255 {
		if l, ok := bitstream.LevelOf(c.Codec, uint8(idc)); ok && l.MacroblocksPerSecond() <= c.MacroblocksPerSecond {
			name = l.Name
		}
	}
	return name
}

// loadedLibrary returns the file name, with its version, of a shared library
// that this process has loaded, "" where it has not.
func loadedLibrary(name string) string {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if base := path.Base(s.Text()); strings.HasPrefix(base, name) {
			return base
		}
	}
	return ""
}

// measureAll measures files, or streams made on the spot.
func (d *decoding) measureAll(ctx context.Context) error {
	for _, file := range d.cfg.Files {
		s, err := loadStream(ctx, file)
		if err != nil {
			return err
		}
		d.measureStream(ctx, s, d.usable(s.codec, image.Point{}))
	}
	if len(d.cfg.Files) > 0 {
		return ctx.Err()
	}
	for _, codec := range d.cfg.Codecs {
		for _, size := range d.cfg.Sizes {
			ways := d.usable(codec, size)
			if len(ways) == 0 {
				continue
			}
			d.cfg.say("encoding a stream of %v %dx%d", codec, size.X, size.Y)
			s, err := encodeStream(ctx, codec, size)
			if errors.Is(err, errors.ErrUnsupported) {
				d.cfg.say("%v", err)
				continue
			}
			if err != nil {
				return err
			}
			d.measureStream(ctx, s, ways)
		}
	}
	return ctx.Err()
}

// usable are the proved ways of a codec whose limits allow a size.
func (d *decoding) usable(codec media.Codec, size image.Point) (list []decode.Capability) {
	need := uint64(bitstream.Macroblocks(size.X, size.Y)) * leastRate
	for _, w := range d.ways {
		if w.Codec == codec && w.Proved && size.X <= w.MaxWidth && size.Y <= w.MaxHeight && need <= uint64(w.MacroblocksPerSecond) {
			list = append(list, w)
		}
	}
	return list
}

// measureStream measures one stream alone and two at once.
func (d *decoding) measureStream(ctx context.Context, s *stream, ways []decode.Capability) {
	for _, w := range ways {
		for _, streams := range [...]int{1, 2} {
			if ctx.Err() != nil {
				return
			}
			d.cfg.say("decoding %v %s by %s, %d at once", s.codec, s.name, w.Backend, streams)
			d.report.Rates = append(d.report.Rates, d.measureOne(ctx, s, w, streams))
		}
	}
}

func (d *decoding) measureOne(ctx context.Context, s *stream, w decode.Capability, streams int) DecodeRate {
	out := DecodeRate{Codec: s.codec.String(), Decoder: w.Backend, Stream: s.name, Width: s.width, Height: s.height, Streams: streams}
	out.MbitPerS = round2(float64(s.bytes) * 8 * streamFPS / float64(len(s.units)) / 1e6)
	sp, err := measure(ctx, s, streams, d.cfg.Span, func(c media.Codec) (backend, error) { return d.open(c, w) })
	if err != nil {
		out.Error = err.Error()
		if ctx.Err() == nil {
			d.report.fail("%v %s by %s, %d at once: %v", s.codec, s.name, w.Backend, streams, err)
		}
		return out
	}
	q := sp.latency.Quantiles()
	out.Pictures, out.Width, out.Height, out.MSP50, out.MSP99 = sp.pictures, sp.width, sp.height, q.P50, q.P99
	out.PicturesPerS = round2(float64(sp.pictures) / sp.took.Seconds())
	out.CPUMSPerPicture = round2(sp.cpu.Seconds() * 1000 / float64(sp.pictures))
	return out
}

// open opens one way of decoding and no other.
func (d *decoding) open(codec media.Codec, w decode.Capability) (backend, error) {
	cfg := libav.DecoderConfig{Codec: codec}
	if w.Hardware {
		cfg.Device, cfg.Export = d.device, w.Backend == "vaapi"
	}
	b, err := libav.NewDecoder(cfg)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// judge compares what was measured with what has to be.
func (d *decoding) judge() {
	r := d.report
	for _, codec := range d.cfg.Codecs {
		proved := false
		for _, w := range d.ways {
			proved = proved || w.Codec == codec && w.Proved
			if w.Codec == codec && w.Hardware && !w.Proved && d.device.Profiles(codec).Any() {
				r.fail("%v by %s is not proved: %s", codec, w.Backend, w.Reason)
			}
		}
		if !proved {
			r.fail("nothing decodes %v", codec)
		}
	}
	if len(r.Rates) == 0 {
		r.fail("nothing was measured: no way takes the sizes asked for")
	}
	if len(d.cfg.Files) > 0 || d.cfg.Device == decode.DeviceNone {
		return
	}
	if d.device == nil {
		r.fail("no device decodes: %s", r.DeviceError)
	}
	for _, p := range promised {
		out := d.promise(p.name, p.size, p.streams, p.rate)
		if out.Checked && !out.Met {
			r.fail("%s: %.0f pictures a second promised, %.1f measured", p.name, p.rate, out.Measured)
		}
		r.Promises = append(r.Promises, out)
	}
}

// promise finds the best that was measured for a promise.
func (d *decoding) promise(name string, size image.Point, streams int, rate float64) Promise {
	out := Promise{Name: name, PicturesPerS: rate}
	for _, s := range d.cfg.Sizes {
		out.Checked = out.Checked || s == size
	}
	for _, m := range d.report.Rates {
		if d.device != nil && m.Decoder == "software" {
			continue // the promise is the hardware's
		}
		if m.Width == size.X && m.Height == size.Y && m.Streams == streams && m.PicturesPerS > out.Measured {
			out.Measured, out.Decoder = m.PicturesPerS, m.Codec+" by "+m.Decoder
		}
	}
	out.Met = out.Measured >= rate
	return out
}

func (r *DecodeReport) table(w io.Writer) {
	fmt.Fprintf(w, "device\t%s, %s, %s\n", orNone(r.Device), orNone(r.Driver), orNone(r.LibVA))
	if r.DeviceError != "" {
		fmt.Fprintf(w, "\t%s\n", r.DeviceError)
	}
	fmt.Fprintf(w, "render nodes\t%s\n", orNone(strings.Join(r.RenderNodes, " ")))
	fmt.Fprintf(w, "libraries\t%s\n", r.Libraries)
	fmt.Fprintf(w, "\ncodec\tway\tproved\tat most\tblocks/s\tlevel\n")
	for _, y := range r.Ways {
		proved := "yes"
		if !y.Proved {
			proved = "no: " + y.Reason
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%dx%d\t%d\t%s\n", y.Codec, y.Decoder, proved, y.MaxWidth, y.MaxHeight, y.MacroblocksPerSecond, orNone(y.Level))
	}
	fmt.Fprintf(w, "\ncodec\tway\tstream\tat once\tpictures/s\tms p50\tms p99\tCPU ms each\n")
	for _, m := range r.Rates {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%.1f\t%.2f\t%.2f\t%.2f\n", m.Codec, m.Decoder, m.Stream, m.Streams, m.PicturesPerS, m.MSP50, m.MSP99, m.CPUMSPerPicture)
	}
	if len(r.Promises) > 0 {
		fmt.Fprintf(w, "\npromise\tpictures/s\tmeasured\tverdict\n")
	}
	for _, p := range r.Promises {
		verdict := "not measured"
		if p.Checked {
			verdict = map[bool]string{true: "met by " + p.Decoder, false: "NOT MET"}[p.Met]
		}
		fmt.Fprintf(w, "%s\t%.0f\t%.1f\t%s\n", p.Name, p.PicturesPerS, p.Measured, verdict)
	}
}
