// Package clipboard carries text from one end's clipboard to the other's, in the
// messages of docs/PROTOCOL.md, "Clipboard". Both ends are alike: a [Link]
// offers what its own side copied, and fetches what the other side offers.
//
// Texts are UTF-8 of at most [wire.MaxClipboard] bytes; longer ones, and what is
// no text, are not carried. The receiver asks for a few parts at a time, so a
// text never fills the channel that other messages share, and memory grows with
// what has come, not with what was announced. A text that came is not offered
// back.
//
// It reads no clipboard, and nothing is carried unless somebody made a Link:
// that is the person's decision, on each side. Its methods are for any
// goroutine; its one timer runs while a text is on the way.
package clipboard

import (
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/blade-shadow/terminal/internal/wire"
)

const (
	// Window is how many parts one request is for: they fit what may wait in a
	// control channel.
	Window = 3
	// again is when a request is repeated that brought nothing, and how often.
	again    = 2 * time.Second
	patience = 15
)

// Config is what a Link needs.
type Config struct {
	// Send sends a message, or fails at once. It keeps nothing of b.
	Send func(b []byte) error
	// OnText is told of each text that came whole, without a lock of the Link.
	OnText func(text string)
}

// Link is one end's clipboard of one session.
type Link struct {
	cfg Config

	mu     sync.Mutex // guards below
	serial uint32
	own    string // the text offered last, by serial
	came   string // the last that came
	in     incoming
	timer  *time.Timer // nil while nothing is on the way
	closed bool
}

// incoming is a text on its way here.
type incoming struct {
	serial, total uint32
	text          []byte
	expected      int // bytes, when the parts of the last request are here
	tries         int
}

// New returns a Link with nothing on it.
func New(cfg Config) *Link { return &Link{cfg: cfg} }

// Set offers a text that was copied on this side, or does not where it cannot
// be carried or is known there.
func (l *Link) Set(text string) {
	if text == "" || len(text) > wire.MaxClipboard || !utf8.ValidString(text) {
		return
	}
	l.mu.Lock()
	if l.closed || text == l.came || text == l.own {
		l.mu.Unlock()
		return
	}
	l.serial++
	l.own, l.came = text, ""
	b := wire.AppendClipboard(nil, wire.Clipboard{Op: wire.ClipboardOffer, Serial: l.serial, Total: uint32(len(text))})
	l.mu.Unlock()
	_ = l.cfg.Send(b) // a channel that is over ends the session, which says why
}

// Message takes what the other side says. What makes no sense is ignored.
func (l *Link) Message(c wire.Clipboard) {
	switch c.Op {
	case wire.ClipboardOffer:
		l.fetch(c)
	case wire.ClipboardRequest:
		l.answer(c)
	case wire.ClipboardPart:
		l.take(c)
	}
}

// Close forgets everything; nothing is sent or told after it.
func (l *Link) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed, l.own, l.came, l.in = true, "", "", incoming{}
	if l.timer != nil {
		l.timer.Stop()
	}
}

// fetch asks for an offered text; what was on the way is out of date.
func (l *Link) fetch(c wire.Clipboard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.Total == 0 || l.closed {
		return
	}
	l.in = incoming{serial: c.Serial, total: c.Total}
	l.askLocked()
}

// askLocked asks for what is missing. l.mu is held; Send does not wait.
func (l *Link) askLocked() {
	in := &l.in
	in.expected = min(len(in.text)+Window*wire.MaxClipboardPart, int(in.total))
	_ = l.cfg.Send(wire.AppendClipboard(nil, wire.Clipboard{
		Op: wire.ClipboardRequest, Serial: in.serial, Total: in.total, Offset: uint32(len(in.text)),
	})) // repeated below
	if l.timer == nil {
		l.timer = time.AfterFunc(again, l.repeat)
		return
	}
	l.timer.Reset(again)
}

// repeat asks once more for what did not come.
func (l *Link) repeat() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.in.total == 0 {
		return
	}
	if l.in.tries++; l.in.tries > patience {
		l.in = incoming{}
		return
	}
	l.askLocked()
}

// answer sends the parts that were asked for.
func (l *Link) answer(c wire.Clipboard) {
	l.mu.Lock()
	text, serial, closed := l.own, l.serial, l.closed
	l.mu.Unlock()
	if closed || c.Serial != serial || int(c.Offset) >= len(text) {
		return // of a text before
	}
	var b []byte
	at := int(c.Offset)
	for range Window {
		part := text[at:min(at+wire.MaxClipboardPart, len(text))]
		b = wire.AppendClipboard(b[:0], wire.Clipboard{
			Op: wire.ClipboardPart, Serial: serial, Total: uint32(len(text)), Offset: uint32(at), Data: []byte(part),
		})
		if l.cfg.Send(b) != nil {
			return // it is asked for again
		}
		if at += len(part); at == len(text) {
			return
		}
	}
}

// take adds a part to the text on its way.
func (l *Link) take(c wire.Clipboard) {
	l.mu.Lock()
	in := &l.in
	if l.closed || in.total == 0 || c.Serial != in.serial || c.Total != in.total || int(c.Offset) != len(in.text) || len(c.Data) == 0 {
		l.mu.Unlock()
		return
	}
	in.text = append(in.text, c.Data...)
	in.tries = 0
	if len(in.text) < int(in.total) {
		if len(in.text) >= in.expected {
			l.askLocked()
		}
		l.mu.Unlock()
		return
	}
	whole := string(in.text)
	l.in = incoming{}
	l.timer.Stop()
	if !utf8.ValidString(whole) {
		l.mu.Unlock()
		return
	}
	whole = strings.ReplaceAll(whole, "\x00", "") // ends a text in every clipboard
	l.came, l.own = whole, ""
	l.mu.Unlock()
	if whole != "" {
		l.cfg.OnText(whole)
	}
}
