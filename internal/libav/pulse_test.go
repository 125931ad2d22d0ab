//go:build linux && cgo && !nonative

package libav_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/libav"
)

// startPulse runs a PulseAudio of the test's own, with a null sink that plays
// to nowhere, and points PULSE_SERVER at it.
func startPulse(t *testing.T) {
	t.Helper()
	bin, err := exec.LookPath("pulseaudio")
	if err != nil {
		t.Skip("pulseaudio is not installed")
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "native")
	t.Setenv("HOME", dir)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("PULSE_SERVER", "unix:"+socket)
	cmd := exec.Command(bin, "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
		"-L", "module-null-sink sink_name=null rate=48000",
		"-L", "module-native-protocol-unix auth-anonymous=1 socket="+socket)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) { // a process outside: nothing to wait on
		if _, err := os.Stat(socket); err == nil {
			return
		}
		if time.Since(start) > 10*time.Second {
			t.Fatal("pulseaudio does not listen")
		}
	}
}

func TestPulseCapture(t *testing.T) {
	startPulse(t)
	p, err := libav.OpenPulse("null.monitor")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	pcm := make([]int16, 9600)
	start, got, reads := time.Now(), 0, 0
	for got < 48000 { // half a second, stereo
		n, err := p.Read(pcm)
		if err != nil {
			t.Fatal(err)
		}
		got += n
		reads++
	}
	took := time.Since(start)
	t.Logf("half a second in %v, %d reads of %.1f ms", took, reads, float64(got)/96/float64(reads))
	if took > 3*time.Second {
		t.Errorf("half a second of sound took %v", took)
	}
	if mean := got / reads; mean > 96*25 {
		t.Errorf("a read gives %d ms; want small fragments", mean/96)
	}

	done := make(chan error, 1)
	go func() {
		for {
			if _, err := p.Read(pcm); err != nil {
				done <- err
				return
			}
		}
	}()
	p.Close()
	if err := <-done; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read() after Close = %v; want os.ErrClosed", err)
	}
}

func TestPulseDefaultMonitor(t *testing.T) {
	startPulse(t)
	p, err := libav.OpenPulse("@DEFAULT_MONITOR@")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if n, err := p.Read(make([]int16, 960)); n == 0 || err != nil {
		t.Errorf("Read() = %d, %v; want sound", n, err)
	}
}

func TestPulseMissing(t *testing.T) {
	t.Setenv("PULSE_SERVER", "unix:/nonexistent")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	_, err := libav.OpenPulse("")
	if !contains(err, "PulseAudio") {
		t.Errorf("OpenPulse() without a server = %v; want an error that says so", err)
	}
	t.Log(err)
}
