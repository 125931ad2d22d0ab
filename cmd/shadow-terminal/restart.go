package main

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// restart replaces this program by itself, started anew. It is for a person
// whose terminal hangs, so that it waits for nothing; when even that fails it
// ends, for whoever starts it.
func restart() {
	if path, err := os.Executable(); err == nil {
		_ = syscall.Exec(path, os.Args, os.Environ()) // does not return unless it fails
	}
	os.Exit(1)
}

// powerOff has the kernel power the machine off, when nobody else does.
func powerOff() error {
	unix.Sync()
	return unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}
