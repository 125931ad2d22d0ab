package x11

import (
	"errors"
	"fmt"
	"image"
	"slices"

	"github.com/jezek/xgb/randr"
	"github.com/jezek/xgb/xproto"
)

// Head is how one monitor should be.
type Head struct {
	Monitor string // the connector's name
	Bounds  image.Rectangle
	MilliHz int // refreshes per 1000 s; 0: any
	Primary bool
}

// Layout is how a display was arranged, to be put back with [Display.Restore].
type Layout struct {
	size    image.Rectangle
	mm      [2]uint32
	primary randr.Output
	crtcs   []crtc
	made    []madeMode // modes that the display did not have before
}

// crtc is how one CRTC is set.
type crtc struct {
	id       randr.Crtc
	at       image.Point
	mode     randr.Mode // 0: off
	size     image.Point
	rotation uint16
	outputs  []randr.Output
}

func (c crtc) bounds() image.Rectangle { return image.Rectangle{Min: c.at, Max: c.at.Add(c.size)} }

func (c crtc) equal(o crtc) bool {
	return c.at == o.at && c.mode == o.mode && c.rotation == o.rotation && slices.Equal(c.outputs, o.outputs)
}

// madeMode is a mode and the output that it was added to.
type madeMode struct {
	mode   randr.Mode
	output randr.Output
}

// Arrange sets the monitors' modes and places and the display's size around
// them; monitors that are not named stay as they are. It returns how things
// were. The error wraps errors.ErrUnsupported where the server cannot do so;
// then, and after every other error, the display is as it was.
func (d *Display) Arrange(heads []Head) (before *Layout, err error) {
	if !d.randr.atLeast(1, 3) {
		return nil, fmt.Errorf("arrange X display %s: its RandR is older than 1.3: %w", d.name, errors.ErrUnsupported)
	}
	a, err := d.arrangement()
	if err != nil {
		return nil, fmt.Errorf("arrange X display %s: %w", d.name, err)
	}
	for _, h := range heads {
		if err = a.place(h); err != nil {
			break
		}
	}
	if err == nil {
		err = a.apply()
	}
	if err != nil {
		return nil, fmt.Errorf("arrange X display %s: %w", d.name, errors.Join(err, d.Restore(a.before)))
	}
	return a.before, nil
}

// arrangement is a display on its way from one layout to another.
type arrangement struct {
	d       *Display
	res     *randr.GetScreenResourcesReply
	before  *Layout
	want    []crtc // as before.crtcs
	primary randr.Output
}

// arrangement reads how the display is.
func (d *Display) arrangement() (*arrangement, error) {
	res, err := randr.GetScreenResources(d.conn, d.root).Reply()
	if err != nil {
		return nil, fmt.Errorf("ask for the CRTCs: %w", replyError(err))
	}
	geometry, err := xproto.GetGeometry(d.conn, xproto.Drawable(d.root)).Reply()
	if err != nil {
		return nil, fmt.Errorf("ask for the display's size: %w", replyError(err))
	}
	primary, err := randr.GetOutputPrimary(d.conn, d.root).Reply()
	if err != nil {
		return nil, fmt.Errorf("ask for the primary output: %w", replyError(err))
	}
	l := &Layout{size: image.Rect(0, 0, int(geometry.Width), int(geometry.Height)), primary: primary.Output}
	l.mm = millimeters(l.size)
	for _, id := range res.Crtcs {
		c, err := randr.GetCrtcInfo(d.conn, id, res.ConfigTimestamp).Reply()
		if err != nil {
			return nil, fmt.Errorf("ask for CRTC %d: %w", id, replyError(err))
		}
		l.crtcs = append(l.crtcs, crtc{
			id: id, at: image.Pt(int(c.X), int(c.Y)), mode: c.Mode, rotation: c.Rotation,
			size: image.Pt(int(c.Width), int(c.Height)), outputs: c.Outputs,
		})
	}
	return &arrangement{d: d, res: res, before: l, want: slices.Clone(l.crtcs), primary: primary.Output}, nil
}

// millimeters is a size at 96 pixels an inch, which is what nobody measured.
func millimeters(r image.Rectangle) [2]uint32 {
	return [2]uint32{uint32(r.Dx() * 254 / 960), uint32(r.Dy() * 254 / 960)}
}

// place decides how one monitor will be.
func (a *arrangement) place(h Head) error {
	for i := range a.want {
		c := &a.want[i]
		if c.mode == 0 || len(c.outputs) == 0 {
			continue
		}
		info, err := randr.GetOutputInfo(a.d.conn, c.outputs[0], a.res.ConfigTimestamp).Reply()
		if err != nil {
			return fmt.Errorf("ask for output %d: %w", c.outputs[0], replyError(err))
		}
		if string(info.Name) != h.Monitor {
			continue
		}
		if len(c.outputs) > 1 || c.rotation != randr.RotationRotate0 {
			return fmt.Errorf("monitor %s is mirrored or turned: %w", h.Monitor, errors.ErrUnsupported)
		}
		if c.mode, err = a.mode(h, c.outputs[0], info.Modes); err != nil {
			return fmt.Errorf("monitor %s: %w", h.Monitor, err)
		}
		c.at, c.size = h.Bounds.Min, h.Bounds.Size()
		if h.Primary {
			a.primary = c.outputs[0]
		}
		return nil
	}
	return fmt.Errorf("monitor %s is no output of its own: %w", h.Monitor, errors.ErrUnsupported)
}

// rateTolerance is how far a mode's refresh may be off, per 1000 s.
const rateTolerance = 500

// mode finds the output's mode for a head or makes one.
func (a *arrangement) mode(h Head, output randr.Output, has []randr.Mode) (randr.Mode, error) {
	size := h.Bounds.Size()
	for _, m := range a.res.Modes {
		if !slices.Contains(has, randr.Mode(m.Id)) || int(m.Width) != size.X || int(m.Height) != size.Y {
			continue
		}
		if rate := milliHz(m); h.MilliHz == 0 || rate == 0 || max(rate-h.MilliHz, h.MilliHz-rate) <= rateTolerance {
			return randr.Mode(m.Id), nil
		}
	}
	info := reducedBlanking(size.X, size.Y, h.MilliHz)
	name := fmt.Sprintf("shadow-%dx%d-%d", size.X, size.Y, h.MilliHz)
	info.NameLen = uint16(len(name))
	made, err := randr.CreateMode(a.d.conn, a.d.root, info, name).Reply()
	if err != nil {
		return 0, fmt.Errorf("make mode %s: %w: %w", name, errors.ErrUnsupported, replyError(err))
	}
	a.before.made = append(a.before.made, madeMode{made.Mode, output})
	if err := randr.AddOutputModeChecked(a.d.conn, output, made.Mode).Check(); err != nil {
		return 0, fmt.Errorf("add mode %s: %w: %w", name, errors.ErrUnsupported, replyError(err))
	}
	return made.Mode, nil
}

// milliHz is a mode's refreshes per 1000 s, 0 where it does not say.
func milliHz(m randr.ModeInfo) int {
	if m.Htotal == 0 || m.Vtotal == 0 {
		return 0
	}
	return int(uint64(m.DotClock) * 1000 / (uint64(m.Htotal) * uint64(m.Vtotal)))
}

// reducedBlanking is a mode by VESA CVT 1.2 with reduced blanking, version 1,
// but for the dot clock, which is not rounded, so that the rate is exact.
func reducedBlanking(width, height, rate int) randr.ModeInfo {
	const hBlank, hFront, hSync, vFront, vBackLeast = 160, 48, 32, 3, 6
	const vBlankLeast = 460e-6 // seconds
	if rate == 0 {
		rate = 60_000
	}
	hz := float64(rate) / 1000
	vSync := 10
	for _, r := range []struct{ w, h, sync int }{{4, 3, 4}, {16, 9, 5}, {16, 10, 6}, {5, 4, 7}, {15, 9, 7}} {
		if width*r.h == height*r.w {
			vSync = r.sync
		}
	}
	line := (1/hz - vBlankLeast) / float64(height)
	vBlank := max(int(vBlankLeast/line)+1, vFront+vSync+vBackLeast)
	hTotal, vTotal := width+hBlank, height+vBlank
	return randr.ModeInfo{
		Width: uint16(width), HsyncStart: uint16(width + hFront), HsyncEnd: uint16(width + hFront + hSync), Htotal: uint16(hTotal),
		Height: uint16(height), VsyncStart: uint16(height + vFront), VsyncEnd: uint16(height + vFront + vSync), Vtotal: uint16(vTotal),
		DotClock:  uint32(float64(hTotal*vTotal)*hz + 0.5),
		ModeFlags: randr.ModeFlagHsyncPositive | randr.ModeFlagVsyncNegative,
	}
}

// apply makes the display as it is wanted.
func (a *arrangement) apply() error {
	var whole image.Rectangle
	for _, c := range a.want {
		if c.mode != 0 {
			whole = whole.Union(c.bounds())
		}
	}
	for i := range a.want { // the display begins at 0, 0
		a.want[i].at = a.want[i].at.Sub(whole.Min)
	}
	whole = whole.Sub(whole.Min)
	limit, err := randr.GetScreenSizeRange(a.d.conn, a.d.root).Reply()
	if err != nil {
		return fmt.Errorf("ask for the largest size: %w", replyError(err))
	}
	if whole.Dx() > int(limit.MaxWidth) || whole.Dy() > int(limit.MaxHeight) {
		return fmt.Errorf("its largest size is %dx%d, not %dx%d: %w", limit.MaxWidth, limit.MaxHeight, whole.Dx(), whole.Dy(), errors.ErrUnsupported)
	}
	return a.d.set(a.want, whole, millimeters(whole), a.primary)
}

// Restore puts back what Arrange found, as far as it is still there.
func (d *Display) Restore(l *Layout) error {
	err := d.set(l.crtcs, l.size, l.mm, l.primary)
	return errors.Join(err, d.Tidy(l, nil))
}

// Tidy removes the modes that were made for l and for later, if not nil, but
// for those in use, which l keeps. Without it a display would collect them.
func (d *Display) Tidy(l, later *Layout) error {
	if later != nil && later != l {
		l.made = append(l.made, later.made...)
	}
	now, err := d.arrangement()
	if err != nil {
		return err
	}
	l.made = slices.DeleteFunc(l.made, func(m madeMode) bool {
		if slices.ContainsFunc(now.want, func(c crtc) bool { return c.mode == m.mode }) {
			return false
		}
		// A mode that somebody else uses by now stays.
		_ = randr.DeleteOutputModeChecked(d.conn, m.output, m.mode).Check()
		_ = randr.DestroyModeChecked(d.conn, m.mode).Check()
		return true
	})
	return nil
}

// set brings CRTCs and size to what is wanted. Nobody draws meanwhile: what is
// in between is no layout of anybody.
func (d *Display) set(want []crtc, whole image.Rectangle, mm [2]uint32, primary randr.Output) (err error) {
	now, err := d.arrangement()
	if err != nil {
		return err
	}
	if err := xproto.GrabServerChecked(d.conn).Check(); err != nil {
		return fmt.Errorf("hold the X server: %w", replyError(err))
	}
	defer func() { err = errors.Join(err, xproto.UngrabServerChecked(d.conn).Check()) }()
	var change []crtc
	for i, c := range want {
		if i >= len(now.want) || now.want[i].id != c.id {
			return errors.New("its CRTCs are others by now")
		}
		if is := now.want[i]; !is.equal(c) || is.mode != 0 && !is.bounds().In(whole) {
			change = append(change, c)
			if err := d.setCRTC(now, crtc{id: c.id, rotation: randr.RotationRotate0}); err != nil {
				return err
			}
		}
	}
	if now.before.size != whole {
		err := randr.SetScreenSizeChecked(d.conn, d.root, uint16(whole.Dx()), uint16(whole.Dy()), mm[0], mm[1]).Check()
		if err != nil {
			return fmt.Errorf("set size %dx%d: %w", whole.Dx(), whole.Dy(), replyError(err))
		}
	}
	for _, c := range change {
		if c.mode == 0 {
			continue
		}
		if err := d.setCRTC(now, c); err != nil {
			return err
		}
	}
	if primary == now.primary {
		return nil
	}
	return randr.SetOutputPrimaryChecked(d.conn, d.root, primary).Check()
}

func (d *Display) setCRTC(now *arrangement, c crtc) error {
	reply, err := randr.SetCrtcConfig(d.conn, c.id, xproto.TimeCurrentTime, now.res.ConfigTimestamp,
		int16(c.at.X), int16(c.at.Y), c.mode, c.rotation, c.outputs).Reply()
	if err != nil {
		return fmt.Errorf("set CRTC %d: %w", c.id, replyError(err))
	}
	if reply.Status != randr.SetConfigSuccess {
		return fmt.Errorf("set CRTC %d: the server refuses (status %d)", c.id, reply.Status)
	}
	return nil
}
