package sdl

import "github.com/blade-shadow/terminal/display"

// Modifier bits of SDL_Keymod, left and right key together.
const (
	modShift = 0x0003
	modCtrl  = 0x00c0
	modAlt   = 0x0300
)

// hotkey is one letter that together with Ctrl, Alt and Shift is a command.
type hotkey struct {
	symbol   int // SDL keycode: the lower-case letter on the person's layout
	scancode int // the place of that letter on a US keyboard
	command  display.Command
}

func hotkeys() [5]hotkey {
	return [...]hotkey{
		{'z', 29, display.CommandToggleGrab},
		{'m', 16, display.CommandToggleMouse},
		{'s', 22, display.CommandToggleStats},
		{'x', 27, display.CommandToggleFullscreen},
		{'q', 20, display.CommandQuit},
	}
}

// commandOf returns the command of a key press, 0 when it is none. Symbols are
// tried first, over all letters, so that who reads Q on an AZERTY keyboard
// gets what is printed; places second, for layouts without Latin letters.
func commandOf(symbol, scancode, mod int) display.Command {
	if mod&modShift == 0 || mod&modCtrl == 0 || mod&modAlt == 0 {
		return 0
	}
	keys := hotkeys()
	for _, k := range keys {
		if k.symbol == symbol {
			return k.command
		}
	}
	if symbol >= 'a' && symbol <= 'z' {
		return 0 // a Latin letter that means something else here
	}
	for _, k := range keys {
		if k.scancode == scancode {
			return k.command
		}
	}
	return 0
}
