package kms

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// snapshot is every property value of a card as it was found. Contents of
// blobs are kept too: the kernel forgets a blob that nothing uses.
type snapshot struct {
	objects []*object
	blobs   map[uint32][]byte // by the id that it had
}

// unsettable are properties that change by themselves or that the atomic
// interface refuses; they are never written back.
var unsettable = []string{
	"EDID", "PATH", "TILE", "DPMS", "link-status", "non-desktop", "vrr_capable", "Content Protection",
	"IN_FENCE_FD", "OUT_FENCE_PTR", "WRITEBACK_OUT_FENCE_PTR", "WRITEBACK_FB_ID",
}

// settable reports whether a property may be written back.
func settable(p property) bool {
	return p.Flags&propImmutable == 0 && !slices.Contains(unsettable, p.Name)
}

func takeSnapshot(c card, t topology) (*snapshot, error) {
	s := &snapshot{blobs: make(map[uint32][]byte)}
	for _, id := range t.Connectors {
		if err := s.add(c, kindConnector, id); err != nil {
			return nil, err
		}
	}
	for _, id := range t.CRTCs {
		if err := s.add(c, kindCRTC, id); err != nil {
			return nil, err
		}
	}
	for _, p := range t.Planes {
		if err := s.add(c, kindPlane, p.ID); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *snapshot) add(c card, kind objectKind, id uint32) error {
	o, err := readObject(c, kind, id)
	if err != nil {
		return err
	}
	s.objects = append(s.objects, o)
	for _, p := range o.props {
		if p.Flags&propBlob == 0 || p.Value == 0 || !settable(p) {
			continue
		}
		data, err := c.Blob(uint32(p.Value))
		if err != nil {
			return fmt.Errorf("read %s of %s %d: %w", p.Name, kind, id, err)
		}
		s.blobs[uint32(p.Value)] = data
	}
	return nil
}

// restore sets back what is another value now. Where the kernel refuses, as
// when the buffers of before are gone, the outputs are turned off and only the
// rest is set back.
func (s *snapshot) restore(c card) error {
	var r request
	made, err := s.differences(c, &r, false)
	defer func() {
		for _, id := range made {
			_ = c.DestroyBlob(id) // the card's state holds it
		}
	}()
	if err != nil || len(r.objects) == 0 {
		return err
	}
	first := c.Commit(&r, flagModeset)
	if first == nil {
		return nil
	}
	r.reset()
	more, err := s.differences(c, &r, true)
	made = append(made, more...)
	if err == nil {
		err = c.Commit(&r, flagModeset)
	}
	if err != nil {
		return fmt.Errorf("restore what was found: %w", errors.Join(first, err))
	}
	return nil
}

// differences fills r with the values found where there are others now, and
// returns the blobs that it made for them. dark turns everything off instead.
func (s *snapshot) differences(c card, r *request, dark bool) (made []uint32, err error) {
	for _, was := range s.objects {
		is, err := readObject(c, was.kind, was.id)
		if err != nil {
			continue // a connector of a hub that was unplugged
		}
		for name, p := range was.props {
			want := p.Value
			if dark && slices.Contains([]string{"FB_ID", "CRTC_ID", "MODE_ID", "ACTIVE"}, name) {
				want = 0
			}
			if !settable(p) || !is.has(name) || is.value(name) == want && s.holds(c, p, want) {
				continue
			}
			if p.Flags&propBlob != 0 && want != 0 {
				id, err := c.CreateBlob(s.blobs[uint32(want)])
				if err != nil {
					return made, fmt.Errorf("restore %s of %s %d: %w", name, was.kind, was.id, err)
				}
				made = append(made, id)
				want = uint64(id)
			}
			r.add(was.id, p.ID, want)
		}
	}
	return made, s.strangers(c, r)
}

// holds reports whether a property's value still means what it did: the kernel
// gives the number of a blob that nothing uses any more to the next one.
func (s *snapshot) holds(c card, p property, value uint64) bool {
	if p.Flags&propBlob == 0 || value == 0 {
		return true
	}
	now, err := c.Blob(uint32(value))
	return err == nil && bytes.Equal(now, s.blobs[uint32(value)])
}

// strangers takes connectors that were not there when all was found, as those
// of a hub, off their CRTCs: these are others' again.
func (s *snapshot) strangers(c card, r *request) error {
	t, err := c.Topology()
	if err != nil {
		return err
	}
	for _, id := range t.Connectors {
		if slices.ContainsFunc(s.objects, func(o *object) bool { return o.kind == kindConnector && o.id == id }) {
			continue
		}
		if o, err := readObject(c, kindConnector, id); err == nil { // else it is gone again
			r.neutral(o, "CRTC_ID", 0)
		}
	}
	return nil
}
