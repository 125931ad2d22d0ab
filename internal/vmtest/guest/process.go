//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/vmtest/link"
)

// processes starts processes for the host and is the only one that waits for
// children, because as the first process it inherits everybody's.
type processes struct {
	mu      sync.Mutex
	waiting map[int]chan unix.WaitStatus // by pid, each of capacity 1
}

func newProcesses() *processes {
	return &processes{waiting: make(map[int]chan unix.WaitStatus)}
}

// reap waits for all children, forever.
func (p *processes) reap() {
	died := make(chan os.Signal, 1)
	signal.Notify(died, unix.SIGCHLD)
	for range died {
		for p.reapOne() {
		}
	}
}

// reapOne reports whether there was a dead child. The lock is held from the
// wait to the look-up, so that a pid cannot be another's in between.
func (p *processes) reapOne() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	var status unix.WaitStatus
	pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
	if err != nil || pid <= 0 {
		return errors.Is(err, unix.EINTR)
	}
	if waiter, ok := p.waiting[pid]; ok {
		delete(p.waiting, pid)
		waiter <- status
	}
	return true
}

// child is a started process and this side of its standard files.
type child struct {
	pid            int
	stdin          *os.File
	stdout, stderr *os.File
	ended          chan unix.WaitStatus
}

// start starts what the host asks for, in a process group of its own.
func (p *processes) start(s link.Start) (*child, error) {
	if len(s.Args) == 0 {
		return nil, errors.New("no program named")
	}
	path, err := lookUp(s.Args[0], s.Env)
	if err != nil {
		return nil, err
	}
	var c child
	var theirs [3]*os.File
	defer closeAll(theirs[:])
	if theirs[0], c.stdin, err = os.Pipe(); err == nil {
		if c.stdout, theirs[1], err = os.Pipe(); err == nil {
			c.stderr, theirs[2], err = os.Pipe()
		}
	}
	if err != nil {
		c.close()
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	process, err := os.StartProcess(path, s.Args, &os.ProcAttr{
		Dir: s.Dir, Env: s.Env, Files: theirs[:], Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		c.close()
		return nil, err
	}
	c.pid = process.Pid
	c.ended = make(chan unix.WaitStatus, 1)
	p.waiting[c.pid] = c.ended
	return &c, process.Release() // reap waits for it
}

func (c *child) close() { closeAll([]*os.File{c.stdin, c.stdout, c.stderr}) }

func closeAll(files []*os.File) {
	for _, file := range files {
		if file != nil {
			_ = file.Close()
		}
	}
}

// lookUp finds a program in the PATH of the environment that it will have.
func lookUp(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, setting := range env {
		list, ok := strings.CutPrefix(setting, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return path, nil
			}
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}

// serve runs one process for the length of a request. A request that goes
// away takes the process group with it.
func (p *processes) serve(w http.ResponseWriter, r *http.Request) {
	in := link.NewReader(r.Body)
	out := link.NewWriter(w, http.NewResponseController(w).Flush)
	start, err := readStart(in)
	var c *child
	if err == nil {
		c, err = p.start(start)
	}
	if err != nil {
		_ = out.WriteJSON(link.KindExit, link.Exit{Error: err.Error()})
		return
	}
	defer c.close()
	defer endWith(r, c.pid)()
	_ = out.Write(link.KindStarted, strconv.AppendInt(nil, int64(c.pid), 10))
	go c.feed(in)
	var copies sync.WaitGroup
	copies.Go(func() { c.copy(out, link.KindStdout, c.stdout) })
	copies.Go(func() { c.copy(out, link.KindStderr, c.stderr) })
	status := <-c.ended
	// What it wrote is in the pipes. Whoever inherited them may hold them open.
	_ = c.stdout.SetReadDeadline(time.Now())
	_ = c.stderr.SetReadDeadline(time.Now())
	copies.Wait()
	exit := link.Exit{Code: status.ExitStatus()}
	if status.Signaled() {
		exit = link.Exit{Signal: int(status.Signal())}
	}
	_ = out.WriteJSON(link.KindExit, exit)
}

// signal sends a signal to the group of a process that was started here and
// has not been waited for.
func (p *processes) signal(w http.ResponseWriter, r *http.Request) {
	answer(w, func() error {
		pid, err := strconv.Atoi(r.URL.Query().Get("pid"))
		if err != nil {
			return err
		}
		number, err := strconv.Atoi(r.URL.Query().Get("signal"))
		if err != nil {
			return err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if _, ok := p.waiting[pid]; !ok {
			return os.ErrProcessDone
		}
		return unix.Kill(-pid, unix.Signal(number))
	}())
}

// endWith ends the process group when the request ends before the process.
// The returned function ends the watch.
func endWith(r *http.Request, pid int) (end func()) {
	ended := make(chan struct{})
	go func() {
		select {
		case <-r.Context().Done():
			_ = unix.Kill(-pid, unix.SIGKILL)
		case <-ended:
		}
	}()
	return func() { close(ended) }
}

func readStart(in *link.Reader) (link.Start, error) {
	var start link.Start
	kind, payload, err := in.Next()
	if err != nil {
		return start, err
	}
	if kind != link.KindStart {
		return start, fmt.Errorf("first record is of kind %d", kind)
	}
	return start, json.Unmarshal(payload, &start)
}

// feed passes the standard input on until the host ends it. A process that
// does not read holds up only its own stream.
func (c *child) feed(in *link.Reader) {
	for {
		kind, payload, err := in.Next()
		if err != nil {
			_ = c.stdin.Close()
			return
		}
		if kind == link.KindStdin {
			_, _ = c.stdin.Write(payload) // it may have closed its end
		}
	}
}

// copy sends what the process writes, until it and all who inherited the file
// have closed it, or, after the process ended, until the pipe is empty.
func (c *child) copy(out *link.Writer, kind link.Kind, from *os.File) {
	buf := make([]byte, 32<<10)
	send := func(n int) bool { return n <= 0 || out.Write(kind, buf[:n]) == nil }
	for {
		n, err := from.Read(buf)
		if !send(n) {
			return
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			drain(from, buf, send)
			return
		}
		if err != nil {
			return
		}
	}
}

// drain reads what is in a pipe without waiting for more.
func drain(from *os.File, buf []byte, send func(int) bool) {
	raw, err := from.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		for {
			n, err := unix.Read(int(fd), buf)
			if err != nil || n <= 0 || !send(n) {
				return
			}
		}
	})
}
