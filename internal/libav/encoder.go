package libav

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/blade-shadow/terminal/internal/media"
)

// EncoderConfig says what to encode and how.
type EncoderConfig struct {
	Codec         media.Codec
	Width, Height int    // even, in pixels
	FPS           int    // pictures per second that the rate is shared among
	BitrateBps    int    // mean, and with one picture of buffer nearly the peak
	Backend       string // "auto" or "": the first that works; or libavcodec's name: libx264, hevc_vaapi, ...
	Threads       int    // software only; 0: two for H.264, all cores for HEVC
	Device        string // DRM render node for VA-API; "": the first
	// IntraRefresh renews the picture column by column, twice a second, with a
	// recovery point (SEI) where a round begins, so that a loss heals without a
	// keyframe. Keyframes still come when they are asked for.
	IntraRefresh bool
}

// validate reports the first field that cannot work.
func (c EncoderConfig) validate() error {
	switch {
	case c.Codec != media.CodecH264 && c.Codec != media.CodecHEVC:
		return fmt.Errorf("codec %v is not supported: use H264 or HEVC", c.Codec)
	case c.Width < 16 || c.Height < 16 || c.Width > 8192 || c.Height > 8192:
		return fmt.Errorf("size %dx%d is out of range: 16 to 8192", c.Width, c.Height)
	case c.Width%2 != 0 || c.Height%2 != 0:
		return fmt.Errorf("size %dx%d is odd: 4:2:0 needs even sizes", c.Width, c.Height)
	case c.FPS < 1 || c.FPS > 1000:
		return fmt.Errorf("rate of %d pictures per second is out of range: 1 to 1000", c.FPS)
	}
	return checkBitrate(c.BitrateBps)
}

func checkBitrate(bps int) error {
	if bps < 50_000 || bps > 1_000_000_000 {
		return fmt.Errorf("bit rate %d b/s is out of range: 50 kb/s to 1 Gb/s", bps)
	}
	return nil
}

// candidates lists the libavcodec encoders to try, in order.
func (c EncoderConfig) candidates() []string {
	if c.Backend != "" && c.Backend != "auto" {
		return []string{c.Backend}
	}
	if c.Codec == media.CodecHEVC {
		return []string{"hevc_vaapi", "hevc_nvenc", "libx265"}
	}
	return []string{"h264_vaapi", "h264_nvenc", "libx264"}
}

// options is an ordered list of libavcodec options.
type options struct{ b strings.Builder }

func (o *options) set(key string, value any) {
	fmt.Fprintf(&o.b, "%s=%v\n", key, value)
}

// bufferBits is the VBV: exactly one picture's share, so that no picture takes
// longer on the wire than its interval.
func bufferBits(bps, fps int) int { return bps / fps }

// refreshes reports why the named encoder cannot renew pictures in rounds, nil
// when it can. VA-API's have no such mode in libavcodec. libx265 has one, but it
// sends no recovery point, and what was damaged stayed visible after rounds
// (29 dB to the unharmed picture, 37 dB with all that crosses blocks switched
// off).
func refreshes(name string) error {
	if name == "libx264" || strings.HasSuffix(name, "_nvenc") {
		return nil
	}
	return fmt.Errorf("%s cannot renew a picture in rounds: intra refresh needs libx264 or NVENC: %w", name, errors.ErrUnsupported)
}

// refreshPictures is how many pictures a round of intra refresh takes.
func refreshPictures(fps int) int { return max(fps/2, 8) }

// encoderOptions returns what makes the named encoder a low-delay one, one
// "key=value" a line. Options that a version of libavcodec lacks are ignored
// by it.
func encoderOptions(name string, c EncoderConfig, bps int) string {
	var o options
	o.set("b", bps)
	o.set("maxrate", bps)
	o.set("bufsize", bufferBits(bps, c.FPS))
	o.set("rc_init_occupancy", bufferBits(bps, c.FPS))
	o.set("bf", 0)
	o.set("refs", 1)
	o.set("flags", "+low_delay")
	for _, key := range []string{"colorspace", "color_primaries", "color_trc"} {
		o.set(key, "bt709")
	}
	o.set("color_range", "tv")
	switch {
	case name == "libx264":
		x264Options(&o, c)
	case name == "libx265":
		x265Options(&o, c)
	case strings.HasSuffix(name, "_vaapi"):
		o.set("g", 1<<16-1) // VA-API drivers clip what is larger
		o.set("async_depth", 1)
		o.set("rc_mode", "CBR")
	case strings.HasSuffix(name, "_nvenc"):
		nvencOptions(&o, c)
	}
	return o.b.String()
}

// x264Options: presets were measured, see BenchmarkEncode.
func x264Options(o *options, c EncoderConfig) {
	o.set("preset", "superfast")
	o.set("tune", "zerolatency")
	if c.IntraRefresh {
		o.set("intra-refresh", 1)
		o.set("g", refreshPictures(c.FPS))
	} else {
		o.set("g", 1<<30) // X264_KEYINT_MAX_INFINITE
	}
	o.set("sc_threshold", 0)
	o.set("forced-idr", 1)
	o.set("threads", x264Threads(c.Threads))
	o.set("thread_type", "slice")
}

// x264Threads: each thread is a slice. Two take a third off the time of a
// picture and cost 0.15 dB; more cost more than they give at 720p.
func x264Threads(n int) int {
	if n > 0 {
		return n
	}
	return min(2, runtime.NumCPU())
}

// x265Options: lavc's thread count is x265's frame threads, which cost a
// picture each; WPP's pool is what runs in parallel instead.
func x265Options(o *options, c EncoderConfig) {
	o.set("preset", "ultrafast")
	o.set("tune", "zerolatency")
	o.set("forced-idr", 1)
	o.set("threads", 1)
	pools := "*"
	if c.Threads > 0 {
		pools = fmt.Sprint(c.Threads)
	}
	o.set("x265-params", strings.Join([]string{
		"log-level=none", "info=0", "open-gop=0", "open-gop=0", "repeat-headers=1", "keyint=-1", "scenecut=0",
		"frame-threads=1", "pools=" + pools, "rc-lookahead=0", "ref=1", "vbv-init=1", "strict-cbr=1",
	}, ":"))
}

func nvencOptions(o *options, c EncoderConfig) {
	if c.IntraRefresh {
		o.set("intra-refresh", 1)
		o.set("g", refreshPictures(c.FPS))
	} else {
		o.set("g", -1)
	}
	o.set("preset", "p3")
	o.set("tune", "ull")
	o.set("rc", "cbr")
	o.set("delay", 0)
	o.set("zerolatency", 1)
	o.set("forced-idr", 1)
	o.set("strict_gop", 1)
}

// hevcFiller starts a filler data NAL unit (ITU-T H.265, 7.3.1.2, type 38).
var hevcFiller = []byte{0, 0, 1, 38 << 1, 1}

// cutFiller removes the filler that ends an HEVC access unit: libx265's strict
// rate control, wanted for its bounded pictures, pads the small ones.
func cutFiller(data []byte) []byte {
	i := bytes.LastIndex(data, hevcFiller)
	if i < 0 {
		return data
	}
	if i > 0 && data[i-1] == 0 {
		i--
	}
	return data[:i]
}

// reconfigures says whether the encoder takes a new bit rate between two
// pictures. The others are opened again, which costs a keyframe.
func reconfigures(name string) bool {
	return name == "libx264" || strings.HasSuffix(name, "_nvenc")
}
