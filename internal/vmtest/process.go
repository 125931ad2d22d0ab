package vmtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/blade-shadow/terminal/internal/vmtest/link"
)

// newClient speaks to the guest over its one connection, which it owns.
func newClient(conn net.Conn) *http.Client {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	only := make(chan net.Conn, 1)
	only <- conn
	return &http.Client{Transport: &http.Transport{
		Protocols:          &protocols,
		DisableCompression: true,
		HTTP2:              &http.HTTP2Config{MaxReceiveBufferPerConnection: 4 << 20, MaxReceiveBufferPerStream: 1 << 20},
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			select {
			case conn := <-only:
				return conn, nil
			default:
				return nil, errGone
			}
		},
	}}
}

// request asks the guest's first process. A response that is no success is an
// error with its text. The caller closes the body.
func (vm *VM) request(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://guest"+path+"?"+query.Encode(), body)
	if err != nil {
		return nil, err
	}
	response, err := vm.client.Do(request)
	if err != nil {
		if ctx.Err() == nil {
			err = errors.Join(vm.gone(), err)
		}
		return nil, err
	}
	if response.StatusCode < 300 {
		return response, nil
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 4096)) // as much of the reason as came
	reason := errors.New(strings.TrimSpace(string(text)))
	if response.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("%w (%w)", reason, os.ErrNotExist)
	}
	return nil, reason
}

// Command is a program to run in the guest.
type Command struct {
	Args []string
	// Env is added to a small environment of the guest's own: PATH, HOME and
	// such; nothing of this process's is handed on but PATH.
	Env   []string
	Dir   string    // "": the source tree, or / in an image
	Stdin io.Reader // nil: empty
	// Stdout and Stderr get the output as it comes, if not nil.
	Stdout, Stderr io.Writer
}

// Process is a program that was started in the guest, in a process group of
// its own. It is killed when the context that started it ends. All its output
// is kept in memory.
type Process struct {
	vm      *VM
	command Command
	pid     int
	ended   chan struct{} // closed when err is set

	mu             sync.Mutex // guards below
	stdout, stderr bytes.Buffer
	err            error
}

// ExitError is the end of a process that was not a success.
type ExitError struct {
	Program string
	Code    int            // the exit status, where Signal is 0
	Signal  syscall.Signal // that ended it
	Stderr  string         // the end of what it said
}

func (e *ExitError) Error() string {
	text := fmt.Sprintf("%s: exit status %d", e.Program, e.Code)
	if e.Signal != 0 {
		text = fmt.Sprintf("%s: signal %d (%v)", e.Program, int(e.Signal), e.Signal)
	}
	if e.Stderr != "" {
		text += ": " + e.Stderr
	}
	return text
}

// Command starts a program in the guest and returns when it runs.
func (vm *VM) Command(ctx context.Context, c Command) (*Process, error) {
	if len(c.Args) == 0 {
		return nil, errors.New("start in the guest: no program named")
	}
	fail := func(err error) error { return fmt.Errorf("start %s in the guest: %w", c.Args[0], err) }
	ctx, cancel := context.WithCancel(ctx)
	body, toGuest := io.Pipe()
	// HTTP/2 does not look at the context while it reads a request's body.
	context.AfterFunc(ctx, func() { _ = body.CloseWithError(ctx.Err()) })
	go vm.feed(toGuest, c)
	response, err := vm.request(ctx, http.MethodPost, link.ProcessPath, nil, body)
	if err != nil {
		cancel()
		return nil, fail(err)
	}
	p := &Process{vm: vm, command: c, ended: make(chan struct{})}
	records := link.NewReader(response.Body)
	if err := p.begin(records); err != nil {
		cancel()
		_ = response.Body.Close()
		return nil, fail(err)
	}
	go func() {
		defer cancel()
		defer response.Body.Close()
		p.follow(ctx, records)
	}()
	return p, nil
}

// feed sends the request and the standard input, until that ends or the
// pipe's other end is closed.
func (vm *VM) feed(toGuest *io.PipeWriter, c Command) {
	defer toGuest.Close()
	out := link.NewWriter(toGuest, nil)
	start := link.Start{Args: c.Args, Dir: c.Dir, Env: append(vm.environment(), c.Env...)}
	if start.Dir == "" {
		start.Dir = vm.tree
		if vm.cfg.Image != "" {
			start.Dir = "/"
		}
	}
	if out.WriteJSON(link.KindStart, start) != nil {
		return
	}
	if c.Stdin == nil {
		return
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := c.Stdin.Read(buf)
		if n > 0 && out.Write(link.KindStdin, buf[:n]) != nil {
			return
		}
		if err != nil {
			return
		}
	}
}

// environment is what every process in the guest has.
func (vm *VM) environment() []string {
	path := os.Getenv("PATH")
	if vm.cfg.Image != "" {
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	}
	return []string{
		"PATH=" + path, "HOME=/root", "USER=root", "LOGNAME=root", "LANG=C.UTF-8", "TERM=dumb", "TMPDIR=/tmp",
		// Mesa 22.3 changes red and blue in parts of what llvmpipe draws with
		// a simple shader, unless its shortcut for such shaders is off.
		"LP_PERF=no_rast_linear",
	}
}

// begin reads the guest's first answer.
func (p *Process) begin(records *link.Reader) error {
	kind, payload, err := records.Next()
	if err != nil {
		return errors.Join(p.vm.gone(), err)
	}
	switch kind {
	case link.KindStarted:
		p.pid, err = strconv.Atoi(string(payload))
		return err
	case link.KindExit:
		var exit link.Exit
		if err := json.Unmarshal(payload, &exit); err != nil {
			return err
		}
		return errors.New(exit.Error)
	default:
		return fmt.Errorf("the guest answers with a record of kind %d", kind)
	}
}

// follow reads the process's output until its end.
func (p *Process) follow(ctx context.Context, records *link.Reader) {
	var err error
	for {
		kind, payload, next := records.Next()
		if next != nil {
			err = errors.Join(ctx.Err(), next)
			if ctx.Err() == nil {
				err = errors.Join(p.vm.gone(), next)
			}
			break
		}
		if kind == link.KindExit {
			err = p.exitError(payload)
			break
		}
		p.output(kind, payload)
	}
	p.mu.Lock()
	p.err = err
	p.mu.Unlock()
	close(p.ended)
}

// output keeps and passes on what the process wrote.
func (p *Process) output(kind link.Kind, data []byte) {
	kept, live := &p.stdout, p.command.Stdout
	switch kind {
	case link.KindStdout:
	case link.KindStderr:
		kept, live = &p.stderr, p.command.Stderr
	default:
		return
	}
	p.mu.Lock()
	kept.Write(data)
	p.mu.Unlock()
	if live != nil {
		_, _ = live.Write(data) // the reader's trouble must not end the process
	}
}

func (p *Process) exitError(payload []byte) error {
	var exit link.Exit
	if err := json.Unmarshal(payload, &exit); err != nil {
		return err
	}
	if exit == (link.Exit{}) {
		return nil
	}
	said := strings.TrimSpace(string(p.Stderr()))
	return &ExitError{
		Program: p.command.Args[0], Code: exit.Code, Signal: syscall.Signal(exit.Signal), Stderr: said[max(0, len(said)-1000):],
	}
}

// PID is the process's number in the guest, and its group's.
func (p *Process) PID() int { return p.pid }

// Wait returns when the process has ended and its output is complete: nil for
// exit status 0, an [ExitError], or the reason why its end is not known.
func (p *Process) Wait() error {
	<-p.ended
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Ended is closed when Wait returns at once.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Signal sends a signal to the process's group. [os.ErrProcessDone]'s text is
// in the error when there is none any more.
func (p *Process) Signal(signal syscall.Signal) error {
	ctx, cancel := p.vm.patience()
	defer cancel()
	query := url.Values{"pid": {strconv.Itoa(p.pid)}, "signal": {strconv.Itoa(int(signal))}}
	return p.vm.put(ctx, link.SignalPath, query, nil)
}

// Stdout is what the process has written so far; the copy is the caller's.
func (p *Process) Stdout() []byte { return p.copyOf(&p.stdout) }

// Stderr is [Process.Stdout] for the other output.
func (p *Process) Stderr() []byte { return p.copyOf(&p.stderr) }

func (p *Process) copyOf(kept *bytes.Buffer) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Clone(kept.Bytes())
}

// Run runs a program in the guest and returns both outputs, as they came.
func (vm *VM) Run(ctx context.Context, args ...string) ([]byte, error) {
	var both bytes.Buffer // written by one goroutine, which ends before Wait returns
	process, err := vm.Command(ctx, Command{Args: args, Stdout: &both, Stderr: &both})
	if err != nil {
		return nil, err
	}
	err = process.Wait()
	return both.Bytes(), err
}

// patience is a context for one step that is not the caller's to bound.
func (vm *VM) patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

// put is a request with neither query nor answer worth reading.
func (vm *VM) put(ctx context.Context, path string, query url.Values, body io.Reader) error {
	response, err := vm.request(ctx, http.MethodPut, path, query, body)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// setClock sets the guest's clock to this machine's, to the millisecond or so.
func (vm *VM) setClock(ctx context.Context) error {
	now := strconv.FormatInt(time.Now().UnixNano(), 10)
	if err := vm.put(ctx, link.ClockPath, nil, strings.NewReader(now)); err != nil {
		return fmt.Errorf("set the guest's clock: %w", err)
	}
	return nil
}

// SetClock sets the guest's wall clock.
func (vm *VM) SetClock(to time.Time) error {
	ctx, cancel := vm.patience()
	defer cancel()
	return vm.put(ctx, link.ClockPath, nil, strings.NewReader(strconv.FormatInt(to.UnixNano(), 10)))
}

// WriteFile writes a file in the guest.
func (vm *VM) WriteFile(path string, data []byte, mode os.FileMode) error {
	ctx, cancel := vm.patience()
	defer cancel()
	query := url.Values{"path": {path}, "mode": {strconv.FormatUint(uint64(mode.Perm()), 8)}}
	if err := vm.put(ctx, link.FilePath, query, bytes.NewReader(data)); err != nil {
		return fmt.Errorf("write in the guest: %w", err)
	}
	return nil
}

// ReadFile reads a file of the guest, one of the kernel's included. An absent
// one is [os.ErrNotExist].
func (vm *VM) ReadFile(path string) ([]byte, error) {
	ctx, cancel := vm.patience()
	defer cancel()
	response, err := vm.request(ctx, http.MethodGet, link.FilePath, url.Values{"path": {path}}, nil)
	if err != nil {
		return nil, fmt.Errorf("read in the guest: %w", err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("read %s in the guest: %w", path, err)
	}
	return data, nil
}
