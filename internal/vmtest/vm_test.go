package vmtest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/needs"
	"github.com/blade-shadow/terminal/internal/vmtest"
)

// patience bounds each wait, for a busy machine.
const patience = 30 * time.Second

// TestVirtualTerminal is one boot for everything that a machine can do.
func TestVirtualTerminal(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Config{HotPlug: true})
	t.Logf("Linux %s, up %v after its start", vm.Kernel(), vm.BootTime())
	for _, part := range []struct {
		name string
		test func(*testing.T, *vmtest.VM)
	}{
		{"process", testProcess},
		{"signal", testSignal},
		{"orphans", testOrphans},
		{"files", testFiles},
		{"clock", testClock},
		{"screens", testScreens},
		{"keyboard", testKeyboard},
		{"pointers", testPointers},
		{"plug", testPlug},
		{"storage", testStorage},
		{"outputs", testOutputs},
		{"cursor", testCursor},
		{"network", testNetwork},
		{"tests", testTests},
		{"failed tests", testFailedTests},
		{"panic", testPanic}, // the last: it ends the machine
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(t, vm) }) {
			select {
			case <-vm.Done():
				t.Fatal("the machine has ended")
			default:
			}
		}
	}
}

// bounded is a context for one wait.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// output runs a program in the guest that must succeed.
func output(t *testing.T, vm *vmtest.VM, args ...string) string {
	t.Helper()
	out, err := vm.Run(bounded(t), args...)
	if err != nil {
		t.Fatalf("Run(%q) = %v\n%s", args, err, out)
	}
	return string(out)
}

// eventually waits for a condition in the guest.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	late := time.After(patience)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-late:
			t.Fatalf("%s: not in %v", what, patience)
		case <-again.C:
		}
	}
}

// listener is a process's output, to wait for what it says.
type listener struct {
	mu   sync.Mutex
	said bytes.Buffer
	more chan struct{} // of capacity 1
}

func newListener() *listener { return &listener{more: make(chan struct{}, 1)} }

func (l *listener) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
	return l.said.Write(data)
}

// wait returns all that was said when it satisfies a condition.
func (l *listener) wait(t *testing.T, what string, holds func([]byte) bool) []byte {
	t.Helper()
	ctx := bounded(t)
	for {
		l.mu.Lock()
		said := bytes.Clone(l.said.Bytes())
		l.mu.Unlock()
		if holds(said) {
			return said
		}
		select {
		case <-l.more:
		case <-ctx.Done():
			t.Fatalf("%s: not in %v; said %q", what, patience, said)
		}
	}
}

// says is a condition for wait.
func says(text string) func([]byte) bool {
	return func(said []byte) bool { return bytes.Contains(said, []byte(text)) }
}

// start starts a program and waits until it says something.
func start(t *testing.T, vm *vmtest.VM, until string, args ...string) (*vmtest.Process, *listener) {
	t.Helper()
	l := newListener()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	process, err := vm.Command(ctx, vmtest.Command{Args: args, Stdout: l, Stderr: l})
	if err != nil {
		t.Fatal(err)
	}
	l.wait(t, fmt.Sprintf("%q says %q", args, until), says(until))
	return process, l
}

func testProcess(t *testing.T, vm *vmtest.VM) {
	stdin := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB, four times a pipe's and a stream's room
	process, err := vm.Command(bounded(t), vmtest.Command{
		Args: []string{"sh", "-c", `cat; echo "$COLOUR in $PWD" >&2; exit 7`},
		Env:  []string{"COLOUR=blue"}, Dir: "/usr/share", Stdin: bytes.NewReader(stdin),
	})
	if err != nil {
		t.Fatal(err)
	}
	var exit *vmtest.ExitError
	if err := process.Wait(); !errors.As(err, &exit) || exit.Code != 7 || exit.Signal != 0 {
		t.Errorf("Wait() = %v; want exit status 7", err)
	}
	if got := process.Stdout(); !bytes.Equal(got, stdin) {
		t.Errorf("Stdout() = %d bytes; want the %d of stdin", len(got), len(stdin))
	}
	if got, want := string(process.Stderr()), "blue in /usr/share\n"; got != want {
		t.Errorf("Stderr() = %q; want %q", got, want)
	}
	if _, err := vm.Run(bounded(t), "no-such-program"); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("Run(no-such-program) = %v; want not found", err)
	}
	if got := output(t, vm, "uname", "-n"); got != "virtual-terminal\n" {
		t.Errorf("uname -n = %q; want virtual-terminal", got)
	}
}

func testSignal(t *testing.T, vm *vmtest.VM) {
	process, _ := start(t, vm, "ready", "sh", "-c", `trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.05; done`)
	if err := process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var exit *vmtest.ExitError
	if err := process.Wait(); !errors.As(err, &exit) || exit.Code != 3 {
		t.Errorf("Wait() after SIGTERM = %v; want exit status 3", err)
	}
	if err := process.Signal(syscall.SIGTERM); err == nil {
		t.Error("Signal after the end = nil; want an error")
	}
	process, _ = start(t, vm, "ready", "sh", "-c", "echo ready; exec sleep 1000")
	if err := process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := process.Wait(); !errors.As(err, &exit) || exit.Signal != syscall.SIGKILL {
		t.Errorf("Wait() after SIGKILL = %v; want signal 9", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	process, err := vm.Command(ctx, vmtest.Command{Args: []string{"sleep", "1000"}})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := process.Wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait() after cancel = %v; want context.Canceled", err)
	}
	eventually(t, "a process whose context has ended is killed", func() bool {
		_, err := vm.ReadFile(fmt.Sprintf("/proc/%d/stat", process.PID()))
		return errors.Is(err, os.ErrNotExist)
	})
}

// testOrphans leaves processes behind: one that holds the output open must not
// hold up the end, and the dead are reaped.
func testOrphans(t *testing.T, vm *vmtest.VM) {
	begun := time.Now()
	out := output(t, vm, "sh", "-c", `sleep 1000 & echo $!; (sh -c 'exit 0' &) ; echo end`)
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("a child that holds stdout kept the process for %v", took)
	}
	pid, rest, _ := strings.Cut(out, "\n")
	if rest != "end\n" {
		t.Errorf("stdout = %q; want it complete", out)
	}
	output(t, vm, "kill", "-9", pid)
	eventually(t, "no child of the first process is dead", func() bool {
		return !strings.Contains(output(t, vm, "sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null; true"), ") Z ")
	})
}

func testFiles(t *testing.T, vm *vmtest.VM) {
	want := bytes.Repeat([]byte{0, 1, 2, 0xff, '\n'}, 1<<20)
	if err := vm.WriteFile("/tmp/written", want, 0o750); err != nil {
		t.Fatal(err)
	}
	got, err := vm.ReadFile("/tmp/written")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("ReadFile = %d bytes, %v; want the %d written", len(got), err, len(want))
	}
	if got := output(t, vm, "stat", "-c", "%a", "/tmp/written"); got != "750\n" {
		t.Errorf("mode = %q; want 750", got)
	}
	if _, err := vm.ReadFile("/tmp/absent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("ReadFile(absent) = %v; want os.ErrNotExist", err)
	}
	if version, err := vm.ReadFile("/proc/version"); err != nil || !bytes.Contains(version, []byte(vm.Kernel())) {
		t.Errorf("ReadFile(/proc/version) = %q, %v; want %s", version, err, vm.Kernel())
	}
	// The layer in memory: what the guest writes stays in the guest.
	tree, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	output(t, vm, "sh", "-c", "echo changed > "+filepath.Join(tree, "doc.go"))
	if data, err := os.ReadFile("doc.go"); err != nil || string(data) == "changed\n" {
		t.Errorf("doc.go on the host after a write in the guest: %v, %.20q", err, data)
	}
}

func testClock(t *testing.T, vm *vmtest.VM) {
	var guest float64
	before := time.Now()
	if _, err := fmt.Sscan(output(t, vm, "date", "+%s.%N"), &guest); err != nil {
		t.Fatal(err)
	}
	after := time.Now()
	at := time.UnixMicro(int64(guest * 1e6))
	if at.Before(before.Add(-time.Second)) || at.After(after.Add(time.Second)) {
		t.Errorf("guest's clock = %v; want between %v and %v", at, before, after)
	}
	want := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := vm.SetClock(want); err != nil {
		t.Fatal(err)
	}
	if got := output(t, vm, "date", "-u", "+%F %H"); got != "2031-02-03 04\n" {
		t.Errorf("date after SetClock = %q; want 2031-02-03 04", got)
	}
	if err := vm.SetClock(time.Now()); err != nil {
		t.Error(err)
	}
}

// lit counts the pixels of a picture that are not black.
func lit(picture *image.NRGBA) int {
	count := 0
	for i := 0; i < len(picture.Pix); i += 4 {
		if picture.Pix[i]|picture.Pix[i+1]|picture.Pix[i+2] != 0 {
			count++
		}
	}
	return count
}

// screenshot takes a picture and checks its size.
func screenshot(t *testing.T, vm *vmtest.VM, output int, size image.Point) *image.NRGBA {
	t.Helper()
	picture, err := vm.Screenshot(output)
	if err != nil {
		t.Fatal(err)
	}
	if got := picture.Bounds().Size(); got != size {
		t.Fatalf("Screenshot(%d) is %v; want %v", output, got, size)
	}
	return picture
}

// testScreens writes on the kernel's text console, which is on both outputs.
func testScreens(t *testing.T, vm *vmtest.VM) {
	size := image.Pt(1280, 720)
	output(t, vm, "sh", "-c", `printf '\033[2J\033[H' >/dev/tty1`)
	eventually(t, "a cleared console is black", func() bool { return lit(screenshot(t, vm, 0, size)) == 0 })
	output(t, vm, "sh", "-c", `printf 'Shadow Terminal\n\033[41m   red   ' >/dev/tty1`)
	for head := range 2 {
		eventually(t, fmt.Sprintf("text on output %d", head), func() bool { return lit(screenshot(t, vm, head, size)) > 500 })
		keepPicture(t, fmt.Sprintf("vm-console-%d.png", head+1), screenshot(t, vm, head, size))
	}
	// The console's red, to see that red is not blue.
	eventually(t, "a red field", func() bool {
		at := screenshot(t, vm, 1, size).NRGBAAt(4, 24)
		return at.R > 0x80 && at.G < 0x10 && at.B < 0x10
	})
	if _, err := vm.Screenshot(7); err == nil {
		t.Error("Screenshot(7) = nil; want an error")
	}
}

// keepPicture leaves a picture in build/pictures.
func keepPicture(t *testing.T, name string, picture image.Image) {
	t.Helper()
	dir := filepath.Join("..", "..", "build", "pictures")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var data bytes.Buffer
	if err := png.Encode(&data, picture); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), data.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// inputNode is the event node of the input device with a name.
func inputNode(t *testing.T, vm *vmtest.VM, name string) string {
	t.Helper()
	nodes := inputNodes(t, vm, name)
	if len(nodes) == 0 {
		t.Fatalf("no input device %q", name)
	}
	return nodes[0]
}

func inputNodes(t *testing.T, vm *vmtest.VM, name string) []string {
	t.Helper()
	var nodes []string
	listing := output(t, vm, "sh", "-c", `for e in /sys/class/input/event*; do echo "${e##*/} $(cat $e/device/name)"; done; true`)
	for line := range strings.Lines(listing) {
		node, found, _ := strings.Cut(strings.TrimSpace(line), " ")
		if found == name {
			nodes = append(nodes, "/dev/input/"+node)
		}
	}
	return nodes
}

// event is one of the kernel's input events, without its time.
type event struct {
	Type, Code uint16
	Value      int32
}

// Event types and codes (linux/input-event-codes.h).
const (
	evSyn, evKey, evRel, evAbs                 = 0, 1, 2, 3
	relX, relY, relWheel, absX, absY           = 0, 1, 8, 0, 1
	keyA, keyB, keyLeftShift, key1, buttonLeft = 30, 48, 42, 2, 0x110
)

// watchInput begins to read a device; the function returns the events of some
// types when there are enough.
func watchInput(t *testing.T, vm *vmtest.VM, node string, types ...uint16) func(count int) []event {
	t.Helper()
	_, l := start(t, vm, "ready\n", "sh", "-c", "exec 3<"+node+"; echo ready; exec cat <&3")
	parse := func(said []byte) []event {
		var events []event
		said = bytes.TrimPrefix(said, []byte("ready\n"))
		for ; len(said) >= 24; said = said[24:] {
			e := event{binary.LittleEndian.Uint16(said[16:]), binary.LittleEndian.Uint16(said[18:]), int32(binary.LittleEndian.Uint32(said[20:]))}
			if slices.Contains(types, e.Type) {
				events = append(events, e)
			}
		}
		return events
	}
	return func(count int) []event {
		t.Helper()
		return parse(l.wait(t, fmt.Sprintf("%d events of %s", count, node), func(said []byte) bool { return len(parse(said)) >= count }))
	}
}

func testKeyboard(t *testing.T, vm *vmtest.VM) {
	events := watchInput(t, vm, inputNode(t, vm, "QEMU QEMU USB Keyboard"), evKey)
	if err := vm.Type("aB!"); err != nil {
		t.Fatal(err)
	}
	want := []event{
		{evKey, keyA, 1},
		{evKey, keyA, 0},
		{evKey, keyLeftShift, 1},
		{evKey, keyB, 1},
		{evKey, keyB, 0},
		{evKey, keyLeftShift, 0},
		{evKey, keyLeftShift, 1},
		{evKey, key1, 1},
		{evKey, key1, 0},
		{evKey, keyLeftShift, 0},
	}
	if got := events(len(want)); !slices.Equal(got, want) {
		t.Errorf("Type(aB!) gives %v; want %v", got, want)
	}
	if err := vm.Key("no-such-key"); err == nil {
		t.Error("Key(no-such-key) = nil; want an error")
	}
}

func testPointers(t *testing.T, vm *vmtest.VM) {
	mouse := watchInput(t, vm, inputNode(t, vm, "QEMU QEMU USB Mouse"), evRel, evKey)
	tablet := watchInput(t, vm, inputNode(t, vm, "QEMU QEMU USB Tablet"), evAbs)
	for _, err := range []error{vm.Move(5, -3), vm.MoveTo(1000, 20000)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got, want := mouse(2)[:2], []event{{evRel, relX, 5}, {evRel, relY, -3}}; !slices.Equal(got, want) {
		t.Errorf("Move(5, -3) gives %v; want %v", got, want)
	}
	buttons := watchInput(t, vm, inputNode(t, vm, "QEMU QEMU USB Tablet"), evRel, evKey)
	for _, err := range []error{vm.Button(vmtest.ButtonLeft, true), vm.Button(vmtest.ButtonLeft, false), vm.Wheel(1)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []event{{evKey, buttonLeft, 1}, {evKey, buttonLeft, 0}, {evRel, relWheel, 1}}
	if got := buttons(3)[:3]; !slices.Equal(got, want) {
		t.Errorf("Button and Wheel give %v; want %v", got, want)
	}
	if got, want := tablet(2)[:2], []event{{evAbs, absX, 1000}, {evAbs, absY, 20000}}; !slices.Equal(got, want) {
		t.Errorf("MoveTo(1000, 20000) gives %v; want %v", got, want)
	}
}

func testPlug(t *testing.T, vm *vmtest.VM) {
	const name = "QEMU QEMU USB Mouse"
	before := len(inputNodes(t, vm, name))
	if err := vm.Plug(vmtest.USBMouse("second")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second mouse is there", func() bool { return len(inputNodes(t, vm, name)) == before+1 })
	if err := vm.Plug(vmtest.USBMouse("second")); err == nil {
		t.Error("Plug of an id in use = nil; want an error")
	}
	nodes := inputNodes(t, vm, name)
	events := watchInput(t, vm, nodes[len(nodes)-1], evRel)
	if err := vm.Move(9, 0); err != nil {
		t.Fatal(err)
	}
	if got := events(1)[0]; got != (event{evRel, relX, 9}) {
		t.Errorf("Move(9, 0) gives %v on the new mouse; want REL_X 9", got)
	}
	if err := vm.Unplug("second"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second mouse is gone", func() bool { return len(inputNodes(t, vm, name)) == before })
	if err := vm.Unplug("second"); err == nil {
		t.Error("Unplug of what is not there = nil; want an error")
	}
}

func testStorage(t *testing.T, vm *vmtest.VM) {
	stick := filepath.Join(t.TempDir(), "stick,with comma.img")
	content := make([]byte, 1<<20)
	copy(content, "written before")
	if err := os.WriteFile(stick, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := vm.Plug(vmtest.USBStorage("stick", stick)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the stick is there", func() bool {
		out, err := vm.Run(bounded(t), "head", "-c", "14", "/dev/sda")
		return err == nil && string(out) == "written before"
	})
	output(t, vm, "sh", "-c", "printf 'written inside' | dd of=/dev/sda bs=512 conv=sync,fsync 2>&1")
	if err := vm.Unplug("stick"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(stick)
	if err != nil || !bytes.HasPrefix(got, []byte("written inside\x00")) {
		t.Errorf("the image after the guest wrote = %.20q, %v", got, err)
	}
	eventually(t, "the stick is gone", func() bool {
		_, err := vm.ReadFile("/sys/block/sda/size")
		return errors.Is(err, os.ErrNotExist)
	})
}

func testOutputs(t *testing.T, vm *vmtest.VM) {
	connector := func(output int, file string) string {
		data, err := vm.ReadFile(fmt.Sprintf("/sys/class/drm/card0-Virtual-%d/%s", output+1, file))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	status := func(output int, want string) {
		t.Helper()
		eventually(t, fmt.Sprintf("output %d is %s", output, want), func() bool { return connector(output, "status") == want+"\n" })
	}
	status(0, "connected")
	status(1, "connected")
	if edid := connector(1, "edid"); len(edid) < 128 || !strings.HasPrefix(edid, "\x00\xff\xff\xff\xff\xff\xff\x00") {
		t.Errorf("EDID of output 1 is %d bytes; want a block", len(edid))
	}
	if err := vm.Disconnect(1); err != nil {
		t.Fatal(err)
	}
	status(1, "disconnected")
	status(0, "connected")
	if err := vm.Connect(1, 1024, 768); err != nil {
		t.Fatal(err)
	}
	status(1, "connected")
	eventually(t, "the new monitor's modes", func() bool {
		// Nobody else in the guest asks the connector again.
		if err := vm.WriteFile("/sys/class/drm/card0-Virtual-2/status", []byte("detect"), 0o644); err != nil {
			t.Fatal(err)
		}
		return strings.Contains(connector(1, "modes"), "1024x768")
	})
	if err := vm.Connect(2, 640, 480); err == nil {
		t.Error("Connect(2) = nil; want an error")
	}
}

// compile builds a program of testdata without C.
func compile(t *testing.T, name string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	build := exec.Command("go", "build", "-o", path, "./testdata/"+name)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return path
}

// install puts a program of testdata into the guest.
func install(t *testing.T, vm *vmtest.VM, name string) (path string) {
	t.Helper()
	program, err := os.ReadFile(compile(t, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := vm.WriteFile("/tmp/"+name, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return "/tmp/" + name
}

// testCursor reads a hardware cursor back, which no screenshot shows.
func testCursor(t *testing.T, vm *vmtest.VM) {
	stdin, end := io.Pipe()
	defer end.Close()
	l := newListener()
	process, err := vm.Command(bounded(t), vmtest.Command{Args: []string{install(t, vm, "cursor"), "/dev/dri/card0"}, Stdin: stdin, Stdout: l, Stderr: l})
	if err != nil {
		t.Fatal(err)
	}
	l.wait(t, "the cursor is set", says("set"))
	for head := range 2 {
		eventually(t, fmt.Sprintf("cursor of output %d", head), func() bool {
			shape, hot, err := vm.Cursor(head)
			if err != nil {
				t.Fatal(err)
			}
			return hot == image.Pt(5, 7) && shape.Bounds().Size() == image.Pt(64, 64) &&
				shape.RGBAAt(0, 0) == color.RGBA{0xff, 0x80, 0, 0xff} && shape.RGBAAt(1, 0) == color.RGBA{0x80, 0, 0x40, 0x80} &&
				shape.RGBAAt(2, 0) == color.RGBA{}
		})
	}
	_ = end.Close()
	if err := process.Wait(); err != nil {
		t.Error(err)
	}
}

func testNetwork(t *testing.T, vm *vmtest.VM) {
	echo := install(t, vm, "echo")
	t.Run("to the guest", func(t *testing.T) {
		start(t, vm, "listening", echo, "serve", "tcp", ":7000")
		conn, err := vm.Dial(bounded(t), 7000)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		askOver(t, conn, "hello, guest")
	})
	for _, network := range []string{"tcp", "udp"} {
		t.Run(network+" from the guest", func(t *testing.T) {
			host := hostEcho(t, network)
			if err := vm.Expose(network, "127.0.0.1:7100", host); err != nil {
				t.Fatal(err)
			}
			if got := output(t, vm, echo, "ask", network, "127.0.0.1:7100", "hello, host"); got != "hello, host" {
				t.Errorf("the guest hears %q; want hello, host", got)
			}
			if err := vm.Expose(network, "127.0.0.1:7100", host); err == nil {
				t.Error("Expose twice = nil; want address in use")
			}
			// Only what is exposed is reached: not this machine by its gateway.
			_, port, err := net.SplitHostPort(host)
			if err != nil {
				t.Fatal(err)
			}
			if network == "tcp" {
				if out, err := vm.Run(bounded(t), echo, "ask", network, "10.0.2.2:"+port, "let me out"); err == nil {
					t.Errorf("the guest reaches this machine by 10.0.2.2: %q", out)
				}
			}
		})
	}
}

// askOver says something and wants it back.
func askOver(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, len(text))
	if _, err := conn.Read(buf); err != nil || string(buf) != text {
		t.Errorf("answer = %q, %v; want %q", buf, err, text)
	}
}

// hostEcho answers on this machine until the test ends.
func hostEcho(t *testing.T, network string) string {
	t.Helper()
	if network == "udp" {
		socket, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = socket.Close() })
		go func() {
			buf := make([]byte, 2048)
			for {
				n, from, err := socket.ReadFrom(buf)
				if err != nil {
					return
				}
				_, _ = socket.WriteTo(buf[:n], from)
			}
		}()
		return socket.LocalAddr().String()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			// It answers after the end of the question only: the end must
			// cross by itself.
			go func() {
				defer conn.Close()
				var question bytes.Buffer
				_, _ = question.ReadFrom(conn)
				_, _ = conn.Write(question.Bytes())
			}()
		}
	}()
	return listener.Addr().String()
}

const samplePackage = "./internal/vmtest/testdata/sample"

func testTests(t *testing.T, vm *vmtest.VM) {
	out := t.TempDir()
	vm.RunTests(t, samplePackage, vmtest.TestOptions{
		Require: []string{"drm", "dmabuf"}, Env: []string{"EXTRA=yes"}, Out: out, Run: "Pass|Skip|Parallel|Environment",
	})
	data, err := os.ReadFile(filepath.Join(out, "deep", "left.txt"))
	if err != nil || string(data) != "from the guest" {
		t.Errorf("what the test left in OUT = %q, %v", data, err)
	}
}

func testFailedTests(t *testing.T, vm *vmtest.VM) {
	got, err := vm.Results(bounded(t), samplePackage, vmtest.TestOptions{Run: "Fail|Skip"})
	var exit *vmtest.ExitError
	if !errors.As(err, &exit) || exit.Code != 1 {
		t.Errorf("end = %v; want exit status 1", err)
	}
	want := []string{"skip TestSkip", "FAIL TestFail", "ok TestFail/good", "FAIL TestFail/bad"}
	if !slices.Equal(got, want) {
		t.Errorf("results = %q; want %q", got, want)
	}
}

// testPanic ends the machine from inside.
func testPanic(t *testing.T, vm *vmtest.VM) {
	_, err := vm.Run(bounded(t), "sh", "-c", "echo c > /proc/sysrq-trigger")
	if err == nil {
		t.Error("Run of a kernel panic = nil; want an error")
	}
	select {
	case <-vm.Done():
	case <-time.After(patience):
		t.Fatal("the machine outlives its kernel's panic")
	}
	if console := vm.Console(); !strings.Contains(console, "sysrq triggered crash") {
		t.Errorf("console after a panic: %.2000q", console)
	}
	if _, err := vm.Run(bounded(t), "true"); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("Run on a dead machine = %v; want that it is gone", err)
	}
}

// TestBootFailures are the ways in which a machine does not come up.
func TestBootFailures(t *testing.T) {
	if !needs.Required("vm") {
		t.Skip("a virtual terminal takes a while: make test-vm, or REQUIRE_HW=vm")
	}
	t.Run("panic", func(t *testing.T) {
		_, err := vmtest.Boot(t.Context(), vmtest.Config{Append: "rdinit=/nowhere"})
		if err == nil || !strings.Contains(err.Error(), "gone") || !strings.Contains(err.Error(), "Kernel panic") {
			t.Errorf("Boot without a first process = %v; want the console's last words", err)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		_, err := vmtest.Boot(ctx, vmtest.Config{})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Boot in a second = %v; want context.DeadlineExceeded", err)
		}
		if took := time.Since(begun); took > patience {
			t.Errorf("Boot returned %v after its context", took)
		}
	})
	t.Run("unknown module", func(t *testing.T) {
		_, err := vmtest.Boot(t.Context(), vmtest.Config{Modules: []string{"no_such_module"}})
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Boot with an unknown module = %v; want os.ErrNotExist", err)
		}
	})
	t.Run("bad option", func(t *testing.T) {
		_, err := vmtest.Boot(t.Context(), vmtest.Config{Devices: []vmtest.Device{{ID: "x", Driver: "no-such-driver"}}})
		if err == nil || !strings.Contains(err.Error(), "no-such-driver") {
			t.Errorf("Boot with an unknown device = %v; want QEMU's complaint", err)
		}
	})
}

// TestImage boots a disk image and takes its power away.
func TestImage(t *testing.T) {
	if !needs.Required("vm") {
		t.Skip("a virtual terminal takes a while: make test-vm, or REQUIRE_HW=vm")
	}
	root := filepath.Dir(compile(t, "echo"))
	file := filepath.Join(t.TempDir(), "root.ext4")
	if out, err := exec.Command("/sbin/mke2fs", "-q", "-t", "ext4", "-d", root, file, "32M").CombinedOutput(); err != nil {
		t.Fatalf("mke2fs: %v\n%s", err, out)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	vm := vmtest.Start(t, vmtest.Config{Image: file, Outputs: 1, Width: 640, Height: 480, MemoryMiB: 512, Devices: []vmtest.Device{}})
	process, err := vm.Command(ctx, vmtest.Command{Args: []string{"/echo", "serve", "tcp", ":7000"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := vm.WriteFile("/kept-in-memory", []byte("x"), 0o644); err != nil {
		t.Error(err)
	}
	screenshot(t, vm, 0, image.Pt(640, 480))
	vm.Cut()
	if err := process.Wait(); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("Wait() after the power was cut = %v; want that the machine is gone", err)
	}
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the image was changed (%v)", err)
	}
}
