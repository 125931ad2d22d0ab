package vmtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/needs"
	"github.com/blade-shadow/terminal/internal/vmtest/link"
)

// bootPatience bounds the time from QEMU's start to the guest's greeting.
const bootPatience = 120 * time.Second

// Config says what machine to boot. The zero value is a terminal with two
// connected screens, keyboard, mouse and tablet.
type Config struct {
	Outputs   int  // of the display adapter, 1 or 2; 0: 2
	Connected int  // screens connected at boot, from the first; 0: all
	HotPlug   bool // screens can be connected and disconnected; see [VM.Connect]
	Width     int  // of each screen at boot, pixels; 0: 1280
	Height    int  // 0: 720
	MemoryMiB int  // 0: 1536; what the guest writes into files is in it
	// Devices are there at boot; nil: keyboard, mouse and tablet on USB, named so.
	Devices []Device
	Modules []string // more kernel modules to load, besides those of a terminal
	Append  string   // more words for the kernel's command line
	// Image is a disk image that holds the root, as ext4 or squashfs without
	// partitions; its changes are forgotten. "": this machine's own root.
	Image string
}

// withDefaults checks the configuration and fills it in.
func (cfg Config) withDefaults() (Config, error) {
	orElse := func(value *int, other int) {
		if *value == 0 {
			*value = other
		}
	}
	orElse(&cfg.Outputs, 2)
	orElse(&cfg.Connected, cfg.Outputs)
	orElse(&cfg.Width, 1280)
	orElse(&cfg.Height, 720)
	orElse(&cfg.MemoryMiB, 1536)
	if cfg.Devices == nil {
		cfg.Devices = desk()
	}
	switch {
	case cfg.Outputs < 1 || cfg.Outputs > 2:
		return cfg, fmt.Errorf("virtual terminal: Outputs is %d; want 1 or 2", cfg.Outputs)
	case cfg.Connected < 1 || cfg.Connected > cfg.Outputs:
		return cfg, fmt.Errorf("virtual terminal: Connected is %d; want 1 to %d", cfg.Connected, cfg.Outputs)
	case cfg.MemoryMiB < 256:
		return cfg, fmt.Errorf("virtual terminal: MemoryMiB is %d; want at least 256", cfg.MemoryMiB)
	}
	return cfg, nil
}

// VM is a booted virtual terminal.
type VM struct {
	// Constant after Boot.
	cfg     Config
	tree    string // the source tree
	files   files
	lock    *os.File
	command *exec.Cmd
	ended   chan struct{} // closed when QEMU has ended
	qmp     *qmp
	client  *http.Client // to the guest's first process
	hello   link.Hello
	close   func() error // once

	pace      sync.Mutex // held for the length of an input
	lastInput time.Time  // guarded by pace

	mu      sync.Mutex // guards below
	screens [2]*rfb    // by output, nil until needed
	plugged map[string]Device
	forward map[int]string // address on this machine by the guest's port
	closers []func()       // in order of their making, run in reverse
}

// Boot boots a machine and returns when its first process answers. The machine
// ends with [VM.Close], or when ctx ends.
func Boot(ctx context.Context, cfg Config) (*VM, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	program, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		return nil, fmt.Errorf("boot a virtual terminal: %w: %w: %s", errors.ErrUnsupported, err, remedy)
	}
	tree, err := sourceTree()
	if err != nil {
		return nil, fmt.Errorf("boot a virtual terminal: %w", err)
	}
	k, err := findKernel(tree)
	if err != nil {
		return nil, fmt.Errorf("boot a virtual terminal: %w", err)
	}
	vm := &VM{cfg: cfg, tree: tree, plugged: make(map[string]Device), forward: make(map[int]string), ended: make(chan struct{})}
	vm.close = sync.OnceValue(vm.cleanUp)
	for _, device := range cfg.Devices {
		vm.plugged[device.ID] = device
	}
	if err := vm.boot(ctx, program, k); err != nil {
		err = fmt.Errorf("boot a virtual terminal: %w%s", err, vm.lastWords())
		return nil, errors.Join(err, vm.Close())
	}
	context.AfterFunc(ctx, func() { _ = vm.Close() })
	return vm, nil
}

// boot does what can fail half way.
func (vm *VM) boot(ctx context.Context, program string, k kernel) error {
	var err error
	if vm.lock, err = lockTree(ctx, filepath.Join(vm.tree, "build/vm/lock")); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", folderPrefix)
	if err != nil {
		return err
	}
	vm.files = files{dir}
	if err := remember(vm.lock, dir); err != nil {
		return err
	}
	if err := os.Mkdir(vm.files.share(), 0o755); err != nil {
		return err
	}
	guest, err := buildGuest(ctx, vm.tree)
	if err != nil {
		return err
	}
	plan, err := planBoot(vm.cfg, vm.tree, k)
	if err != nil {
		return err
	}
	if err := writeInitramfs(vm.files.initramfs(), guest, plan, k.modules); err != nil {
		return err
	}
	return vm.power(ctx, program, k)
}

// power starts QEMU and waits for the guest.
func (vm *VM) power(ctx context.Context, program string, k kernel) error {
	ctx, cancel := context.WithTimeout(ctx, bootPatience)
	defer cancel()
	toQMP, err := listenOnce(ctx, vm.files.qmp())
	if err != nil {
		return err
	}
	defer toQMP.close()
	toGuest, err := listenOnce(ctx, vm.files.link())
	if err != nil {
		return err
	}
	defer toGuest.close()
	if err := vm.start(program, arguments(vm.cfg, k, vm.files)); err != nil {
		return err
	}
	// QEMU that ends must end the waits as well.
	ctx, cancel = context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-vm.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	conn, err := toQMP.accept(ctx)
	if err != nil {
		return vm.because(err)
	}
	if vm.qmp, err = newQMP(conn); err != nil {
		return vm.because(err)
	}
	if vm.cfg.HotPlug {
		if err := vm.connectAtBoot(); err != nil {
			return vm.because(err)
		}
	}
	if conn, err = toGuest.accept(ctx); err != nil {
		return vm.because(err)
	}
	return vm.because(vm.meetGuest(ctx, conn))
}

// because says that QEMU has ended, where that is why something failed.
func (vm *VM) because(err error) error {
	switch {
	case err == nil:
		return nil
	case vm.gone() != nil:
		return fmt.Errorf("%w (QEMU: %v): %w", errGone, vm.command.ProcessState, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the guest is not up: %w", err)
	default:
		return err
	}
}

// lastMoment is how long a connection to QEMU may be gone before QEMU is.
const lastMoment = time.Second

// gone is an error when the machine has ended. It is asked after something
// failed, and gives a machine that is about to end the time for it.
func (vm *VM) gone() error {
	last := time.NewTimer(lastMoment)
	defer last.Stop()
	select {
	case <-vm.ended:
		return errGone
	case <-last.C:
		return nil
	}
}

// start starts QEMU so that it dies with this process, however that ends.
func (vm *VM) start(program string, args []string) error {
	complaints, err := os.Create(vm.files.complaints())
	if err != nil {
		return err
	}
	defer complaints.Close()
	vm.command = exec.Command(program, args...)
	vm.command.Stdout, vm.command.Stderr = complaints, complaints
	// A group of its own keeps the terminal's interrupts from it.
	vm.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() {
		// The parent whose death is meant is the thread that started it, so
		// that thread stays until QEMU has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := vm.command.Start()
		started <- err
		if err == nil {
			_ = vm.command.Wait()
			close(vm.ended)
		}
	}()
	if err := <-started; err != nil {
		vm.command = nil
		return err
	}
	return nil
}

// meetGuest waits for the guest's greeting and sets its clock.
func (vm *VM) meetGuest(ctx context.Context, conn net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	in := bufio.NewReaderSize(conn, 64<<10)
	line, err := in.ReadString('\n')
	if !stop() && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return err
	}
	text, ok := strings.CutPrefix(line, link.Greeting)
	if !ok {
		_ = conn.Close()
		return fmt.Errorf("the guest greets with %.100q", line)
	}
	if err := json.Unmarshal([]byte(text), &vm.hello); err != nil {
		_ = conn.Close()
		return fmt.Errorf("the guest's greeting: %w", err)
	}
	vm.client = newClient(conn)
	if len(vm.hello.Missing) > 0 {
		return fmt.Errorf("kernel modules did not load: %s", strings.Join(vm.hello.Missing, "; "))
	}
	return vm.setClock(ctx)
}

// Start boots a machine for a test, which ends with it. It skips the test
// unless REQUIRE_HW names vm, as `make test-vm` has it, and fails the test
// where the machine does not come up.
func Start(t testing.TB, cfg Config) *VM {
	t.Helper()
	if !needs.Required("vm") {
		t.Skip("a virtual terminal takes a while: make test-vm, or REQUIRE_HW=vm")
	}
	vm, err := Boot(context.WithoutCancel(t.Context()), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("the virtual terminal's console:" + vm.lastWords())
		}
		if err := vm.Close(); err != nil {
			t.Error(err)
		}
	})
	return vm
}

// Close ends the machine and removes all it left. It may be called again.
func (vm *VM) Close() error { return vm.close() }

func (vm *VM) cleanUp() error {
	vm.kill()
	vm.mu.Lock()
	closers := vm.closers
	vm.closers = nil
	vm.mu.Unlock()
	for _, closer := range slices.Backward(closers) {
		closer()
	}
	var errs []error
	if vm.qmp != nil {
		errs = append(errs, vm.qmp.close())
	}
	if vm.client != nil {
		vm.client.CloseIdleConnections()
	}
	if vm.files.dir != "" {
		errs = append(errs, os.RemoveAll(vm.files.dir))
	}
	if vm.lock != nil {
		errs = append(errs, vm.lock.Close())
	}
	return errors.Join(errs...)
}

// Cut takes the power away: nothing in the guest notices, nothing is written.
// The machine cannot be used after it, but what it shared is there until Close.
func (vm *VM) Cut() { vm.kill() }

// kill ends QEMU and waits for it.
func (vm *VM) kill() {
	if vm.command != nil {
		_ = vm.command.Process.Kill()
		<-vm.ended
	}
}

// Done is closed when the machine has ended, for whatever reason.
func (vm *VM) Done() <-chan struct{} { return vm.ended }

// Kernel is the release of the guest's kernel.
func (vm *VM) Kernel() string { return vm.hello.Release }

// BootTime is from the kernel's start until the guest answered.
func (vm *VM) BootTime() time.Duration {
	return time.Duration(vm.hello.Uptime * float64(time.Second))
}

// Console is what the kernel and the first process wrote to the console.
func (vm *VM) Console() string {
	text, err := os.ReadFile(vm.files.console())
	if err != nil {
		return ""
	}
	return string(text)
}

// lastWords are the ends of the console and of QEMU's complaints, for errors,
// and all that the guest's first process said.
func (vm *VM) lastWords() string {
	if vm.files.dir == "" {
		return ""
	}
	const most = 40
	complaints, _ := os.ReadFile(vm.files.complaints()) // absent before QEMU's start
	var text strings.Builder
	for _, part := range []string{string(complaints), vm.Console()} {
		lines := strings.Split(strings.TrimSpace(part), "\n")
		for i, line := range lines {
			line = strings.TrimRight(line, "\r")
			if line != "" && (i >= len(lines)-most || strings.HasPrefix(line, "guest: ")) {
				text.WriteString("\n\t| " + line)
			}
		}
	}
	return text.String()
}
