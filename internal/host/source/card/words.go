package card

import (
	"strconv"
	"strings"

	"github.com/blade-shadow/terminal/internal/input"
)

// Key caps of the keyboard page (HID Usage Tables 1.5, section 10), US layout,
// from usage 0x04 on, without gaps; modifiers from 0xe0 on. An underscore is a
// space.
const (
	keyCaps = `A B C D E F G H I J K L M N O P Q R S T U V W X Y Z 1 2 3 4 5 6 7 8 9 0 ` +
		`Enter Esc Backspace Tab Space - = [ ] \ # ; ' ` + "`" + ` , . / Caps_Lock ` +
		`F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 F11 F12 Print Scroll_Lock Pause ` +
		`Insert Home Page_Up Delete End Page_Down Right_Arrow Left_Arrow Down_Arrow Up_Arrow ` +
		`Num_Lock KP_/ KP_* KP_- KP_+ KP_Enter KP_1 KP_2 KP_3 KP_4 KP_5 KP_6 KP_7 KP_8 KP_9 KP_0 KP_. < Menu`
	modifierCaps = `Ctrl Shift Alt Super Right_Ctrl Right_Shift AltGr Right_Super`
	// Buttons of a game pad, by the bits of wire.Pad.
	padCaps    = `south east west north L1 R1 L2 R2 select start L3 R3 up down left right guide`
	buttonCaps = `Left_button Right_button Middle_button Back_button Forward_button`
)

// words names usages.
type words struct{ keys, modifiers, buttons, pad []string }

func newWords() words {
	split := func(s string) []string {
		fields := strings.Fields(s)
		for i := range fields {
			fields[i] = strings.ReplaceAll(fields[i], "_", " ")
		}
		return fields
	}
	return words{split(keyCaps), split(modifierCaps), split(buttonCaps), split(padCaps)}
}

// append appends the name of u, or its page and number in hexadecimal.
func (w words) append(b []byte, u input.Usage) []byte {
	id := int(u.ID())
	switch {
	case u.Page() == input.PageKeyboard && id >= 0x04 && id-0x04 < len(w.keys):
		return append(b, w.keys[id-0x04]...)
	case u.Page() == input.PageKeyboard && id >= 0xe0 && id-0xe0 < len(w.modifiers):
		return append(b, w.modifiers[id-0xe0]...)
	case u.Page() == input.PageButton && id >= 1 && id-1 < len(w.buttons):
		return append(b, w.buttons[id-1]...)
	}
	b = strconv.AppendUint(append(b, "usage "...), uint64(u.Page()), 16)
	return strconv.AppendUint(append(b, ':'), uint64(id), 16)
}
