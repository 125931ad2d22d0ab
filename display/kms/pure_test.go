package kms

import (
	"bytes"
	"encoding/binary"
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/internal/uevent"
)

func TestAssign(t *testing.T) {
	planes := func(masks ...uint32) (out []plane) {
		for i, m := range masks {
			out = append(out, plane{ID: uint32(50 + i), CRTCs: m, Type: planePrimary})
		}
		return out
	}
	three := []uint32{10, 11, 12}
	own := append(planes(1, 2, 4), plane{ID: 60, CRTCs: 7, Type: planeCursor}, plane{ID: 61, CRTCs: 1, Type: planeCursor})
	tests := []struct {
		name       string
		top        topology
		connectors []connector
		used       []pipe
		want       map[uint32]uint32 // connector to CRTC
	}{
		{"none", topology{CRTCs: three, Planes: own}, nil, nil, map[uint32]uint32{}},
		{"in order", topology{CRTCs: three, Planes: own}, []connector{{ID: 1, CRTCs: 7}, {ID: 2, CRTCs: 7}}, nil, map[uint32]uint32{1: 10, 2: 11}},
		{"the present one", topology{CRTCs: three, Planes: own}, []connector{{ID: 1, CRTCs: 7, CRTC: 12}, {ID: 2, CRTCs: 7, CRTC: 10}}, nil, map[uint32]uint32{1: 12, 2: 10}},
		{
			"moves over for one with less choice",
			topology{CRTCs: three, Planes: own},
			[]connector{{ID: 1, CRTCs: 7}, {ID: 2, CRTCs: 1}, {ID: 3, CRTCs: 3}},
			nil,
			map[uint32]uint32{1: 12, 2: 10, 3: 11},
		},
		{"never from who runs", topology{CRTCs: three, Planes: own}, []connector{{ID: 2, CRTCs: 1}}, []pipe{{crtc: 10, primary: 50}}, map[uint32]uint32{}},
		{"one too many", topology{CRTCs: three[:1], Planes: own}, []connector{{ID: 1, CRTCs: 1}, {ID: 2, CRTCs: 1}}, nil, map[uint32]uint32{1: 10}},
		{"no plane", topology{CRTCs: three[:2], Planes: planes(1)}, []connector{{ID: 1, CRTCs: 2}}, nil, map[uint32]uint32{}},
		{"planes that fit all", topology{CRTCs: three[:2], Planes: planes(3, 1)}, []connector{{ID: 1, CRTCs: 1}, {ID: 2, CRTCs: 2}}, nil, map[uint32]uint32{1: 10, 2: 11}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pipes := assign(test.top, test.connectors, test.used)
			got, taken := make(map[uint32]uint32), make(map[uint32]bool)
			for id, p := range pipes {
				got[id] = p.crtc
				for _, pl := range [...]uint32{p.primary, p.cursor} {
					if pl != 0 && taken[pl] {
						t.Errorf("plane %d was given away twice", pl)
					}
					taken[pl] = true
				}
			}
			if !maps.Equal(got, test.want) {
				t.Errorf("assign() = %v; want %v", got, test.want)
			}
		})
	}
}

// hotplugEvent is what the kernel 6.1 sends for virtio-gpu.
const hotplugEvent = "change@/devices/pci0000:00/0000:00:02.0/virtio1/drm/card0\x00ACTION=change\x00" +
	"DEVPATH=/devices/pci0000:00/0000:00:02.0/virtio1/drm/card0\x00SUBSYSTEM=drm\x00HOTPLUG=1\x00MAJOR=226\x00MINOR=0\x00" +
	"DEVNAME=dri/card0\x00DEVTYPE=drm_minor\x00SEQNUM=1234\x00"

func TestConcerns(t *testing.T) {
	tests := []struct {
		name, in string
		want     bool
	}{
		{"hotplug", hotplugEvent, true},
		{"one connector", hotplugEvent + "CONNECTOR=93\x00", true},
		{"another card", "change@/d\x00SUBSYSTEM=drm\x00HOTPLUG=1\x00DEVNAME=/dev/dri/card1\x00", false},
		{"no hotplug", "change@/d\x00SUBSYSTEM=drm\x00DEVNAME=dri/card0\x00", false},
		{"a connector of a hub", "add@/d\x00SUBSYSTEM=drm\x00", true},
		{"a disk", "add@/d\x00SUBSYSTEM=block\x00HOTPLUG=1\x00", false},
		{"udev's", "libudev\x00\xfe\xed\xca\xfe", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, _ := uevent.Parse([]byte(test.in))
			if got := concerns(e, "dri/card0"); got != test.want {
				t.Errorf("concerns(%+v) = %v; want %v", e, got, test.want)
			}
		})
	}
}

// vblank is a struct drm_event_vblank.
func vblank(kind, sec, usec, seq, crtc uint32) []byte {
	b := binary.NativeEndian.AppendUint32(nil, kind)
	b = binary.NativeEndian.AppendUint32(b, eventSize)
	b = append(b, make([]byte, 8)...)
	for _, v := range [...]uint32{sec, usec, seq, crtc} {
		b = binary.NativeEndian.AppendUint32(b, v)
	}
	return b
}

func TestParseFlips(t *testing.T) {
	base := monotonic{at: time.Now(), ns: 5e9}
	b := bytes.Join([][]byte{vblank(eventFlip, 6, 250_000, 7, 31), vblank(1, 6, 0, 0, 31), vblank(eventFlip, 4, 0, 0, 35)}, nil)
	var into [4]flip
	n := parseFlips(b, base, into[:])
	want := []flip{{CRTC: 31, At: base.at.Add(1250 * time.Millisecond), Seq: 7}, {CRTC: 35, At: base.at.Add(-time.Second)}}
	if n != 2 || !reflect.DeepEqual(into[:2], want) {
		t.Errorf("parseFlips() = %d, %+v; want %+v", n, into[:n], want)
	}
	if n := parseFlips(b, base, into[:1]); n != 1 {
		t.Errorf("parseFlips() into 1 = %d; want 1", n)
	}
	if n := parseFlips(b[:40], base, into[:]); n != 1 {
		t.Errorf("parseFlips() of a cut event = %d; want 1", n)
	}
}

func FuzzParseFlips(f *testing.F) {
	f.Add(vblank(eventFlip, 1, 2, 3, 4))
	f.Add(append(vblank(eventFlip, 1, 2, 3, 4), 2, 0, 0, 0, 0, 0, 0, 0))
	f.Add([]byte{2, 0, 0, 0, 8, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var into [4]flip
		if n := parseFlips(b, monotonic{}, into[:]); n > len(b)/eventSize || n > len(into) {
			t.Errorf("parseFlips(%d bytes) = %d flips", len(b), n)
		}
	})
}

func TestModeInfo(t *testing.T) {
	for _, m := range append(testModes, mode.Mode{Name: "a name that is longer than thirty-one bytes", HSkew: 3, VScan: 2, Flags: 5}) {
		b := encodeMode(m)
		got, err := decodeMode(b)
		if len(m.Name) > 31 {
			m.Name = m.Name[:31]
		}
		if got != m || err != nil || len(b) != modeInfoSize {
			t.Errorf("decodeMode(encodeMode(%+v)) = %+v, %v", m, got, err)
		}
	}
	if hz := binary.NativeEndian.Uint32(encodeMode(testModes[0])[24:]); hz != 60 {
		t.Errorf("vrefresh = %d; want 60", hz)
	}
	if _, err := decodeMode(make([]byte, 67)); err == nil {
		t.Error("decodeMode(67 bytes) = nil error; want one")
	}
}

func FuzzDecodeMode(f *testing.F) {
	f.Add(encodeMode(testModes[0]))
	f.Add(make([]byte, modeInfoSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMode(b)
		if err != nil {
			return
		}
		again, err := decodeMode(encodeMode(m))
		if len(m.Name) > 31 {
			m.Name = m.Name[:31] // the last byte ends it
		}
		if err != nil || again != m {
			t.Errorf("decodeMode(%x) = %+v, then %+v, %v", b, m, again, err)
		}
	})
}

// TestSnapshotStranger takes a connector of a hub off that came later.
func TestSnapshotStranger(t *testing.T) {
	f := newFake(2)
	late := f.top
	f.top.Connectors = late.Connectors[:1]
	s, err := takeSnapshot(f, f.top)
	if err != nil {
		t.Fatal(err)
	}
	f.top = late
	if err := s.restore(f); err != nil || f.value(late.Connectors[1], "CRTC_ID") != 0 {
		t.Errorf("restore() = %v, CRTC_ID of the new connector %d; want nil and 0", err, f.value(late.Connectors[1], "CRTC_ID"))
	}
}

// TestSnapshotBlobNumber has the kernel give the number of the mode that was
// found to another one meanwhile.
func TestSnapshotBlobNumber(t *testing.T) {
	f := newFake(1)
	s, err := takeSnapshot(f, f.top)
	if err != nil {
		t.Fatal(err)
	}
	crtc := f.top.CRTCs[0]
	f.blobs[uint32(f.value(crtc, "MODE_ID"))] = encodeMode(testModes[0])
	if err := s.restore(f); err != nil {
		t.Errorf("restore() = %v; want nil", err)
	}
	if _, m, ok := f.on(0); !ok || m.Name != testModes[1].Name {
		t.Errorf("mode = %q, %v; want %q, as it was found", m.Name, ok, testModes[1].Name)
	}
}

// TestSnapshotSkips leaves alone what cannot be set.
func TestSnapshotSkips(t *testing.T) {
	f := newFake(1)
	s, err := takeSnapshot(f, f.top)
	if err != nil {
		t.Fatal(err)
	}
	conn := f.top.Connectors[0]
	f.set(conn, "DPMS", 3) // by the kernel; writing it would be refused
	f.set(conn, "link-status", 1)
	f.set(conn, "max bpc", 8)
	if err := s.restore(f); err != nil {
		t.Errorf("restore() = %v; want nil", err)
	}
	if got := f.value(conn, "max bpc"); got != 16 || f.value(conn, "DPMS") != 3 {
		t.Errorf("max bpc = %d, DPMS = %d; want 16 and 3", got, f.value(conn, "DPMS"))
	}
	if err := s.restore(f); err != nil || len(f.commits) != 1 {
		t.Errorf("restore() of what is as it was = %v, %d commits; want no other", err, len(f.commits)-1)
	}
}
