package media

import (
	"fmt"
	"image"
	"strconv"
	"strings"
)

// Bounds of a bit rate that makes sense for one screen, in bits per second.
const (
	MinBitrate = 200_000
	MaxBitrate = 1_000_000_000
)

// ParseBitrate reads bits per second with an optional k, M or G (powers of
// ten), as people write it: 10M.
func ParseBitrate(s string) (int, error) {
	number, scale := s, 1.0
	for suffix, factor := range map[string]float64{"k": 1e3, "M": 1e6, "G": 1e9} {
		if n, ok := strings.CutSuffix(s, suffix); ok {
			number, scale = n, factor
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a bit rate: write for example 10M", s)
	}
	if bps := n * scale; bps >= MinBitrate && bps <= MaxBitrate {
		return int(bps), nil
	}
	return 0, fmt.Errorf("bit rate %q is not between 200k and 1G", s)
}

// ParseSize reads WIDTHxHEIGHT in pixels; empty is 0, 0.
func ParseSize(s string) (width, height int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	w, h, ok := strings.Cut(s, "x")
	width, errW := strconv.Atoi(w)
	height, errH := strconv.Atoi(h)
	if !ok || errW != nil || errH != nil || width < 16 || height < 16 || width > 16384 || height > 16384 {
		return 0, 0, fmt.Errorf("size %q is not one: write for example 1280x720", s)
	}
	return width, height, nil
}

// ParseRegion reads WIDTHxHEIGHT+X+Y in pixels, as X programs write it.
func ParseRegion(s string) (image.Rectangle, error) {
	size, place, ok := strings.Cut(s, "+")
	xs, ys, ok2 := strings.Cut(place, "+")
	w, h, err := ParseSize(size)
	x, errX := strconv.ParseUint(xs, 10, 15)
	y, errY := strconv.ParseUint(ys, 10, 15)
	if !ok || !ok2 || err != nil || w == 0 || errX != nil || errY != nil {
		return image.Rectangle{}, fmt.Errorf("region %q is not one: write for example 1280x720+0+0", s)
	}
	return image.Rect(0, 0, w, h).Add(image.Pt(int(x), int(y))), nil
}

// ParseCodecs reads codec names in order of preference; none means all.
func ParseCodecs(names []string) ([]Codec, error) {
	if len(names) == 0 {
		return []Codec{CodecH264, CodecHEVC}, nil
	}
	var codecs []Codec
	for _, n := range names {
		c, err := ParseCodec(n)
		if err != nil {
			return nil, err
		}
		codecs = append(codecs, c)
	}
	return codecs, nil
}
