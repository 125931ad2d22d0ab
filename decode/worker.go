package decode

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// errGivenUp unwinds a worker whose call came back too late. It touches nothing
// but what it holds then: another worker has its place.
var errGivenUp = errors.New("given up")

// worker owns a backend and one OS thread. A decoder has one at a time; one
// that hangs is left behind.
type worker struct {
	d     *Decoder
	done  chan error // capacity 1: a worker given up has no reader
	watch watch

	// Owned by run. While the worker is given up inside a call, and for ever
	// after, nobody changes them, so that the decoder can read them.
	backend  Backend
	link     *linkBackend // backend, where it is part of a chain
	limits   limits       // of backend
	codec    media.Codec  // of backend, or of the one being opened
	holding  bool         // an access unit is being decoded
	gave     bool         // it has given a picture
	fresh    bool         // nothing decoded since the backend was opened
	hurry    bool         // the worker before hung: have no patience
	waiting  bool         // drop until a keyframe, do not feed
	hide     bool         // feed, but do not show before a keyframe
	rebuilt  bool         // and no picture since
	failures int          // access units without picture in a row
	broken   int          // errors of the hardware in a row

	scratch []byte           // a rewritten access unit
	fixed   media.AccessUnit // the one being sent, where its bytes are in scratch

	closed bool // given up in Close, which has come back
}

func (d *Decoder) newWorker() *worker {
	return &worker{d: d, done: make(chan error, 1), waiting: true}
}

// run decodes until ctx ends or no backend can be opened.
func (w *worker) run(ctx context.Context) {
	runtime.LockOSThread()
	err := w.loop(ctx)
	if errors.Is(err, errGivenUp) {
		w.unwind() // the thread stays locked and ends with the goroutine
		return
	}
	if cerr := w.closeBackend(); errors.Is(cerr, errGivenUp) {
		w.unwind()
		return
	} else if err == nil {
		err = cerr
	}
	runtime.UnlockOSThread()
	w.done <- err
}

// unwind ends a worker that was given up: its call has come back after all.
func (w *worker) unwind() {
	var err error
	if w.backend != nil && !w.closed {
		err = w.backend.Close()
	}
	w.d.returned(w, err)
}

func (w *worker) loop(ctx context.Context) error {
	for ctx.Err() == nil {
		au := w.d.queue.get()
		if au == nil {
			select {
			case <-ctx.Done():
			case <-w.d.queue.wake:
			}
			continue
		}
		err := w.handle(au)
		au.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// handle decodes one access unit or drops it. An error ends the worker.
func (w *worker) handle(au *media.AccessUnit) error {
	w.holding, w.gave = true, false
	err := w.try(au)
	switch {
	case errors.Is(err, errGivenUp):
		return err
	case err != nil:
		w.lose(DropRefused)
	}
	w.holding = false
	return err
}

// lose counts the access unit in hand, once.
func (w *worker) lose(why Reason) {
	if w.holding && !w.gave {
		w.d.drop(why, 1)
	}
	w.holding = false
}

func (w *worker) try(au *media.AccessUnit) error {
	if err := w.obey(); err != nil {
		return err
	}
	if err := w.admit(au); err != nil {
		return err
	}
	if w.waiting {
		w.lose(DropWaiting)
		w.d.ask("waiting for a keyframe")
		return nil
	}
	for {
		err := w.limits.check(au)
		if err == nil {
			err = w.decode(au)
		}
		if errors.Is(err, errGivenUp) {
			return err
		}
		if w.gave && err == nil {
			w.failures, w.broken, w.rebuilt, w.fresh = 0, 0, false, false
			return nil
		}
		again, err := w.fail(au, err)
		if err != nil || !again {
			return err
		}
	}
}

// obey does what other goroutines have asked for.
func (w *worker) obey() error {
	if !w.d.ordered.Load() {
		return nil
	}
	reset, refused := w.d.takeOrders()
	if reset {
		w.waiting = true
	}
	if reset && w.link != nil && w.link.at > 0 { // a better one may open now
		if err := w.mind("closing a backend", w.closeBackend()); err != nil {
			return err
		}
	}
	if refused == "" || w.link == nil || !w.link.export() {
		return nil
	}
	return w.lower("the display refuses its pictures: " + refused)
}

// mind logs an error that changes nothing, and passes errGivenUp on.
func (w *worker) mind(what string, err error) error {
	if err == nil || errors.Is(err, errGivenUp) {
		return err
	}
	w.d.log.Warn(what, "err", err)
	return nil
}

// admit decides whether au can be decoded and makes a backend ready when a
// keyframe needs one.
func (w *worker) admit(au *media.AccessUnit) error {
	switch {
	case au.Keyframe:
		return w.start(au.Codec)
	case au.Discontinuity && !au.Healing || au.Codec != w.codec:
		w.waiting = true
	}
	return nil
}

// start makes the backend ready for a keyframe.
func (w *worker) start(codec media.Codec) error {
	if w.backend == nil || w.codec != codec {
		if err := w.reopen(codec); err != nil {
			return err
		}
	} else if w.waiting || w.hide {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.waiting, w.hide = false, false
	return nil
}

// decode sends au and hands on every picture that is ready.
func (w *worker) decode(au *media.AccessUnit) error {
	au = w.fix(au)
	err := w.send(au)
	if errors.Is(err, libav.ErrAgain) {
		if err = w.receiveAll(); err == nil {
			err = w.send(au)
		}
	}
	if err != nil {
		return err
	}
	return w.receiveAll()
}

// fix returns au, or a copy of it with rewritten parameter sets.
func (w *worker) fix(au *media.AccessUnit) *media.AccessUnit {
	if au.Codec != media.CodecH264 {
		return au
	}
	fixed, changed := bitstream.FixReorder(w.scratch, au.Data)
	if !changed {
		return au
	}
	n := len(fixed)
	fixed = append(fixed, padding[:]...)
	w.scratch = fixed
	w.fixed = *au
	w.fixed.Data = fixed[:n]
	w.d.count(func(s *Stats) { s.Rewritten++ })
	return &w.fixed
}

var padding [media.Padding]byte

// receiveAll hands on pictures until there are none.
func (w *worker) receiveAll() error {
	for {
		f, err := w.receive()
		if errors.Is(err, libav.ErrAgain) {
			return nil
		}
		if err != nil {
			return err
		}
		w.gave = true
		w.d.show(f, w.hide)
	}
}

// maxBroken errors of the hardware in a row are one too many.
const maxBroken = 3

// fail follows an access unit that gave an error (err) or nothing (nil). What
// comes before the next keyframe refers to it. The backend is still fed, to
// learn whether it works. again: try au once more, with another link.
func (w *worker) fail(au *media.AccessUnit, err error) (again bool, _ error) {
	why, now := w.judge(err)
	if now && au.Keyframe {
		return true, w.descend(why)
	}
	w.refuse(au, err)
	w.hide = true
	w.failures++
	if now {
		return false, w.lower(why)
	}
	w.d.ask("the decoder refused a picture")
	if w.failures < maxFailures {
		return false, nil
	}
	return false, w.rebuild()
}

// refuse counts an access unit that gave no picture.
func (w *worker) refuse(au *media.AccessUnit, err error) {
	if err == nil {
		w.lose(DropNoPicture)
		return
	}
	w.d.log.Debug("access unit refused", "codec", au.Codec, "err", err)
	w.lose(DropRefused)
}

// judge decides whether an error is a reason to leave the link.
func (w *worker) judge(err error) (why string, now bool) {
	if err == nil || w.link == nil || w.link.last() {
		return "", false
	}
	switch {
	case errors.Is(err, libav.ErrExport), errors.Is(err, errors.ErrUnsupported):
		return err.Error(), true
	case errors.Is(err, libav.ErrHardware):
		w.broken++
		return fmt.Sprintf("%d errors in a row: %v", w.broken, err), w.broken >= maxBroken
	}
	return "", false
}

// rebuild opens the backend again after maxFailures, or, when that has not
// helped, the next link.
func (w *worker) rebuild() error {
	if w.rebuilt && w.link != nil && !w.link.last() {
		return w.lower("no picture after a rebuild")
	}
	w.d.log.Warn("rebuilding the decoder", "codec", w.codec, "attempt", w.failures)
	w.d.count(func(s *Stats) { s.Rebuilds++ })
	w.waiting = true
	if err := w.reopen(w.codec); err != nil {
		return err
	}
	w.rebuilt = true
	return nil
}

// lower goes one link down and asks for the keyframe that the new backend
// needs.
func (w *worker) lower(why string) error {
	w.waiting = true
	w.d.ask("another decoder takes over")
	return w.descend(why)
}

// descend goes one link down.
func (w *worker) descend(why string) error {
	w.d.descended(w.link, w.codec, why)
	return w.reopen(w.codec)
}

// reopen closes the backend, if any, and opens one for codec.
func (w *worker) reopen(codec media.Codec) error {
	if err := w.mind("closing a backend", w.closeBackend()); err != nil {
		return err
	}
	w.codec = codec
	b, err := w.open(codec)
	if errors.Is(err, errGivenUp) {
		return err
	}
	if err != nil {
		return fmt.Errorf("open %v decoder: %w", codec, err)
	}
	w.backend = b
	w.limits = softwareLimits(codec)
	if w.link, _ = b.(*linkBackend); w.link != nil {
		w.limits = w.link.limits
	}
	w.fresh, w.rebuilt, w.failures, w.broken = true, false, 0, 0
	w.d.opened(b, w.link, codec)
	return nil
}

// The calls into a backend, each under watch. errGivenUp says that the worker
// was left behind meanwhile; what the call returned is freed then.

// firstCall is how many times longer opening, closing and the first picture may
// take: drivers compile and allocate then.
const firstCall = 5

func (w *worker) enter(times time.Duration) { w.watch.enter(w.d.now() + times*w.d.cfg.HangAfter) }

// enterPicture is enter for Send and Receive.
func (w *worker) enterPicture() {
	if w.fresh && !w.hurry {
		w.enter(firstCall)
		return
	}
	w.enter(1)
}

func (w *worker) open(codec media.Codec) (Backend, error) {
	w.enter(firstCall)
	b, err := w.d.open(codec)
	if !w.watch.leave() {
		if err == nil {
			err = b.Close()
		}
		return nil, errors.Join(errGivenUp, err)
	}
	return b, err
}

func (w *worker) send(au *media.AccessUnit) error {
	w.enterPicture()
	err := w.backend.Send(au)
	if !w.watch.leave() {
		return errGivenUp
	}
	return err
}

func (w *worker) receive() (*media.Frame, error) {
	w.enterPicture()
	f, err := w.backend.Receive()
	if !w.watch.leave() {
		if err == nil {
			f.Release()
		}
		return nil, errGivenUp
	}
	return f, err
}

func (w *worker) flush() error {
	w.enter(1)
	w.backend.Flush()
	if !w.watch.leave() {
		return errGivenUp
	}
	return nil
}

func (w *worker) closeBackend() error {
	if w.backend == nil {
		return nil
	}
	w.enter(firstCall)
	err := w.backend.Close()
	if !w.watch.leave() {
		w.closed = true
		return errGivenUp
	}
	w.backend, w.link = nil, nil
	return err
}

// now is the decoder's clock.
func (d *Decoder) now() time.Duration { return time.Since(d.started) }
