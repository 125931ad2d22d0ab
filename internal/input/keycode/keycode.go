// Package keycode translates between HID usages and the kernel's key codes
// (linux/input-event-codes.h), as the kernel's own HID driver does: the host
// needs the way from usage to code, the terminal the way back for keyboards
// that tell no usage (PS/2, virtual machines). It knows no layouts.
package keycode

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/blade-shadow/terminal/internal/input"
)

// maxCode is above every code of a key (KEY_CNT).
const maxCode = 0x300

// Table translates both ways. It is immutable after New.
type Table struct {
	keyboard [0x100]uint16
	consumer [0x400]uint16
	system   [0x100]uint16
	button   [0x20]uint16
	usages   [maxCode]input.Usage // by code; 0: none
}

// New reads the table; its text is ours, so an error in it is a bug that a
// test finds.
func New() (*Table, error) {
	k := new(Table)
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
func (k *Table) add(field string) error {
	usage, code, _ := strings.Cut(field, ":")
	page, id, _ := strings.Cut(usage, ".")
	p, err1 := strconv.ParseUint(page, 16, 16)
	i, err2 := strconv.ParseUint(id, 16, 16)
	c, err3 := strconv.ParseUint(code, 10, 16)
	table := k.page(uint16(p))
	if err1 != nil || err2 != nil || err3 != nil || int(i) >= len(table) || c >= maxCode {
		return fmt.Errorf("entry %q", field)
	}
	table[i] = uint16(c)
	u := input.Usage(p<<16 | i)
	if before := k.usages[c]; before == 0 || rank(u) < rank(before) {
		k.usages[c] = u
	}
	return nil
}

// rank orders the usages of one code; the least is what a keyboard would say
// that has the key once. A volume key of a keyboard is on the consumer page.
func rank(u input.Usage) int {
	id := u.ID()
	switch u.Page() {
	case input.PageKeyboard:
		if id < 0x66 || id > 0x66 && id < 0x7f || id > 0x81 && id < 0xa5 || id >= 0xe0 && id <= 0xe7 {
			return int(id)
		}
		return 4<<16 | int(id)
	case input.PageButton:
		return 1<<16 | int(id)
	case input.PageSystem:
		return 2<<16 | int(id)
	}
	return 3<<16 | int(id)
}

func (k *Table) page(page uint16) []uint16 {
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

// Code returns the kernel's code of u, or 0 where it has none.
func (k *Table) Code(u input.Usage) uint16 {
	table := k.page(u.Page())
	if int(u.ID()) >= len(table) {
		return 0
	}
	return table[u.ID()]
}

// Usage returns a usage whose code is code, or 0 where there is none. Of
// several it is the one that keyboards have.
func (k *Table) Usage(code uint16) input.Usage {
	if code >= maxCode {
		return 0
	}
	return k.usages[code]
}

// Each calls f with every code of a page.
func (k *Table) Each(page uint16, f func(code uint16) error) error {
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
