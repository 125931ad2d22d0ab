package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/blade-shadow/terminal/internal/media"
)

// parseSize reads WIDTHxHEIGHT in pixels; empty is 0, 0.
func parseSize(s string) (width, height int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	w, h, ok := strings.Cut(s, "x")
	width, errW := strconv.Atoi(w)
	height, errH := strconv.Atoi(h)
	if !ok || errW != nil || errH != nil || width < 16 || height < 16 {
		return 0, 0, fmt.Errorf("size %q is not one: write for example 1280x720", s)
	}
	return width, height, nil
}

// parseBitrate reads bits per second with an optional k, M or G.
func parseBitrate(s string) (int, error) {
	number, scale := s, 1.0
	for suffix, factor := range map[string]float64{"k": 1e3, "M": 1e6, "G": 1e9} {
		if n, ok := strings.CutSuffix(s, suffix); ok {
			number, scale = n, factor
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if bps := n * scale; err == nil && bps >= 200e3 && bps <= 1e9 {
		return int(bps), nil
	}
	return 0, fmt.Errorf("bit rate %q is not between 200k and 1G", s)
}

func parseCodecs(names []string) (codecs []media.Codec, err error) {
	for _, name := range names {
		c, err := media.ParseCodec(name)
		if err != nil {
			return nil, err
		}
		codecs = append(codecs, c)
	}
	return codecs, nil
}
