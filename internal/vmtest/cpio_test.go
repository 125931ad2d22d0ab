package vmtest

import (
	"bytes"
	"os/exec"
	"testing"
)

func archive(t *testing.T) []byte {
	t.Helper()
	var data bytes.Buffer
	c := cpioWriter{w: &data}
	c.file("dir", cpioDir|0o755, nil)
	c.file("dir/odd", cpioFile|0o644, []byte("12345"))
	c.file("init", cpioFile|0o755, []byte("#!x!"))
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	return data.Bytes()
}

// TestCPIO holds the bytes of the format: fields of 8 hexadecimal digits, names
// with their end, name and data each filled up to 4 bytes.
func TestCPIO(t *testing.T) {
	const zero = "00000000"
	const want = "" +
		"070701" + "00000001" + "000041ED" + zero + zero + "00000002" + zero + zero + zero + zero + zero + zero + "00000004" + zero + "dir\x00\x00\x00" +
		"070701" + "00000002" + "000081A4" + zero + zero + "00000001" + zero + "00000005" + zero + zero + zero + zero + "00000008" + zero + "dir/odd\x00\x00\x00" + "12345\x00\x00\x00" +
		"070701" + "00000003" + "000081ED" + zero + zero + "00000001" + zero + "00000004" + zero + zero + zero + zero + "00000005" + zero + "init\x00\x00" + "#!x!" +
		"070701" + zero + zero + zero + zero + "00000001" + zero + zero + zero + zero + zero + zero + "0000000B" + zero + "TRAILER!!!\x00\x00\x00\x00"
	got := string(archive(t))
	if len(got)%4 != 0 {
		t.Errorf("archive of %d bytes; want a multiple of 4", len(got))
	}
	if got != want {
		t.Errorf("archive =\n%q; want\n%q", got, want)
	}
}

// TestCPIOListing asks the program whose format it is.
func TestCPIOListing(t *testing.T) {
	program, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip(err)
	}
	list := exec.Command(program, "-itv", "--quiet")
	list.Stdin = bytes.NewReader(archive(t))
	out, err := list.CombinedOutput()
	if err != nil {
		t.Fatalf("cpio: %v\n%s", err, out)
	}
	for _, want := range []string{"drwxr-xr-x", "dir/odd", "-rwxr-xr-x", "init"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("cpio -itv lacks %q:\n%s", want, out)
		}
	}
}
