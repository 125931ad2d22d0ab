package sdl

import "github.com/blade-shadow/terminal/internal/input"

// SDL numbers keys by HID usage of the keyboard page up to lastKeyboardCode
// and by itself from 257 on (SDL_scancode.h).
const (
	firstKeyboardCode = 4
	lastKeyboardCode  = 231
	firstOwnCode      = 258
)

// usageOf returns the HID usage of an SDL scancode, 0 when it has none.
func usageOf(scancode int) input.Usage {
	if scancode >= firstKeyboardCode && scancode <= lastKeyboardCode {
		return input.PageKeyboard<<16 | input.Usage(scancode)
	}
	own := ownUsages()
	if i := scancode - firstOwnCode; i >= 0 && i < len(own) {
		return own[i]
	}
	return 0
}

// ownUsages lists SDL's own scancodes from 258 on as usages of the consumer
// page (HID Usage Tables 1.5, section 15), 0 where there is none.
func ownUsages() [29]input.Usage {
	const c = input.PageConsumer << 16
	return [...]input.Usage{
		c | 0xb5,                    // 258 next track
		c | 0xb6,                    // previous track
		c | 0xb7,                    // stop
		c | 0xcd,                    // play/pause
		c | 0xe2,                    // mute
		c | 0x183,                   // media select
		c | 0x196,                   // web browser
		c | 0x18a,                   // mail
		c | 0x192,                   // calculator
		c | 0x194,                   // this computer
		c | 0x221,                   // search
		c | 0x223,                   // home
		c | 0x224,                   // back
		c | 0x225,                   // forward
		c | 0x226,                   // stop loading
		c | 0x227,                   // refresh
		c | 0x22a,                   // bookmarks
		c | 0x70,                    // 275 brightness down
		c | 0x6f,                    // brightness up
		0,                           // display switch: the table has none
		c | 0x7c,                    // keyboard light toggle
		c | 0x7a,                    // keyboard light down
		c | 0x79,                    // keyboard light up
		c | 0xb8,                    // eject
		input.PageSystem<<16 | 0x82, // 282 sleep
		0,                           // application 1
		0,                           // application 2
		c | 0xb4,                    // rewind
		c | 0xb3,                    // fast forward
	}
}

// usageOfButton returns the HID button of an SDL mouse button, 0 for those
// beyond the fifth.
func usageOfButton(button uint8) input.Usage {
	switch button { // SDL: 1 left, 2 middle, 3 right, 4 back, 5 forward
	case 1:
		return input.ButtonLeft
	case 2:
		return input.ButtonMiddle
	case 3:
		return input.ButtonRight
	case 4:
		return input.ButtonBack
	case 5:
		return input.ButtonForward
	}
	return 0
}
