package uevent

import "testing"

const plug = "add@/devices/x/event5\x00ACTION=add\x00SUBSYSTEM=input\x00DEVNAME=/dev/input/event5\x00MAJOR=13\x00"

func TestParse(t *testing.T) {
	e, ok := Parse([]byte(plug))
	if !ok || e.Action != "add" || e.Subsystem != "input" || e.DevName != "input/event5" || e.DevPath != "/devices/x/event5" || e.Get("MAJOR") != "13" || e.Get("MINOR") != "" {
		t.Errorf("Parse() = %+v, %v", e, ok)
	}
	for _, bad := range []string{"", "add@/d", "libudev\x00\xfe\xed", "add@d\x00SUBSYSTEM=input\x00", "add@/d\x00MAJOR=1\x00", plug + string(make([]byte, MaxSize))} {
		if e, ok := Parse([]byte(bad)); ok {
			t.Errorf("Parse(%.20q) = %+v, want nothing", bad, e)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(plug))
	f.Add([]byte("libudev\x00\xfe\xed\xca\xfe"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, ok := Parse(b); ok && (e.Action == "" || e.Subsystem == "" || len(b) > MaxSize) {
			t.Errorf("Parse(%q) = %+v", b, e)
		}
	})
}
