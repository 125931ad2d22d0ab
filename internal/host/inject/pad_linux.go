package inject

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/blade-shadow/terminal/internal/wire"
)

// Our pads look like the pad that games know best, so that they need no mapping
// of their own.
const (
	busUSB     = 0x03
	padVendor  = 0x045e
	padProduct = 0x028e
	padVersion = 0x0114
)

// uinputPads is the pads that [UInput] has made in the kernel.
type uinputPads struct {
	buttons []padButton
	nodes   [wire.MaxPads]*node
	feeling sync.WaitGroup
	tell    atomic.Pointer[func(wire.Rumble)]
}

// SetRumble has f told how strong a pad shall shake, whenever that changes, on a
// goroutine of the pad's; it returns soon. Any goroutine.
func (u *UInput) SetRumble(f func(wire.Rumble)) { u.pads.tell.Store(&f) }

func (p *uinputPads) rumble(r wire.Rumble) {
	if tell := p.tell.Load(); tell != nil {
		(*tell)(r)
	}
}

// Pad makes, changes or removes a game pad in the kernel.
func (u *UInput) Pad(p wire.Pad) error {
	at := &u.pads.nodes[p.Pad%wire.MaxPads]
	switch {
	case !p.Connected && *at == nil:
		return nil
	case !p.Connected:
		n := *at
		*at = nil
		return n.destroy()
	case *at == nil:
		n, err := newPad(int(p.Pad))
		if err != nil {
			return err
		}
		*at = n
		u.pads.feeling.Go(func() { n.feel(p.Pad, u.pads.rumble) })
	}
	if u.pads.buttons == nil {
		u.pads.buttons = padButtons()
	}
	padEvents(p, u.pads.buttons, (*at).add)
	return nil
}

// newPad plugs a pad in.
func newPad(number int) (*node, error) {
	setup := uinputSetup{busType: busUSB, vendor: padVendor, product: padProduct, version: padVersion, ffEffectsMax: maxEffects}
	return makeNode(fmt.Sprintf("Shadow Terminal pad %d", number+1), setup, func(n *node) error {
		err := errors.Join(
			n.set("UI_SET_EVBIT", uiSetEvBit, evKey),
			n.set("UI_SET_EVBIT", uiSetEvBit, evAbs),
			setUpRumble(n),
		)
		for _, b := range padButtons() {
			err = errors.Join(err, n.set("UI_SET_KEYBIT", uiSetKeyBit, uintptr(b.code)))
		}
		for _, a := range padAxes() {
			abs := uinputAbsSetup{code: a.code, minimum: a.low, maximum: a.high, fuzz: a.fuzz, flat: a.flat}
			err = errors.Join(err, n.control("UI_ABS_SETUP", uiAbsSetup, unsafe.Pointer(&abs)))
		}
		return err
	})
}
