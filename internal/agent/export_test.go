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

// Backoff decides how long to wait between sessions.
type Backoff = backoff

// Next is the next wait.
func (b *Backoff) Next(err error, lived bool) time.Duration { return b.next(err, lived) }

// BrokerWords and About make words of a broker's answer.
var (
	BrokerWords = brokerWords
	About       = about
)

// Silence tells the agent what its session would: whether the host is heard.
func (a *Agent) Silence(silent bool) { a.onSilence(silent) }

// ViewOnly tells the agent what its session would: the host takes no input.
func (a *Agent) ViewOnly(reason string) { a.onViewOnly(reason) }
