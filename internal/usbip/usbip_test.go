package usbip_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/blade-shadow/terminal/internal/usbip"
)

const devID = 1<<16 | 5

// stick has bulk endpoints 1 in and 2 out, and isochronous 3 in.
var stick = []byte{
	18, 1, 0, 2, 0, 0, 0, 64, 0x81, 7, 0x81, 0x55, 0, 1, 1, 2, 3, 1,
	9, 2, 39, 0, 1, 1, 0, 0x80, 50,
	9, 4, 0, 0, 3, 8, 6, 80, 0,
	7, 5, 0x81, 2, 0, 2, 0,
	7, 5, 0x02, 2, 0, 2, 0,
	7, 5, 0x83, 1, 0, 1, 1,
}

func newSession(t testing.TB) *usbip.Session {
	t.Helper()
	e, err := usbip.ParseDescriptors(stick)
	if err != nil {
		t.Fatal(err)
	}
	return usbip.NewSession(devID, &e)
}

// read is a bulk transfer in.
func read(seq, length uint32) usbip.Header {
	return usbip.Header{Command: usbip.CmdSubmit, Seq: seq, DevID: devID, Direction: usbip.DirIn, Endpoint: 1, Length: length}
}

func message(h usbip.Header, payload ...byte) []byte {
	return append(usbip.AppendHeader(nil, h), payload...)
}

func isos(b []byte, ds ...usbip.IsoDescriptor) []byte {
	for _, d := range ds {
		b = usbip.AppendIsoDescriptor(b, d)
	}
	return b
}

func TestParseDescriptors(t *testing.T) {
	e, err := usbip.ParseDescriptors(stick)
	if want := (usbip.Endpoints{In: 1<<1 | 1<<3, Out: 1 << 2, IsoIn: 1 << 3}); err != nil || e != want {
		t.Errorf("ParseDescriptors() = %+v, %v; want %+v", e, err, want)
	}
	both := append(append([]byte{}, stick...), 7, 5, 0x81, 1, 0, 1, 1)
	if _, err := usbip.ParseDescriptors(both); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("ParseDescriptors(isochronous at times) = %v; want %v", err, errors.ErrUnsupported)
	}
	for name, bad := range map[string][]byte{
		"nothing": nil, "short": stick[:17], "over the end": stick[:len(stick)-1],
		"no length": append(append([]byte{}, stick...), 0, 5), "long": make([]byte, usbip.MaxDescriptors+1),
	} {
		if _, err := usbip.ParseDescriptors(bad); err == nil {
			t.Errorf("ParseDescriptors(%s) = nil; want an error", name)
		}
	}
}

// step is one message, checked as it comes.
type step struct {
	reply bool
	bytes []byte
}

func cmd(b []byte) step { return step{bytes: b} }
func ret(b []byte) step { return step{reply: true, bytes: b} }

// run passes the steps, and returns the first error.
func run(s *usbip.Session, steps []step) error {
	for _, st := range steps {
		c := s.Commands()
		if st.reply {
			c = s.Replies()
		}
		n, err := c.Check(append([]byte(nil), st.bytes...))
		if err != nil {
			return err
		}
		if n != len(st.bytes) || !c.Whole() {
			return errors.New("a message was not taken for whole")
		}
	}
	return nil
}

func TestGood(t *testing.T) {
	iso := usbip.Header{Command: usbip.CmdSubmit, Seq: 9, DevID: devID, Direction: usbip.DirIn, Endpoint: 3, Length: 300, Packets: 2}
	two := []usbip.IsoDescriptor{{Offset: 0, Length: 100}, {Offset: 200, Length: 100}}
	done := []usbip.IsoDescriptor{{Offset: 0, Length: 100, Actual: 2}, {Offset: 200, Length: 100, Actual: 1, Status: -71}}
	for name, steps := range map[string][]step{
		"control in": {
			cmd(message(usbip.Header{Command: usbip.CmdSubmit, Seq: 1, DevID: devID, Direction: usbip.DirIn, Length: 18, Setup: [8]byte{0x80, 6, 0, 1, 0, 0, 18}})),
			ret(message(usbip.Header{Command: usbip.RetSubmit, Seq: 1, Length: 3}, 1, 2, 3)),
		},
		"bulk out": {
			cmd(message(usbip.Header{Command: usbip.CmdSubmit, Seq: 2, DevID: devID, Endpoint: 2, Length: 2}, 1, 2)),
			ret(message(usbip.Header{Command: usbip.RetSubmit, Seq: 2, Length: 2})),
		},
		"no packets, as others write it": {
			cmd(message(usbip.Header{Command: usbip.CmdSubmit, Seq: 2, DevID: devID, Endpoint: 2, Packets: 0xffffffff})),
			ret(message(usbip.Header{Command: usbip.RetSubmit, Seq: 2, DevID: devID, Packets: 0xffffffff})),
		},
		"isochronous": {
			cmd(isos(message(iso), two...)),
			ret(isos(message(usbip.Header{Command: usbip.RetSubmit, Seq: 9, Length: 3, Packets: 2, Errors: 1}, 1, 2, 3), done...)),
		},
		"unlinked": {
			cmd(message(read(3, 512))),
			cmd(message(usbip.Header{Command: usbip.CmdUnlink, Seq: 4, DevID: devID, Target: 3})),
			ret(message(usbip.Header{Command: usbip.RetUnlink, Seq: 4, Status: -104})),
			cmd(message(read(3, 512))), // the number is free again
		},
		"unlinked too late": {
			cmd(message(read(3, 512))),
			cmd(message(usbip.Header{Command: usbip.CmdUnlink, Seq: 4, DevID: devID, Target: 3})),
			ret(message(usbip.Header{Command: usbip.RetSubmit, Seq: 3, Length: 1}, 7)),
			ret(message(usbip.Header{Command: usbip.RetUnlink, Seq: 4})),
		},
	} {
		if err := run(newSession(t), steps); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNonsense(t *testing.T) {
	with := func(h usbip.Header, change func(*usbip.Header)) []byte { change(&h); return message(h) }
	iso := func(ds ...usbip.IsoDescriptor) []byte {
		return isos(message(usbip.Header{Command: usbip.CmdSubmit, Seq: 9, DevID: devID, Direction: usbip.DirIn, Endpoint: 3, Length: 300, Packets: 1}), ds...)
	}
	good := cmd(message(read(1, 100)))
	isoGood := cmd(iso(usbip.IsoDescriptor{Length: 300}))
	reply := usbip.Header{Command: usbip.RetSubmit, Seq: 1}
	isoReply := func(length uint32, d usbip.IsoDescriptor) step {
		return ret(isos(message(usbip.Header{Command: usbip.RetSubmit, Seq: 9, Length: length, Packets: 1}, make([]byte, length)...), d))
	}
	for name, steps := range map[string][]step{
		"unknown command":        {cmd(with(read(1, 1), func(h *usbip.Header) { h.Command = 5 }))},
		"a reply as command":     {cmd(message(reply))},
		"another device":         {cmd(with(read(1, 1), func(h *usbip.Header) { h.DevID++ }))},
		"direction":              {cmd(with(read(1, 1), func(h *usbip.Header) { h.Direction = 2 }))},
		"endpoint 16":            {cmd(with(read(1, 1), func(h *usbip.Header) { h.Endpoint = 17 }))},
		"no such endpoint":       {cmd(with(read(1, 1), func(h *usbip.Header) { h.Endpoint = 4 }))},
		"other direction":        {cmd(with(read(1, 1), func(h *usbip.Header) { h.Direction = usbip.DirOut }))},
		"too long":               {cmd(message(read(1, usbip.MaxTransfer+1)))},
		"negative":               {cmd(message(read(1, 1<<31)))},
		"packets on bulk":        {cmd(with(read(1, 1), func(h *usbip.Header) { h.Packets = 1 }))},
		"packets on control":     {cmd(with(read(1, 0), func(h *usbip.Header) { h.Endpoint, h.Packets = 0, 1 }))},
		"too many packets":       {cmd(with(read(1, 1), func(h *usbip.Header) { h.Endpoint, h.Packets = 3, usbip.MaxPackets+1 }))},
		"no packets on iso":      {cmd(with(read(1, 1), func(h *usbip.Header) { h.Endpoint = 3 }))},
		"set address":            {cmd(message(usbip.Header{Command: usbip.CmdSubmit, Seq: 1, DevID: devID, Setup: [8]byte{0, 5, 9}}))},
		"setup length":           {cmd(message(usbip.Header{Command: usbip.CmdSubmit, Seq: 1, DevID: devID, Direction: usbip.DirIn, Length: 64, Setup: [8]byte{0x80, 6, 0, 1, 0, 0, 18}}))},
		"setup direction":        {cmd(message(usbip.Header{Command: usbip.CmdSubmit, Seq: 1, DevID: devID, Length: 18, Setup: [8]byte{0x80, 6, 0, 1, 0, 0, 18}}))},
		"twice":                  {good, good},
		"unlink, endpoint 16":    {cmd(message(usbip.Header{Command: usbip.CmdUnlink, Seq: 1, DevID: devID, Endpoint: 16}))},
		"packet outside":         {cmd(iso(usbip.IsoDescriptor{Offset: 200, Length: 101}))},
		"packet around":          {cmd(iso(usbip.IsoDescriptor{Offset: 0xffffffff, Length: 100}))},
		"a command as reply":     {good, ret(message(read(1, 1)))},
		"reply to nothing":       {ret(message(reply))},
		"reply twice":            {good, ret(message(reply)), ret(message(reply))},
		"unlink reply as submit": {good, ret(message(usbip.Header{Command: usbip.RetUnlink, Seq: 1}))},
		"reply after unlink": {
			good, cmd(message(usbip.Header{Command: usbip.CmdUnlink, Seq: 2, DevID: devID, Target: 1})),
			ret(message(usbip.Header{Command: usbip.RetUnlink, Seq: 2, Status: -104})), ret(message(reply)),
		},
		"reply too long":      {good, ret(with(reply, func(h *usbip.Header) { h.Length = 101 }))},
		"reply negative":      {good, ret(with(reply, func(h *usbip.Header) { h.Length = 0xffffffff }))},
		"reply with packets":  {good, ret(with(reply, func(h *usbip.Header) { h.Packets = 1 }))},
		"reply status":        {good, ret(with(reply, func(h *usbip.Header) { h.Status = 1 }))},
		"reply of another":    {good, ret(with(reply, func(h *usbip.Header) { h.DevID = 9 }))},
		"reply errors":        {good, ret(with(reply, func(h *usbip.Header) { h.Errors = 1 }))},
		"reply endpoint":      {good, ret(with(reply, func(h *usbip.Header) { h.Endpoint = 16 }))},
		"reply packet short":  {isoGood, isoReply(5, usbip.IsoDescriptor{Length: 300, Actual: 4})},
		"reply packet long":   {isoGood, isoReply(5, usbip.IsoDescriptor{Length: 300, Actual: 6})},
		"reply packet beyond": {isoGood, isoReply(5, usbip.IsoDescriptor{Length: 4, Actual: 5})},
		"reply packet away":   {isoGood, isoReply(5, usbip.IsoDescriptor{Offset: 300, Length: 5, Actual: 5})},
		"reply packet status": {isoGood, isoReply(5, usbip.IsoDescriptor{Length: 5, Actual: 5, Status: 3})},
	} {
		s := newSession(t)
		last := len(steps) - 1
		if err := run(s, steps[:last]); err != nil {
			t.Errorf("%s: before: %v", name, err)
		}
		if err := run(s, steps[last:]); !errors.Is(err, usbip.ErrNonsense) {
			t.Errorf("%s: Check() = %v; want %v", name, err, usbip.ErrNonsense)
		}
		c := s.Commands()
		if steps[last].reply {
			c = s.Replies()
		}
		if n, err := c.Check(message(read(77, 1))); n != 0 || err == nil {
			t.Errorf("%s: Check() afterwards = %d, %v; want nothing to pass", name, n, err)
		}
	}
}

func TestBounds(t *testing.T) {
	s := newSession(t)
	for i := range uint32(usbip.MaxPending) {
		if err := run(s, []step{cmd(message(read(i, 1)))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(s, []step{cmd(message(read(5000, 1)))}); !errors.Is(err, usbip.ErrNonsense) {
		t.Errorf("one transfer too many: %v; want %v", err, usbip.ErrNonsense)
	}
	s = newSession(t)
	// What is answered or unlinked makes room; so this must go on for long.
	for i := range uint32(1000) {
		err := run(s, []step{
			cmd(message(read(4*i, usbip.MaxTransfer))), ret(message(usbip.Header{Command: usbip.RetSubmit, Seq: 4 * i})),
			cmd(message(read(4*i+1, usbip.MaxTransfer))),
			cmd(message(usbip.Header{Command: usbip.CmdUnlink, Seq: 4*i + 2, DevID: devID, Target: 4*i + 1})),
			ret(message(usbip.Header{Command: usbip.RetUnlink, Seq: 4*i + 2})),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint32(usbip.MaxOutstanding / usbip.MaxTransfer) {
		if err := run(s, []step{cmd(message(read(i, usbip.MaxTransfer)))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(s, []step{cmd(message(read(5000, 1)))}); !errors.Is(err, usbip.ErrNonsense) {
		t.Errorf("one byte too many: %v; want %v", err, usbip.ErrNonsense)
	}
}

// Flags that speak of the sender's memory do not go on.
func TestFlags(t *testing.T) {
	for _, c := range []struct {
		h             usbip.Header
		want          uint32
		wantDirection uint32
	}{
		{h: usbip.Header{Endpoint: 1, Direction: usbip.DirIn, Length: 8, Flags: 0xffffffff}, want: 0x000402c3, wantDirection: usbip.DirIn},
		{h: usbip.Header{Endpoint: 2, Flags: 0xffffffff}, want: 0xc3},
		{h: usbip.Header{Direction: usbip.DirIn, Setup: [8]byte{0, 9, 1}, Flags: 0x104}, want: 0},
	} {
		c.h.Command, c.h.DevID = usbip.CmdSubmit, devID
		b := message(c.h)
		if _, err := newSession(t).Commands().Check(b); err != nil {
			t.Errorf("Check(%+v) = %v", c.h, err)
		}
		if got, _ := usbip.ParseHeader(b); got.Flags != c.want || got.Direction != c.wantDirection {
			t.Errorf("flags %#x of %+v became %#x, direction %d; want %#x, %d", c.h.Flags, c.h, got.Flags, got.Direction, c.want, c.wantDirection)
		}
	}
}

// However a stream is cut, the same is said of it.
func TestCuts(t *testing.T) {
	var stream []byte
	for i := range uint32(20) {
		stream = append(stream, message(usbip.Header{Command: usbip.CmdSubmit, Seq: 2 * i, DevID: devID, Endpoint: 2, Length: i * 7}, make([]byte, i*7)...)...)
		iso := usbip.Header{Command: usbip.CmdSubmit, Seq: 2*i + 1, DevID: devID, Endpoint: 3, Direction: usbip.DirIn, Length: 64, Packets: 3}
		stream = isos(append(stream, message(iso)...), usbip.IsoDescriptor{Length: 64}, usbip.IsoDescriptor{}, usbip.IsoDescriptor{Offset: 63, Length: 1})
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		c := newSession(t).Commands()
		passed := 0
		for have := 0; have < len(stream); {
			have = min(len(stream), have+1+rng.IntN(100))
			n, err := c.Check(append([]byte(nil), stream[passed:have]...))
			if err != nil || have-passed-n >= usbip.HeaderSize {
				t.Fatalf("Check() = %d, %v at %d of %d", n, err, passed, len(stream))
			}
			passed += n
		}
		if passed != len(stream) || !c.Whole() {
			t.Fatalf("%d bytes of %d passed", passed, len(stream))
		}
	}
}

// What is under which number, against Go's map.
func TestPendingModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	s := newSession(t)
	model := map[uint32]bool{}
	for range 200000 {
		// Numbers that share their homes, so that runs grow and shrink.
		seq := rng.Uint32N(400) << 21
		if model[seq] {
			if err := run(s, []step{ret(message(usbip.Header{Command: usbip.RetSubmit, Seq: seq}))}); err != nil {
				t.Fatalf("%d was waited for: %v", seq, err)
			}
			delete(model, seq)
		} else {
			if err := run(s, []step{cmd(message(read(seq, 1)))}); err != nil {
				t.Fatalf("%d was free: %v", seq, err)
			}
			model[seq] = true
		}
	}
}

func TestCheckAllocs(t *testing.T) {
	s := newSession(t)
	c := message(read(0, 512))
	r := message(usbip.Header{Command: usbip.RetSubmit, Length: 512}, make([]byte, 512)...)
	var seq uint32
	if n := testing.AllocsPerRun(5000, func() {
		seq++
		binary.BigEndian.PutUint32(c[4:], seq)
		binary.BigEndian.PutUint32(r[4:], seq)
		if _, err := s.Commands().Check(c); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Replies().Check(r); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("a transfer allocates %v times; want 0", n)
	}
}
