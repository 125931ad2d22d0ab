package agent

import (
	"time"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/outputs"
)

// Build is New with another display and another decoder.
func Build(cfg Config, open func(display.Config) (outputs.Display, error), decoder func(media.Codec) (decode.Backend, error)) (*Agent, error) {
	return build(cfg, parts{openDisplay: func(_ *Agent, c display.Config) (outputs.Display, error) { return open(c) }, openDecoder: decoder, showTimeout: 3 * time.Second})
}

// Describe and Sentence make words of errors.
var (
	Describe = describe
	Sentence = sentence
)
