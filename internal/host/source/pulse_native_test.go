//go:build !nonative

package source_test

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/host/source"
)

// startPulse starts a sound server of the test's own whose one output goes
// nowhere. The parent of a daemon returns when the daemon is ready.
func startPulse(t *testing.T) {
	t.Helper()
	path, err := exec.LookPath("pulseaudio")
	if err != nil {
		t.Skip("pulseaudio is not installed")
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "socket")
	for _, name := range []string{"HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"} {
		t.Setenv(name, dir)
	}
	t.Setenv("PULSE_SERVER", "unix:"+socket)
	out, err := exec.Command(path, "-n", "--daemonize=yes", "--use-pid-file=yes", "--exit-idle-time=-1", "--disable-shm=yes",
		"-L", "module-null-sink sink_name=nowhere", "-L", "module-native-protocol-unix auth-anonymous=1 socket="+socket).CombinedOutput()
	if err != nil {
		t.Fatalf("start pulseaudio: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command(path, "--kill").CombinedOutput(); err != nil {
			t.Errorf("stop pulseaudio: %v: %s", err, out)
		}
	})
}

func TestDesktopRecordsWhatIsPlayed(t *testing.T) {
	startPulse(t)
	startXvfb(t, "640x360")
	d, err := source.NewDesktop(source.DesktopConfig{Display: testDisplay})
	if err != nil {
		t.Fatal(err)
	}
	a, err := d.OpenAudio()
	if err != nil {
		t.Fatalf("OpenAudio() = %v; want no error", err)
	}
	pcm := make([]int16, 480*source.Channels)
	start := time.Now()
	for i := range 20 {
		at, err := a.Read(t.Context(), pcm)
		if err != nil {
			t.Fatalf("Read() %d = %v; want sound", i, err)
		}
		if d := time.Since(at); d < 10*time.Millisecond || d > time.Second {
			t.Errorf("Read() %d was captured %v ago; want the 10 ms it lasts", i, d)
		}
	}
	if d := time.Since(start); d < 100*time.Millisecond {
		t.Errorf("200 ms of sound took %v", d)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Read(ctx, pcm); !errors.Is(err, context.Canceled) {
		t.Errorf("Read(ended context) = %v; want its error", err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("Close() = %v; want no error", err)
	}
}

func TestDesktopWithoutASoundServer(t *testing.T) {
	t.Setenv("PULSE_SERVER", "unix:"+filepath.Join(t.TempDir(), "none"))
	t.Setenv("HOME", t.TempDir())
	startXvfb(t, "640x360")
	d, err := source.NewDesktop(source.DesktopConfig{Display: testDisplay})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.OpenAudio(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("OpenAudio() = %v; want errors.ErrUnsupported", err)
	}
}
