package wire

import "encoding/binary"

// Keys is everything that is held: keys and buttons, in ascending order.
type Keys struct {
	LastEvent uint32 // id of the newest transition that Held includes
	Device    uint8  // 0: of all devices together
	Locks     uint16 // reserved, 0
	Held      []Key
}

// AppendKeys appends a KEYS record to a datagram; it leaves out what is over
// [MaxKeys].
func AppendKeys(dst []byte, k Keys) []byte {
	held := k.Held[:min(len(k.Held), MaxKeys)]
	dst = append(dst, byte(RecordKeys), byte(keysSize+keySize*len(held)))
	dst = binary.LittleEndian.AppendUint32(dst, k.LastEvent)
	dst = append(dst, k.Device, byte(len(held)))
	dst = binary.LittleEndian.AppendUint16(dst, k.Locks)
	for _, key := range held {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(key))
	}
	return dst
}

// Keys reads a KEYS record; Held is built in held's memory.
func (r Record) Keys(held []Key) (Keys, bool) {
	if r.Type != RecordKeys || !r.complete() {
		return Keys{}, false
	}
	b := r.Body
	k := Keys{
		LastEvent: binary.LittleEndian.Uint32(b),
		Device:    b[4],
		Locks:     binary.LittleEndian.Uint16(b[6:]),
		Held:      held[:0],
	}
	for i := range int(b[5]) {
		k.Held = append(k.Held, Key(binary.LittleEndian.Uint16(b[keysSize+keySize*i:])))
	}
	return k, true
}

// Transition is one key or button going down or up, and where the pointer and
// the wheel were at that moment, so that coalescing motion displaces no click.
type Transition struct {
	Age      Age
	Device   uint8 // 0; the rest is for later versions
	Down     bool
	Absolute bool  // X, Y are a position over Screen and not totals
	Screen   uint8 // 0..15, where Absolute
	Key      Key
	Wheel    uint16 // low 16 bits of Pointer.WheelV
	X, Y     uint16 // low 16 bits of Pointer.X and Pointer.Y, or as in PointerAbs
}

// Bits of a transition's kind byte.
const (
	kindDown        = 0
	kindAbsolute    = 1
	kindScreenShift = 4
)

// Events is a run of transitions with consecutive ids.
type Events struct {
	First uint32 // id of List[0]
	List  []Transition
}

// AppendEvents appends as many EVENTS records to a datagram as e needs, at
// most [MaxEvents] transitions.
func AppendEvents(dst []byte, e Events) []byte {
	first, list := e.First, e.List[:min(len(e.List), MaxEvents)]
	for len(list) > 0 {
		n := min(len(list), transitionsPerBody)
		dst = append(dst, byte(RecordEvents), byte(eventsSize+transitionSize*n))
		dst = binary.LittleEndian.AppendUint32(dst, first)
		dst = append(dst, byte(n), 0)
		for _, t := range list[:n] {
			dst = appendTransition(dst, t)
		}
		first, list = first+uint32(n), list[n:]
	}
	return dst
}

func appendTransition(dst []byte, t Transition) []byte {
	kind := bit(t.Down, kindDown) | bit(t.Absolute, kindAbsolute)
	if t.Absolute {
		kind |= t.Screen << kindScreenShift
	}
	dst = binary.LittleEndian.AppendUint16(dst, uint16(t.Age))
	dst = append(dst, t.Device, kind)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(t.Key))
	dst = binary.LittleEndian.AppendUint16(dst, t.Wheel)
	dst = binary.LittleEndian.AppendUint16(dst, t.X)
	return binary.LittleEndian.AppendUint16(dst, t.Y)
}

// Events reads an EVENTS record and appends its transitions to list.
func (r Record) Events(list []Transition) (Events, bool) {
	if r.Type != RecordEvents || !r.complete() {
		return Events{}, false
	}
	e := Events{First: binary.LittleEndian.Uint32(r.Body), List: list}
	for i := range int(r.Body[4]) {
		e.List = append(e.List, parseTransition(r.Body[eventsSize+transitionSize*i:]))
	}
	return e, true
}

func parseTransition(b []byte) Transition {
	t := Transition{
		Age:      Age(binary.LittleEndian.Uint16(b)),
		Device:   b[2],
		Down:     b[3]&(1<<kindDown) != 0,
		Absolute: b[3]&(1<<kindAbsolute) != 0,
		Key:      Key(binary.LittleEndian.Uint16(b[4:])),
		Wheel:    binary.LittleEndian.Uint16(b[6:]),
		X:        binary.LittleEndian.Uint16(b[8:]),
		Y:        binary.LittleEndian.Uint16(b[10:]),
	}
	if t.Absolute {
		t.Screen = b[3] >> kindScreenShift
	}
	return t
}
