//go:build linux

// Command guest is the first process of a virtual terminal. It loads the
// kernel modules that it was given, mounts the machine's own root over 9p
// under a layer in memory (or the root of a disk image), makes that its root,
// brings the network up, and then serves the host over a virtio-serial port:
// processes, files, the clock, connections. It reaps what nobody else waits
// for.
//
// It is no init system: it starts no service and no shell, restarts nothing,
// and mounts nothing that a program did not need so far. When it cannot go on
// it says why on the console and ends, at which the kernel panics and QEMU with it.
// It is linked statically, without C, and knows the host only by package link.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/vmtest/link"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "guest: error: this is the first process of a virtual terminal and runs nowhere else")
		os.Exit(2)
	}
	if err := run(); err != nil {
		say("error: %v", err)
	}
	os.Exit(1) // the kernel panics
}

// run returns only on errors.
func run() error {
	if err := mountKernelFiles("/"); err != nil {
		return err
	}
	console()
	boot, err := readBoot()
	if err != nil {
		return err
	}
	missing := loadAll("", boot.First)
	if err := enterRoot(boot); err != nil {
		return err
	}
	say("root entered")
	missing = append(missing, loadAll("/lib/modules/"+boot.Release, boot.Modules)...)
	say("modules loaded")
	if err := network(); err != nil {
		return err
	}
	port, err := openPort()
	if err != nil {
		return err
	}
	if err := hello(port, missing); err != nil {
		return err
	}
	return serve(port)
}

// readBoot reads what the host wants of this boot.
func readBoot() (link.Boot, error) {
	var boot link.Boot
	data, err := os.ReadFile(link.BootPath)
	if err != nil {
		return boot, err
	}
	if err := json.Unmarshal(data, &boot); err != nil {
		return boot, fmt.Errorf("%s: %w", link.BootPath, err)
	}
	return boot, nil
}

// hello tells the host that the guest is up.
func hello(port *os.File, missing []string) error {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err
	}
	line, err := json.Marshal(link.Hello{Release: unix.ByteSliceToString(name.Release[:]), Uptime: uptime(), Missing: missing})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(port, "%s%s\n", link.Greeting, line)
	return err
}

// uptime is the seconds since the kernel started.
func uptime() float64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0
	}
	return time.Duration(now.Nano()).Seconds()
}

// console points the standard files at the kernel's console, which QEMU
// writes into a file: the kernel opened none, as there was no /dev yet.
func console() {
	fd, err := unix.Open("/dev/console", unix.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return
	}
	for target := range 3 {
		_ = unix.Dup2(fd, target)
	}
	if fd > 2 {
		_ = unix.Close(fd)
	}
}

// say writes a line to the console.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "guest: %7.3f "+format+"\n", append([]any{uptime()}, args...)...)
}
