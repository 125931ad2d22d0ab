package inject

import (
	"encoding/binary"
	"errors"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/wire"
)

// What programs do with a device's effects comes back through uinput
// (linux/uinput.h, "force feedback"): uploads are answered, plays are events.
const (
	uiSetFFBit      = 1<<30 | 4<<16 | 'U'<<8 | 107
	uiBeginFFUpload = 3<<30 | unsafe.Sizeof(uinputFFUpload{})<<16 | 'U'<<8 | 200
	uiEndFFUpload   = 1<<30 | unsafe.Sizeof(uinputFFUpload{})<<16 | 'U'<<8 | 201
	uiBeginFFErase  = 3<<30 | unsafe.Sizeof(uinputFFErase{})<<16 | 'U'<<8 | 202
	uiEndFFErase    = 1<<30 | unsafe.Sizeof(uinputFFErase{})<<16 | 'U'<<8 | 203

	evFF     = 0x15
	evUInput = 0x0101
	uiUpload = 1
	uiErase  = 2

	ffRumble = 0x50
	ffGain   = 0x60
)

// ffEffect is struct ff_effect of linux/input.h with the rumble of its union.
type ffEffect struct {
	kind          uint16
	id            int16
	direction     uint16
	button, every uint16 // trigger
	length, delay uint16 // ms
	_             uint16
	strong, weak  uint16
	_             [28]byte
}

// uinputFFUpload is struct uinput_ff_upload.
type uinputFFUpload struct {
	request uint32
	result  int32
	effect  ffEffect
	old     ffEffect
}

// uinputFFErase is struct uinput_ff_erase.
type uinputFFErase struct {
	request uint32
	result  int32
	effect  uint32
}

// setUpRumble lets programs shake a pad.
func setUpRumble(n *node) error {
	return errors.Join(
		n.set("UI_SET_EVBIT", uiSetEvBit, evFF),
		n.set("UI_SET_FFBIT", uiSetFFBit, ffRumble),
		n.set("UI_SET_FFBIT", uiSetFFBit, ffGain),
	)
}

// feel follows the effects that programs play on a pad until it is removed, and
// tells how strong it shall shake whenever that changes.
func (n *node) feel(pad uint8, tell func(wire.Rumble)) {
	e := effects{gain: fullGain}
	const size = eventTime + 8
	buf := make([]byte, 16*size)
	var said wire.Rumble
	for {
		low, high, next := e.strength(time.Now())
		if now := (wire.Rumble{Pad: pad, Low: low, High: high}); now != said {
			said = now
			tell(now)
		}
		if err := n.file.SetReadDeadline(next); err != nil { // zero: none
			return
		}
		got, err := n.file.Read(buf)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			if said != (wire.Rumble{Pad: pad}) {
				tell(wire.Rumble{Pad: pad})
			}
			return // it is gone
		}
		for b := buf[:got]; len(b) >= size; b = b[size:] {
			n.felt(&e, b[eventTime:])
		}
	}
}

// felt takes one event without its time.
func (n *node) felt(e *effects, event []byte) {
	kind, code := binary.NativeEndian.Uint16(event), binary.NativeEndian.Uint16(event[2:])
	value := int32(binary.NativeEndian.Uint32(event[4:]))
	switch {
	case kind == evUInput && code == uiUpload:
		n.answerUpload(e, uint32(value))
	case kind == evUInput && code == uiErase:
		n.answerErase(e, uint32(value))
	case kind == evFF && code == ffGain:
		e.gain = uint16(min(max(value, 0), fullGain))
	case kind == evFF:
		e.play(int(code), value, time.Now())
	}
}

// answerUpload takes an effect. The program that uploads it waits meanwhile.
func (n *node) answerUpload(e *effects, request uint32) {
	up := uinputFFUpload{request: request}
	if n.control("UI_BEGIN_FF_UPLOAD", uiBeginFFUpload, unsafe.Pointer(&up)) != nil {
		return // the program has gone
	}
	ms := func(v uint16) time.Duration { return time.Duration(v) * time.Millisecond }
	f := up.effect
	if f.kind != ffRumble || !e.upload(int(f.id), effect{low: f.strong, high: f.weak, length: ms(f.length), delay: ms(f.delay)}) {
		up.result = -int32(unix.EINVAL)
	}
	_ = n.control("UI_END_FF_UPLOAD", uiEndFFUpload, unsafe.Pointer(&up)) // likewise
}

func (n *node) answerErase(e *effects, request uint32) {
	er := uinputFFErase{request: request}
	if n.control("UI_BEGIN_FF_ERASE", uiBeginFFErase, unsafe.Pointer(&er)) != nil {
		return
	}
	e.erase(int(er.effect))
	_ = n.control("UI_END_FF_ERASE", uiEndFFErase, unsafe.Pointer(&er))
}
