// Command vmrun boots a virtual terminal and runs one program in it, or the
// tests of one package, with this machine's files below a layer in memory:
//
//	go run ./internal/vmtest/vmrun -- ls -l /dev/dri
//	go run ./internal/vmtest/vmrun -test ./display/kms -require drm -- -test.run Flip
//
// It prints what the program prints and ends with its exit status; 125 means
// that there was no program to run. It is for a person at work on a package:
// what is to be proved for good is a test that uses package vmtest.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/blade-shadow/terminal/internal/vmtest"
)

// noProgram is the exit status for trouble of our own.
const noProgram = 125

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	code, err := run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "vmrun: error:", err)
	}
	cancel()
	os.Exit(code)
}

// options are the command line's.
type options struct {
	config   vmtest.Config
	pkg      string
	require  string
	pictures string
	out      string
	left     string // the folder behind the tests' OUT
	timeout  time.Duration
	args     []string
}

func parse() options {
	var o options
	var modules string
	flag.BoolVar(&o.config.HotPlug, "hotplug", false, "screens that can be unplugged, each with an EDID")
	flag.IntVar(&o.config.Width, "width", 0, "of each screen, pixels (default 1280)")
	flag.IntVar(&o.config.Height, "height", 0, "of each screen, pixels (default 720)")
	flag.IntVar(&o.config.MemoryMiB, "memory", 0, "of the guest, MiB (default 1536)")
	flag.StringVar(&o.config.Append, "append", "", "more of the kernel's command line")
	flag.StringVar(&modules, "modules", "", "more kernel modules, with commas between")
	flag.StringVar(&o.pkg, "test", "", "run the tests of this package; the rest are arguments of the test program")
	flag.StringVar(&o.require, "require", "", "REQUIRE_HW in the guest")
	flag.StringVar(&o.pictures, "pictures", "", "leave a picture of each screen in this folder at the end")
	flag.StringVar(&o.out, "out", "", "copy what the tests leave in their $OUT to this folder")
	flag.DurationVar(&o.timeout, "timeout", 5*time.Minute, "of the program")
	flag.Parse()
	if modules != "" {
		o.config.Modules = strings.Split(modules, ",")
	}
	o.args = flag.Args()
	return o
}

func run(ctx context.Context) (code int, err error) {
	o := parse()
	if o.pkg == "" && len(o.args) == 0 {
		return 2, errors.New("give a program after --, or -test PACKAGE")
	}
	var program vmtest.TestProgram
	if o.pkg != "" {
		if program, err = vmtest.BuildTests(ctx, o.pkg); err != nil {
			return noProgram, err
		}
	}
	begun := time.Now()
	vm, err := vmtest.Boot(ctx, o.config)
	if err != nil {
		return noProgram, err
	}
	defer func() { err = errors.Join(err, vm.Close()) }()
	fmt.Fprintf(os.Stderr, "vmrun: Linux %s is up after %.1f s\n", vm.Kernel(), time.Since(begun).Seconds())
	command := vmtest.Command{Args: o.args, Stdin: os.Stdin, Env: []string{"REQUIRE_HW=" + o.require}}
	if o.pkg != "" {
		options := vmtest.TestOptions{Require: []string{o.require}, Args: append([]string{"-test.v"}, o.args...), Timeout: o.timeout}
		if command, o.left, err = vm.TestCommand(program, options); err != nil {
			return noProgram, err
		}
	}
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	code, err = execute(ctx, vm, command)
	return code, errors.Join(err, o.keep(vm))
}

// keep leaves what was asked for of a machine that is about to end.
func (o options) keep(vm *vmtest.VM) error {
	var errs []error
	if o.pictures != "" {
		errs = append(errs, leavePictures(vm, o.pictures))
	}
	if o.out != "" && o.left != "" {
		errs = append(errs, vmtest.CopyOut(o.out, o.left))
	}
	return errors.Join(errs...)
}

// execute runs the program and turns its end into an exit status.
func execute(ctx context.Context, vm *vmtest.VM, command vmtest.Command) (int, error) {
	process, err := vm.Command(ctx, command)
	if err != nil {
		return noProgram, err
	}
	err = process.Wait()
	var exit *vmtest.ExitError
	switch {
	case err == nil:
		return 0, nil
	case !errors.As(err, &exit):
		return noProgram, err
	case exit.Signal != 0:
		return 128 + int(exit.Signal), nil
	default:
		return exit.Code, nil
	}
}

// leavePictures writes a picture of each screen.
func leavePictures(vm *vmtest.VM, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for output := range 2 {
		picture, err := vm.Screenshot(output)
		if err != nil {
			return err
		}
		file, err := os.Create(filepath.Join(dir, fmt.Sprintf("vmrun-%d.png", output+1)))
		if err != nil {
			return err
		}
		if err := errors.Join(png.Encode(file, picture), file.Close()); err != nil {
			return err
		}
	}
	return nil
}
