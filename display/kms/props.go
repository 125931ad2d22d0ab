package kms

import (
	"fmt"
)

// object is an object of the kernel with its properties by name. The values
// are as they were when it was read.
type object struct {
	kind  objectKind
	id    uint32
	props map[string]property
}

func readObject(c card, kind objectKind, id uint32) (*object, error) {
	list, err := c.Properties(kind, id)
	if err != nil {
		return nil, fmt.Errorf("read properties of %s %d: %w", kind, id, err)
	}
	o := &object{kind: kind, id: id, props: make(map[string]property, len(list))}
	for _, p := range list {
		o.props[p.Name] = p
	}
	return o, nil
}

// value returns a property's value, 0 where it has none of that name.
func (o *object) value(name string) uint64 { return o.props[name].Value }

func (o *object) has(name string) bool { _, ok := o.props[name]; return ok }

// request is a list of properties to set at once. It is used again and again.
type request struct {
	objects, properties []uint32
	values              []uint64
}

func (r *request) reset() {
	r.objects, r.properties, r.values = r.objects[:0], r.properties[:0], r.values[:0]
}

func (r *request) add(object, property uint32, value uint64) {
	r.objects = append(r.objects, object)
	r.properties = append(r.properties, property)
	r.values = append(r.values, value)
}

// set adds a property by its name and reports whether the object has it.
func (r *request) set(o *object, name string, value uint64) bool {
	p, ok := o.props[name]
	if ok {
		r.add(o.id, p.ID, value)
	}
	return ok
}

// neutral sets a property to what leaves pictures as they are, where another
// program left something else.
func (r *request) neutral(o *object, name string, value uint64) {
	if p, ok := o.props[name]; ok && p.Value != value && p.Flags&propImmutable == 0 {
		r.add(o.id, p.ID, value)
	}
}

// clamped sets a range property to value if its range has it.
func (r *request) clamped(o *object, name string, value uint64) {
	p, ok := o.props[name]
	if ok && p.Flags&propRange != 0 && value >= p.Min && value <= p.Max {
		r.add(o.id, p.ID, value)
	}
}

// layer is a plane with what its commits need, found once.
type layer struct {
	*object
	fb, crtc, fence            uint32 // property ids, 0 where there is none
	srcX, srcY, srcW, srcH     uint32
	crtcX, crtcY, crtcW, crtcH uint32
	hotX, hotY                 uint32
}

func readLayer(c card, id uint32) (*layer, error) {
	o, err := readObject(c, kindPlane, id)
	if err != nil {
		return nil, err
	}
	of := func(name string) uint32 { return o.props[name].ID }
	return &layer{
		object: o, fb: of("FB_ID"), crtc: of("CRTC_ID"), fence: of("IN_FENCE_FD"),
		srcX: of("SRC_X"), srcY: of("SRC_Y"), srcW: of("SRC_W"), srcH: of("SRC_H"),
		crtcX: of("CRTC_X"), crtcY: of("CRTC_Y"), crtcW: of("CRTC_W"), crtcH: of("CRTC_H"),
		hotX: of("HOTSPOT_X"), hotY: of("HOTSPOT_Y"),
	}, nil
}

// show puts a frame buffer of w x h pixels at x, y of a CRTC.
func (l *layer) show(r *request, crtc, fb uint32, x, y, w, h int) {
	r.add(l.id, l.crtc, uint64(crtc))
	r.add(l.id, l.fb, uint64(fb))
	r.add(l.id, l.srcX, 0)
	r.add(l.id, l.srcY, 0)
	r.add(l.id, l.srcW, uint64(w)<<16) // 16.16 fixed point
	r.add(l.id, l.srcH, uint64(h)<<16)
	r.add(l.id, l.crtcX, uint64(int64(x)))
	r.add(l.id, l.crtcY, uint64(int64(y)))
	r.add(l.id, l.crtcW, uint64(w))
	r.add(l.id, l.crtcH, uint64(h))
}

// hide takes the plane off its CRTC.
func (l *layer) hide(r *request) {
	r.add(l.id, l.crtc, 0)
	r.add(l.id, l.fb, 0)
}
