package inject

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/blade-shadow/terminal/internal/input"
)

// keycodes maps HID usages to evdev codes as the kernel's own HID driver does.
// It is immutable after newKeycodes.
type keycodes struct {
	keyboard [0x100]uint16
	consumer [0x400]uint16
	system   [0x100]uint16
	button   [0x20]uint16
}

// newKeycodes reads usageTable; the text is ours, so an error in it is a bug
// that a test finds.
func newKeycodes() (*keycodes, error) {
	k := new(keycodes)
	for line := range strings.Lines(usageTable) {
		for _, field := range strings.Fields(line) {
			if err := k.add(field); err != nil {
				return nil, fmt.Errorf("internal error: usage table: %w", err)
			}
		}
	}
	return k, nil
}

// add takes one "page.usage:code", the first two in hexadecimal.
func (k *keycodes) add(field string) error {
	usage, code, _ := strings.Cut(field, ":")
	page, id, _ := strings.Cut(usage, ".")
	p, err1 := strconv.ParseUint(page, 16, 16)
	i, err2 := strconv.ParseUint(id, 16, 16)
	c, err3 := strconv.ParseUint(code, 10, 16)
	table := k.page(uint16(p))
	if err1 != nil || err2 != nil || err3 != nil || int(i) >= len(table) {
		return fmt.Errorf("entry %q", field)
	}
	table[i] = uint16(c)
	return nil
}

func (k *keycodes) page(page uint16) []uint16 {
	switch page {
	case input.PageKeyboard:
		return k.keyboard[:]
	case input.PageConsumer:
		return k.consumer[:]
	case input.PageSystem:
		return k.system[:]
	case input.PageButton:
		return k.button[:]
	}
	return nil
}

// code returns the evdev code of u, or 0 where the kernel has none.
func (k *keycodes) code(u input.Usage) uint16 {
	table := k.page(u.Page())
	if int(u.ID()) >= len(table) {
		return 0
	}
	return table[u.ID()]
}

// each calls f with every code of a page.
func (k *keycodes) each(page uint16, f func(code uint16) error) error {
	for _, code := range k.page(page) {
		if code == 0 {
			continue
		}
		if err := f(code); err != nil {
			return err
		}
	}
	return nil
}
