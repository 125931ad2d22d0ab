package usbip_test

import (
	"testing"

	"github.com/blade-shadow/terminal/internal/usbip"
)

func FuzzDescriptors(f *testing.F) {
	f.Add(stick)
	f.Add(stick[:18])
	f.Add([]byte{2, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := usbip.ParseDescriptors(b)
		if err == nil && (e.IsoIn&^e.In != 0 || e.IsoOut&^e.Out != 0 || e.In&1 != 0 || e.Out&1 != 0) {
			t.Errorf("ParseDescriptors(%x) = %+v", b, e)
		}
	})
}

// FuzzCheck plays a hostile peer on both sides: each piece of the input goes to one
// of the checkers. Whatever passes is parsed again with no state, and holds
// what the kernel relies on.
func FuzzCheck(f *testing.F) {
	c := message(usbip.Header{Command: usbip.CmdSubmit, Seq: 2, DevID: devID, Endpoint: 2, Length: 2}, 1, 2)
	r := message(usbip.Header{Command: usbip.RetSubmit, Seq: 2, Length: 2})
	iso := isos(message(usbip.Header{Command: usbip.CmdSubmit, Seq: 9, DevID: devID, Direction: usbip.DirIn, Endpoint: 3, Length: 300, Packets: 1}), usbip.IsoDescriptor{Length: 9})
	f.Add(c, r, 7)
	f.Add(iso, isos(message(usbip.Header{Command: usbip.RetSubmit, Seq: 9, Length: 1, Packets: 1}, 5), usbip.IsoDescriptor{Length: 9, Actual: 1}), 48)
	f.Add(message(usbip.Header{Command: usbip.CmdUnlink, Seq: 2, DevID: devID, Target: 1}), message(usbip.Header{Command: usbip.RetUnlink, Seq: 2, Status: -104}), 1)
	f.Fuzz(func(t *testing.T, commands, replies []byte, cut int) {
		s := newSession(t)
		feed(t, s.Commands(), commands, cut, func(h usbip.Header) {
			if h.DevID != devID || h.Length > usbip.MaxTransfer && h.Command == usbip.CmdSubmit || h.Endpoint > 15 || h.Direction > 1 || h.Flags&0x104 != 0 {
				t.Errorf("a command passed: %+v", h)
			}
		})
		feed(t, s.Replies(), replies, cut, func(h usbip.Header) {
			if h.Status > 0 || h.Length > usbip.MaxTransfer || h.Command != usbip.RetSubmit && h.Command != usbip.RetUnlink {
				t.Errorf("a reply passed: %+v", h)
			}
		})
	})
}

// feed gives b in pieces, and looks at the first header that passes.
func feed(t *testing.T, c *usbip.Checker, b []byte, cut int, first func(usbip.Header)) {
	b = append([]byte(nil), b...)
	cut = max(cut, 1)
	passed := 0
	for have := 0; have < len(b); {
		have = min(len(b), have+min(cut, len(b)))
		n, err := c.Check(b[passed:have])
		if err != nil {
			if n != 0 {
				t.Fatalf("Check() = %d, %v; want 0 with an error", n, err)
			}
			break
		}
		if n < 0 || n > have-passed || have-passed-n >= usbip.HeaderSize {
			t.Fatalf("Check(%d bytes) = %d", have-passed, n)
		}
		passed += n
	}
	if passed >= usbip.HeaderSize {
		h, _ := usbip.ParseHeader(b)
		first(h)
	}
}
