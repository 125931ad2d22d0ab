package usb

import (
	"os"
	"path/filepath"
	"testing"
)

const statusText = `hub port sta spd dev      sockfd local_busid
hs  0000 004 000 00000000 000000 0-0
hs  0001 006 003 00010002 000003 1-1
ss  0008 005 005 0001000a 000004 0-0
`

func TestParsePorts(t *testing.T) {
	got := parsePorts([]byte(statusText + "hs 1 2\nhs x 4 0 0 0\nxs 0001 004 000 00000000 000000 0-0\n"))
	want := []port{{number: 0, state: 4}, {number: 1, state: 6, devID: 0x10002}, {number: 8, super: true, state: 5, devID: 0x1000a}}
	if len(got) != len(want) {
		t.Fatalf("parsePorts() = %+v; want %+v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("parsePorts()[%d] = %+v; want %+v", i, got[i], want[i])
		}
	}
}

// What is written is written as a whole, to a file that is there.
func TestWriteFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "attach")
	if err := writeFile(name, "1"); !os.IsNotExist(err) {
		t.Errorf("writeFile(absent) = %v; want that it is absent", err)
	}
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(name, "0 3 65538 3"); err != nil {
		t.Errorf("writeFile() = %v", err)
	}
	if b := readFile(name); string(b) != "0 3 65538 3" {
		t.Errorf("the file has %q", b)
	}
}

func FuzzParsePorts(f *testing.F) {
	f.Add([]byte(statusText))
	f.Add([]byte("ss 8 4 0 0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, q := range parsePorts(b) {
			if q.number > 1<<32-1 || q.devID > 1<<32-1 {
				t.Errorf("parsePorts(%q) = %+v", b, q)
			}
		}
	})
}
