package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/microphone"
	"github.com/blade-shadow/terminal/internal/libav"
)

// soundServerPatience is how long the sound server may take to make a device.
const soundServerPatience = 3 * time.Second

// heard is a recording device into which a session's packets are played.
type heard struct {
	*microphone.Playout
	source  *microphone.Source
	decoder *libav.OpusDecoder
}

// openMicrophone makes a recording device for each session.
func openMicrophone(log *slog.Logger) func(wanted func(bool)) (host.Microphone, error) {
	return func(wanted func(bool)) (host.Microphone, error) {
		ctx, cancel := context.WithTimeout(context.Background(), soundServerPatience)
		defer cancel()
		source, err := microphone.OpenSource(ctx, microphone.SourceConfig{Default: true})
		if err != nil {
			return nil, err
		}
		decoder, err := libav.NewOpusDecoder(1)
		if err != nil {
			return nil, errors.Join(err, source.Close())
		}
		playout, err := microphone.New(microphone.Config{Decoder: decoder, Sink: source, OnWanted: wanted, Logger: log})
		if err != nil {
			return nil, errors.Join(err, source.Close(), decoder.Close())
		}
		return &heard{playout, source, decoder}, nil
	}
}

// Close takes the device away.
func (h *heard) Close() error {
	if err := errors.Join(h.source.Close(), h.decoder.Close()); err != nil {
		return fmt.Errorf("microphone: %w", err)
	}
	return nil
}
