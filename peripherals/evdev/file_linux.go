package evdev

import (
	"errors"
	"fmt"
	"os"
)

// FromFile returns a device whose events come from a file or pipe of struct
// input_event instead of the kernel: a recording, or a test. Its state is what
// its events said; it cannot be grabbed, lit or shaken. The device owns file.
func FromFile(file *os.File, info Info) (*Device, error) {
	d := &Device{}
	if err := d.attach(file, recorded{info}, info.Path); err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	return d, nil
}

// recorded is the kernel of a device that is none.
type recorded struct{ what Info }

func (r recorded) info() (Info, error)         { return r.what, nil }
func (recorded) useMonotonic() error           { return nil }
func (recorded) grab(bool) error               { return errors.ErrUnsupported }
func (recorded) mask(uint16, *Set, int) error  { return errors.ErrUnsupported }
func (recorded) upload(*effect) (int16, error) { return -1, errors.ErrUnsupported }
func (recorded) erase(int16) error             { return errors.ErrUnsupported }
func (recorded) state(s *state, _ *Caps) error { s.reset(); return nil }
