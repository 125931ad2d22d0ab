package wire

import "github.com/blade-shadow/terminal/internal/input"

// Key is a HID usage in 16 bits: the page in the upper three, the identifier
// in the lower thirteen. It names a place on a keyboard, a mouse button or a
// marker of the protocol's own.
type Key uint16

// Codes of the pages in a Key. The others are reserved.
const (
	keyIDBits = 13

	pageKeyboard = 0
	pageConsumer = 1
	pageSystem   = 2
	pageButton   = 3
	pageMarker   = 4
)

// PackKey returns the Key of u, or false where u has none.
func PackKey(u input.Usage) (Key, bool) {
	var page Key
	switch u.Page() {
	case input.PageKeyboard:
		page = pageKeyboard
	case input.PageConsumer:
		page = pageConsumer
	case input.PageSystem:
		page = pageSystem
	case input.PageButton:
		page = pageButton
	case input.PageMarker:
		page = pageMarker
	default:
		return 0, false
	}
	if u.ID() >= 1<<keyIDBits {
		return 0, false
	}
	return page<<keyIDBits | Key(u.ID()), true
}

// Usage returns the HID usage of k, or false where k's page is not known.
func (k Key) Usage() (input.Usage, bool) {
	var page input.Usage
	switch k >> keyIDBits {
	case pageKeyboard:
		page = input.PageKeyboard
	case pageConsumer:
		page = input.PageConsumer
	case pageSystem:
		page = input.PageSystem
	case pageButton:
		page = input.PageButton
	case pageMarker:
		page = input.PageMarker
	default:
		return 0, false
	}
	return page<<16 | input.Usage(k&(1<<keyIDBits-1)), true
}
