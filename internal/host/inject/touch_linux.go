package inject

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
)

// More requests of linux/uinput.h.
const (
	uiSetPropBit = 1<<30 | 4<<16 | 'U'<<8 | 110
)

// Products of our touch screens and pens, beside the three that are always there.
const (
	touchProduct = 4
	penProduct   = 5
)

// penResolution is in units per mm. Nobody knows how large the picture is;
// libinput takes no tablet without, and programs only need a plausible one:
// this says 328 mm.
const penResolution = 200

// tiltResolution is in units per radian: degrees.
const tiltResolution = 57

// uinputSurfaces is the touch screens and pens that [UInput] has made in the
// kernel. They stay until Close, as those of a monitor do.
type uinputSurfaces struct {
	screens [MaxTouchScreens]touchNode
	pens    [MaxPens]penNode
}

type touchNode struct {
	*node
	slots touchSlots
}

type penNode struct {
	*node
	tool penTool
}

// Touch makes what touches a touch screen what t says. The device spans the
// desktop, as the pointer does.
func (u *UInput) Touch(t *wire.Touch) error {
	at := &u.surfaces.screens[t.Device%MaxTouchScreens]
	if at.node == nil {
		n, err := newNode(fmt.Sprintf("Shadow Terminal touch screen %d", t.Device+1), touchProduct, setUpTouch)
		if err != nil {
			return err
		}
		at.node = n
	}
	place, ok := u.now.Load().placer(t.Screen)
	if !ok && t.N > 0 {
		return nil
	}
	at.slots.events(t, &place, at.add)
	return nil
}

// Pen makes a pen what p says.
func (u *UInput) Pen(p wire.Pen) error {
	at := &u.surfaces.pens[p.Device%MaxPens]
	if at.node == nil {
		n, err := newNode(fmt.Sprintf("Shadow Terminal pen %d", p.Device+1), penProduct, setUpPen)
		if err != nil {
			return err
		}
		at.node = n
	}
	place, ok := u.now.Load().placer(p.Screen)
	if !ok && p.InRange {
		return nil
	}
	x, y := place.place(p.X, p.Y)
	at.tool.events(p, x, y, at.add)
	return nil
}

// each calls f with every device that there is.
func (s *uinputSurfaces) each(f func(*node) error) error {
	for i := range s.screens {
		if n := s.screens[i].node; n != nil {
			if err := f(n); err != nil {
				return err
			}
		}
	}
	for i := range s.pens {
		if n := s.pens[i].node; n != nil {
			if err := f(n); err != nil {
				return err
			}
		}
	}
	return nil
}

func setUpTouch(n *node) error {
	err := errors.Join(
		n.set("UI_SET_EVBIT", uiSetEvBit, evKey),
		n.set("UI_SET_KEYBIT", uiSetKeyBit, btnTouch),
		n.set("UI_SET_EVBIT", uiSetEvBit, evAbs),
		n.set("UI_SET_PROPBIT", uiSetPropBit, propDirect),
	)
	for _, a := range []uinputAbsSetup{
		{code: absX, maximum: 0xffff},
		{code: absY, maximum: 0xffff},
		{code: absMTSlot, maximum: input.MaxContacts - 1},
		{code: absMTMajor, maximum: 0xffff},
		{code: absMTMinor, maximum: 0xffff},
		{code: absMTX, maximum: 0xffff},
		{code: absMTY, maximum: 0xffff},
		{code: absMTTool, maximum: input.ToolPalm},
		{code: absMTTrackingID, maximum: maxTracking},
		{code: absMTPressure, maximum: 0xffff},
	} {
		err = errors.Join(err, n.control("UI_ABS_SETUP", uiAbsSetup, unsafe.Pointer(&a)))
	}
	return err
}

func setUpPen(n *node) error {
	err := errors.Join(
		n.set("UI_SET_EVBIT", uiSetEvBit, evKey),
		n.set("UI_SET_EVBIT", uiSetEvBit, evAbs),
		n.set("UI_SET_PROPBIT", uiSetPropBit, propDirect),
	)
	for _, code := range []uintptr{btnToolPen, btnToolRubber, btnTouch, btnStylus, btnStylus2, btnStylus3} {
		err = errors.Join(err, n.set("UI_SET_KEYBIT", uiSetKeyBit, code))
	}
	for _, a := range []uinputAbsSetup{
		{code: absX, maximum: 0xffff, unitsPer: penResolution},
		{code: absY, maximum: 0xffff, unitsPer: penResolution},
		{code: absPressure, maximum: 0xffff},
		{code: absDistance, maximum: 0xffff},
		{code: absRotation, maximum: maxRotation},
		{code: absTiltX, minimum: -maxTilt, maximum: maxTilt, unitsPer: tiltResolution},
		{code: absTiltY, minimum: -maxTilt, maximum: maxTilt, unitsPer: tiltResolution},
	} {
		err = errors.Join(err, n.control("UI_ABS_SETUP", uiAbsSetup, unsafe.Pointer(&a)))
	}
	return err
}
