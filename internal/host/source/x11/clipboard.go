package x11

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
)

const (
	// clipboardChunk is what is read or written of a property at once, in bytes: a
	// multiple of 4, well within a request of the core protocol.
	clipboardChunk = 64 << 10
	// clipboardPatience is how long the owner of a selection may take for a piece.
	clipboardPatience = 3 * time.Second
	// clipboardLongest is how much of a text in pieces is taken at all, in bytes.
	clipboardLongest = 64 << 20
)

// ClipboardConfig describes a clipboard.
type ClipboardConfig struct {
	Display string       // "": $DISPLAY
	Max     int          // bytes of a text; longer ones are left alone
	Logger  *slog.Logger // nil: discard
}

// Clipboard is the clipboard of an X display, the selection CLIPBOARD, as text:
// Run tells of what is copied there, Set offers a text there. It reads a
// selection when its owner changes, in one piece or in several (INCR), within a
// bound of size and of time: owners are other programs, which may be hostile or
// hang. It knows UTF8_STRING alone, as every toolkit does, and keeps nothing of a
// text in the log. Source: Inter-Client Communication Conventions Manual 2.0,
// section 2; XFixes 5.0, section 3.
type Clipboard struct {
	cfg   ClipboardConfig
	log   *slog.Logger
	d     *Display
	conn  *xgb.Conn
	win   xproto.Window
	atoms struct{ clipboard, utf8, targets, incr xproto.Atom }
	// properties take turns: an owner that was left in the middle of its pieces
	// writes on into the one it was given.
	properties [8]xproto.Atom
	turn       int // of Run; of the property asked for last

	// A selection that comes in pieces (INCR); of Run.
	pieces bool
	coming []byte
	passed int // bytes of all that came
	since  time.Time

	mu   sync.Mutex // guards below
	text string     // ours
}

// OpenClipboard connects to the display and makes what owns a selection. Close
// ends Run.
func OpenClipboard(cfg ClipboardConfig) (*Clipboard, error) {
	d, err := Open(cfg.Display)
	if err != nil {
		return nil, fmt.Errorf("clipboard: %w", err)
	}
	c := &Clipboard{cfg: cfg, log: cfg.Logger, d: d, conn: d.conn}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if err := c.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("clipboard: %w", err), d.Close())
	}
	return c, nil
}

func (x *Clipboard) prepare() (err error) {
	if !x.d.xfixes {
		return fmt.Errorf("the X server lacks XFixes: %w", errors.ErrUnsupported)
	}
	if _, err := xfixes.QueryVersion(x.conn, 5, 0).Reply(); err != nil {
		return fmt.Errorf("XFixes: %w", err)
	}
	if x.win, err = xproto.NewWindowId(x.conn); err != nil {
		return err
	}
	err = xproto.CreateWindowChecked(x.conn, 0, x.win, x.d.root, 0, 0, 1, 1, 0, xproto.WindowClassInputOnly, 0,
		xproto.CwEventMask, []uint32{xproto.EventMaskPropertyChange}).Check()
	if err != nil {
		return fmt.Errorf("window: %w", err)
	}
	for name, to := range map[string]*xproto.Atom{
		"CLIPBOARD": &x.atoms.clipboard, "UTF8_STRING": &x.atoms.utf8, "TARGETS": &x.atoms.targets, "INCR": &x.atoms.incr,
	} {
		if *to, err = x.atom(name); err != nil {
			return err
		}
	}
	for i := range x.properties {
		if x.properties[i], err = x.atom(fmt.Sprintf("SHADOW_HOST_CLIPBOARD_%d", i)); err != nil {
			return err
		}
	}
	err = xfixes.SelectSelectionInputChecked(x.conn, x.win, x.atoms.clipboard, xfixes.SelectionEventMaskSetSelectionOwner).Check()
	if err != nil {
		return fmt.Errorf("XFixes: %w", err)
	}
	return nil
}

func (x *Clipboard) atom(name string) (xproto.Atom, error) {
	reply, err := xproto.InternAtom(x.conn, false, uint16(len(name)), name).Reply()
	if err != nil {
		return 0, fmt.Errorf("atom %s: %w", name, err)
	}
	return reply.Atom, nil
}

// Close ends the connection.
func (x *Clipboard) Close() error {
	return x.d.Close()
}

// Set makes a text the selection's.
func (x *Clipboard) Set(text string) {
	x.mu.Lock()
	x.text = text
	x.mu.Unlock()
	xproto.SetSelectionOwner(x.conn, x.win, x.atoms.clipboard, xproto.TimeCurrentTime)
}

// Run tells onText of what others copy until ctx ends or the display does,
// which is an error. It may be called again.
func (x *Clipboard) Run(ctx context.Context, onText func(string)) error {
	stop := context.AfterFunc(ctx, func() { // wakes WaitForEvent
		ev := xproto.ClientMessageEvent{Format: 32, Window: x.win, Type: x.atoms.clipboard, Data: xproto.ClientMessageDataUnionData32New(make([]uint32, 5))}
		xproto.SendEvent(x.conn, false, x.win, 0, string(ev.Bytes()))
	})
	defer stop()
	x.convert(xproto.TimeCurrentTime) // what was copied before
	for ctx.Err() == nil {
		ev, err := x.conn.WaitForEvent()
		switch {
		case ctx.Err() != nil:
		case ev == nil && err == nil:
			return fmt.Errorf("clipboard: %w", ErrClosed)
		case err != nil:
			x.log.Debug("clipboard", "component", "host", "err", err) // of a requester that went away
		default:
			x.handle(ev, onText)
		}
	}
	return nil
}

func (x *Clipboard) handle(ev xgb.Event, onText func(string)) {
	switch ev := ev.(type) {
	case xfixes.SelectionNotifyEvent:
		if ev.Owner != x.win && ev.Owner != 0 {
			x.convert(ev.Timestamp)
		}
	case xproto.SelectionNotifyEvent:
		if ev.Property == x.property() && ev.Requestor == x.win {
			x.read(onText, false)
		}
	case xproto.PropertyNotifyEvent:
		if x.pieces && ev.Window == x.win && ev.Atom == x.property() && ev.State == xproto.PropertyNewValue {
			x.read(onText, true)
		}
	case xproto.SelectionRequestEvent:
		x.answer(ev)
	}
}

// convert asks the owner for its text.
func (x *Clipboard) convert(at xproto.Timestamp) {
	x.pieces, x.coming = false, nil
	owner, err := xproto.GetSelectionOwner(x.conn, x.atoms.clipboard).Reply()
	if err != nil || owner.Owner == x.win || owner.Owner == 0 {
		return
	}
	x.turn = (x.turn + 1) % len(x.properties)
	xproto.DeleteProperty(x.conn, x.win, x.property())
	xproto.ConvertSelection(x.conn, x.win, x.atoms.clipboard, x.atoms.utf8, x.property(), at)
}

// read takes the property that the owner wrote: the text, or, when that comes in
// pieces, the next.
func (x *Clipboard) read(onText func(string), piece bool) {
	data, kind, err := x.take()
	switch {
	case err != nil:
		x.log.Debug("clipboard", "component", "host", "err", err)
		x.pieces, x.coming = false, nil
	case kind == x.atoms.incr && !piece:
		x.pieces, x.coming, x.passed, x.since = true, nil, 0, time.Now() // the deletion asked for the first
	case kind != x.atoms.utf8:
	case !piece:
		x.tell(onText, data)
	case time.Since(x.since) > clipboardPatience, x.passed > clipboardLongest:
		x.pieces, x.coming = false, nil // the rest is not asked for
	case len(data) == 0: // the end
		whole := x.coming
		x.pieces, x.coming = false, nil
		x.tell(onText, whole)
	default:
		// Pieces of a text that is too long are taken and dropped: its owner
		// may serve nobody else meanwhile.
		x.passed += len(data)
		x.since = time.Now()
		if x.passed > x.cfg.Max {
			x.coming = nil
			return
		}
		x.coming = append(x.coming, data...)
	}
}

func (x *Clipboard) tell(onText func(string), text []byte) {
	if len(text) > 0 && len(text) <= x.cfg.Max && utf8.Valid(text) {
		onText(string(text))
	}
}

var errTooLong = errors.New("what was copied is too long")

// property is the one that was asked for last.
func (x *Clipboard) property() xproto.Atom { return x.properties[x.turn] }

// take reads the property whole and deletes it.
func (x *Clipboard) take() (data []byte, kind xproto.Atom, err error) {
	for {
		reply, err := xproto.GetProperty(x.conn, false, x.win, x.property(), xproto.GetPropertyTypeAny, uint32(len(data)/4), clipboardChunk/4).Reply()
		if err != nil {
			return nil, 0, err
		}
		kind = reply.Type
		data = append(data, reply.Value...)
		if reply.BytesAfter == 0 || len(data) > x.cfg.Max || len(reply.Value)%4 != 0 {
			break
		}
	}
	xproto.DeleteProperty(x.conn, x.win, x.property())
	if len(data) > x.cfg.Max {
		return nil, 0, errTooLong
	}
	return data, kind, nil
}

// answer gives another program our text.
func (x *Clipboard) answer(ev xproto.SelectionRequestEvent) {
	property := ev.Property
	if property == 0 { // obsolete clients (ICCCM, 2.2)
		property = ev.Target
	}
	x.mu.Lock()
	text := x.text
	x.mu.Unlock()
	switch {
	case ev.Selection != x.atoms.clipboard || text == "":
		property = 0
	case ev.Target == x.atoms.targets:
		b := make([]byte, 8)
		xgb.Put32(b, uint32(x.atoms.targets))
		xgb.Put32(b[4:], uint32(x.atoms.utf8))
		xproto.ChangeProperty(x.conn, xproto.PropModeReplace, ev.Requestor, property, xproto.AtomAtom, 32, 2, b)
	case ev.Target == x.atoms.utf8:
		mode := byte(xproto.PropModeReplace)
		for b := []byte(text); len(b) > 0; {
			part := b[:min(len(b), clipboardChunk)]
			xproto.ChangeProperty(x.conn, mode, ev.Requestor, property, x.atoms.utf8, 8, uint32(len(part)), part)
			b, mode = b[len(part):], xproto.PropModeAppend
		}
	default:
		property = 0
	}
	done := xproto.SelectionNotifyEvent{
		Time: ev.Time, Requestor: ev.Requestor, Selection: ev.Selection, Target: ev.Target, Property: property,
	}
	xproto.SendEvent(x.conn, false, ev.Requestor, 0, string(done.Bytes()))
}
