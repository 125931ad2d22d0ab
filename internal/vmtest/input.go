package vmtest

import (
	"fmt"
	"slices"
	"time"
	"unicode"
)

// Names of the buttons, for [VM.Button].
const (
	ButtonLeft   = "left"
	ButtonMiddle = "middle"
	ButtonRight  = "right"
)

// TabletMax is the greatest position of a tablet, from 0, both ways.
const TabletMax = 0x7fff

// keyPause is between two events: the machine's USB devices keep 16 and lose
// more, and the guest asks for them about a hundred times a second.
const keyPause = 25 * time.Millisecond

// qcodes are QEMU's names (its qapi/ui.json) of the keys of a US keyboard that
// are not named as what they write.
var qcodes = map[rune]string{
	' ': "spc", '\n': "ret", '\t': "tab", '-': "minus", '=': "equal", '[': "bracket_left", ']': "bracket_right",
	'\\': "backslash", ';': "semicolon", '\'': "apostrophe", '`': "grave_accent", ',': "comma", '.': "dot", '/': "slash",
}

// shifted are the keys that write these with shift.
var shifted = map[rune]rune{
	'!': '1', '@': '2', '#': '3', '$': '4', '%': '5', '^': '6', '&': '7', '*': '8', '(': '9', ')': '0',
	'_': '-', '+': '=', '{': '[', '}': ']', '|': '\\', ':': ';', '"': '\'', '~': '`', '<': ',', '>': '.', '?': '/',
}

// keysFor are the keys that write a character on a US keyboard.
func keysFor(r rune) ([]string, error) {
	if base, ok := shifted[r]; ok {
		keys, err := keysFor(base)
		return append([]string{"shift"}, keys...), err
	}
	switch {
	case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
		return []string{string(r)}, nil
	case 'A' <= r && r <= 'Z':
		return []string{"shift", string(unicode.ToLower(r))}, nil
	}
	if code, ok := qcodes[r]; ok {
		return []string{code}, nil
	}
	return nil, fmt.Errorf("no key writes %q", r)
}

// Type types a text of ASCII as on a US keyboard, with the keyboard that was
// plugged in last.
func (vm *VM) Type(text string) error {
	for _, r := range text {
		keys, err := keysFor(r)
		if err == nil {
			err = vm.Key(keys...)
		}
		if err != nil {
			return fmt.Errorf("type %q: %w", text, err)
		}
	}
	return nil
}

// Key presses keys in order, and releases them in reverse. They are QEMU's
// names: "a", "ret", "ctrl", "f1".
func (vm *VM) Key(codes ...string) error {
	for _, code := range codes {
		if err := vm.KeyState(code, true); err != nil {
			return err
		}
	}
	for _, code := range slices.Backward(codes) {
		if err := vm.KeyState(code, false); err != nil {
			return err
		}
	}
	return nil
}

// KeyState presses or releases one key.
func (vm *VM) KeyState(code string, down bool) error {
	key := map[string]any{"type": "qcode", "data": code}
	if err := vm.input(inputEvent("key", "down", down, "key", key)); err != nil {
		return fmt.Errorf("key %s: %w", code, err)
	}
	return nil
}

// Move moves the mouse that was plugged in last, in its own counts.
func (vm *VM) Move(dx, dy int) error {
	return vm.input(inputEvent("rel", "axis", "x", "value", dx), inputEvent("rel", "axis", "y", "value", dy))
}

// MoveTo puts the tablet at a position, from 0 to [TabletMax].
func (vm *VM) MoveTo(x, y int) error {
	return vm.input(inputEvent("abs", "axis", "x", "value", x), inputEvent("abs", "axis", "y", "value", y))
}

// Button presses or releases a button of the pointer, mouse or tablet, that
// the guest began to use last; on the usual desk that is the tablet.
func (vm *VM) Button(name string, down bool) error {
	if err := vm.input(inputEvent("btn", "down", down, "button", name)); err != nil {
		return fmt.Errorf("button %s: %w", name, err)
	}
	return nil
}

// Wheel turns the wheel by notches, away from the person where n is positive;
// it is the wheel of the pointer that has the button of [VM.Button].
func (vm *VM) Wheel(n int) error {
	name := "wheel-up"
	if n < 0 {
		name, n = "wheel-down", -n
	}
	for range n {
		for _, down := range []bool{true, false} {
			if err := vm.Button(name, down); err != nil {
				return err
			}
		}
	}
	return nil
}

// inputEvent is an InputEvent of QMP's; fields come in pairs.
func inputEvent(kind string, fields ...any) map[string]any {
	data := make(map[string]any)
	for i := 0; i < len(fields); i += 2 {
		data[fields[i].(string)] = fields[i+1]
	}
	return map[string]any{"type": kind, "data": data}
}

// input sends events that belong together, at the pace that devices bear.
func (vm *VM) input(events ...map[string]any) error {
	vm.pace.Lock()
	defer vm.pace.Unlock()
	pause := time.NewTimer(time.Until(vm.lastInput.Add(keyPause)))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-vm.ended:
		return errGone
	}
	vm.lastInput = time.Now()
	return vm.qmp.run("input-send-event", map[string]any{"events": events}, nil)
}
