package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// stopGrace is how long a program that was asked to end may take before it is
// killed.
const stopGrace = 5 * time.Second

// Command says what to start.
type Command struct {
	Name  string     // for messages; default: Path
	Path  string     // a path, or a name looked up in PATH
	Args  []string   //
	Env   []string   // KEY=value, over this process's environment; "KEY=" empties
	Dir   string     // default: this process's
	Stdin *os.File   // nil: nothing to read
	Files []*os.File // descriptors 3 and up of the program
	Log   io.Writer  // also gets standard error as it comes; may be nil
}

// Process is a running program, with what it has printed.
type Process struct {
	name   string
	cmd    *exec.Cmd
	stdout *transcript
	stderr *transcript
	done   chan struct{} // closed once the program is reaped
	code   int           // exit status, valid after done; -1 after a signal
}

// Start starts a program. It is killed when ctx ends.
func Start(ctx context.Context, c Command) (*Process, error) {
	if c.Name == "" {
		c.Name = c.Path
	}
	p := &Process{name: c.Name, stdout: newTranscript(nil), stderr: newTranscript(c.Log), done: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, c.Path, c.Args...)
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.Dir = c.Dir
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	if c.Stdin != nil {
		p.cmd.Stdin = c.Stdin
	}
	p.cmd.ExtraFiles = c.Files
	// A group of its own: what it starts itself is killed with it, and a
	// Ctrl-C at the keyboard reaches only us.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.cmd.Cancel = p.killGroup
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	go p.reap()
	return p, nil
}

// reap waits for the program's end. The error of Wait says no more than the
// exit status does.
func (p *Process) reap() {
	_ = p.cmd.Wait()
	p.code = p.cmd.ProcessState.ExitCode()
	p.stdout.close()
	p.stderr.close()
	close(p.done)
}

func (p *Process) killGroup() error {
	err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// PID returns the program's process number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stdout returns what the program has printed so far.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr returns what the program has complained about so far.
func (p *Process) Stderr() string { return p.stderr.String() }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// WaitLine waits until standard error has a complete line that contains text,
// and returns the first such. It gives up when the program or ctx ends.
func (p *Process) WaitLine(ctx context.Context, text string) (string, error) {
	for {
		changed := p.stderr.changed()
		if line, ok := findLine(p.stderr.String(), text); ok {
			return line, nil
		}
		select {
		case <-changed:
		case <-p.done:
			if line, ok := findLine(p.stderr.String(), text); ok {
				return line, nil
			}
			return "", fmt.Errorf("wait for %q from %s: it ended with status %d: %s", text, p.name, p.code, lastLines(p.Stderr(), 5))
		case <-ctx.Done():
			return "", fmt.Errorf("wait for %q from %s: %w (its last lines: %s)", text, p.name, ctx.Err(), lastLines(p.Stderr(), 5))
		}
	}
}

// Wait waits for the program's end and returns its exit status, -1 when a
// signal ended it. The error is ctx's.
func (p *Process) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.done:
		return p.code, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for the end of %s: %w (its last lines: %s)", p.name, ctx.Err(), lastLines(p.Stderr(), 5))
	}
}

// Stop asks the program to end (SIGINT), kills it if it does not within a few
// seconds, and returns its exit status. What it left behind is killed too.
func (p *Process) Stop() (int, error) {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, fmt.Errorf("interrupt %s: %w", p.name, err)
	}
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case <-p.done:
		return p.code, p.Kill()
	case <-grace.C:
		late := fmt.Errorf("stop %s: it did not end within %v of SIGINT (its last lines: %s)", p.name, stopGrace, lastLines(p.Stderr(), 5))
		return -1, errors.Join(late, p.Kill())
	}
}

// Kill ends the program and all it started at once (SIGKILL), and returns when
// it is gone. On a program that has ended it only kills what that left behind.
func (p *Process) Kill() error {
	err := p.killGroup()
	<-p.done
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	return nil
}

// findLine returns the first complete line of text that contains part.
func findLine(text, part string) (string, bool) {
	for line := range strings.Lines(text) {
		if strings.HasSuffix(line, "\n") && strings.Contains(line, part) {
			return strings.TrimRight(line, "\n"), true
		}
	}
	return "", false
}

// lastLines returns the end of text on one line, for an error message.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}
