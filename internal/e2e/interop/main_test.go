//go:build linux && !nonative

package interop_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/lab"
	"github.com/blade-shadow/terminal/internal/needs"
)

// patience bounds each wait. It is for a busy machine.
const patience = 45 * time.Second

func TestMain(m *testing.M) { os.Exit(lab.Main(m, &build)) }

// build compiles the programs at the first call. TestMain sets it.
var build func() (lab.Programs, error)

// bench is one test's place: programs, and a bound on the whole test.
type bench struct {
	*testing.T
	lab.Programs
}

// begin skips or fails where a peer is missing, and builds the programs.
func begin(t *testing.T, missing error) bench {
	t.Helper()
	if missing != nil {
		if !errors.Is(missing, errors.ErrUnsupported) {
			t.Fatal(missing)
		}
		if needs.Required("peers") {
			t.Fatalf("REQUIRE_HW names peers: %v", missing)
		}
		t.Skip(missing)
	}
	programs, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return bench{t, programs}
}

// needGStreamer returns nil when Python can make all that the scripts use.
func needGStreamer() error {
	return lab.NeedGStreamer("x264enc", "x265enc", "rtph264pay", "rtph265pay", "avdec_h264", "rtprtxsend")
}

// soon returns a context that bounds one wait.
func (b bench) soon() context.Context {
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	b.Cleanup(cancel)
	return ctx
}

// life returns the context of what lives until the test's cleanup.
func (b bench) life() context.Context { return context.WithoutCancel(b.Context()) }

// cancelled returns a context that the test's cleanup ends.
func (b bench) cancelled() (context.Context, context.CancelFunc) {
	return context.WithCancel(b.life())
}

// ok fails the test unless err is nil.
func (b bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// wait fails the test unless check returns nil soon.
func (b bench) wait(what string, check func() error) {
	b.Helper()
	b.ok(lab.Until(b.soon(), what, check))
}

func (b bench) host(cfg lab.HostConfig) *lab.Host {
	b.Helper()
	h, err := b.StartHost(b.life(), cfg)
	b.ok(err)
	b.onEnd("shadow-host", h.Process)
	return h
}

// start runs a peer until the test ends.
func (b bench) start(c lab.Command) *lab.Process {
	b.Helper()
	p, err := lab.Start(b.life(), c)
	b.ok(err)
	b.onEnd(c.Name, p)
	return p
}

// terminal starts shadow-terminal without windows: pictures are decoded and
// counted. level is what it logs.
func (b bench) terminal(url string, args ...string) *lab.Process {
	b.Helper()
	return b.start(lab.Command{
		Name: "shadow-terminal", Path: b.Terminal, Env: []string{"SDL_AUDIODRIVER=dummy"},
		Args: append([]string{"connect", url, "--json", "--display", "none", "--state-dir", b.TempDir()}, args...),
	})
}

// end asks shadow-terminal to end and returns its summary.
func (b bench) end(p *lab.Process) *lab.TerminalSummary {
	b.Helper()
	code, err := p.Stop()
	b.ok(err)
	if code != 0 {
		b.Fatalf("shadow-terminal's exit status after SIGINT = %d; want 0 (stderr: %s)", code, p.Stderr())
	}
	var s lab.TerminalSummary
	b.ok(p.Summary(&s))
	return &s
}

// endHost asks shadow-host to end and returns its summary.
func (b bench) endHost(h *lab.Host) *lab.HostSummary {
	b.Helper()
	code, err := h.Stop()
	b.ok(err)
	if code != 0 {
		b.Fatalf("shadow-host's exit status after SIGINT = %d; want 0 (stderr: %s)", code, h.Stderr())
	}
	var s lab.HostSummary
	b.ok(h.Summary(&s))
	return &s
}

// onEnd kills a program at the test's end, and shows what it said if the test
// has failed.
func (b bench) onEnd(name string, p *lab.Process) {
	b.Cleanup(func() {
		_ = p.Kill()
		if b.Failed() {
			b.Logf("%s said:\n%s", name, tail(quiet(p.Stderr()), 8000))
		}
	})
}

// keep leaves a file of what a test saw, below build/pictures.
func (b bench) keep(name string, content []byte) {
	b.Helper()
	path := filepath.Join("..", "..", "..", "build", "pictures", name)
	b.ok(errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o644)))
}

// quiet leaves out what Chromium says on every machine without a desktop.
func quiet(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "dbus") && !strings.Contains(line, "ALSA") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// tail is the end of what a program said.
func tail(text string, n int) string { return text[max(0, len(text)-n):] }

// errNotYet is for waits with nothing to tell.
var errNotYet = errors.New("not yet")
