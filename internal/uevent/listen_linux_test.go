package uevent_test

import (
	"context"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/uevent"
)

// The real kernel is heard when a device is asked to announce itself, and a
// process that pretends to be the kernel is not.
func TestListen(t *testing.T) {
	const device = "/sys/devices/virtual/mem/null/uevent"
	l, err := uevent.Listen()
	if err != nil {
		t.Skipf("the kernel is not to be heard here: %v", err)
	}
	defer l.Close()
	f, err := os.OpenFile(device, os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("devices cannot be asked here: %v", err)
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan uevent.Event, 64)
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, func(e uevent.Event, _ bool) { heard <- e }) }()
	pretend(t)
	if _, err := f.WriteString("change"); err != nil {
		t.Skipf("devices cannot be asked here: %v", err)
	}
	for timeout := time.After(20 * time.Second); ; {
		var e uevent.Event
		select {
		case e = <-heard:
		case <-timeout:
			t.Fatal("the kernel's message was not heard")
		}
		if e.DevPath == "/devices/pretended" {
			t.Error("a process passed for the kernel")
		}
		if e.DevPath == "/devices/virtual/mem/null" {
			if e.Action != "change" || e.Subsystem != "mem" || e.DevName != "null" {
				t.Errorf("the kernel said %+v; want change, mem, null", e)
			}
			break
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run() = %v; want nil", err)
	}
}

// pretend sends what looks like a message of the kernel to its group.
func pretend(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	message := []byte("add@/devices/pretended\x00SUBSYSTEM=input\x00")
	if err := unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		t.Logf("nobody can pretend here: %v", err)
	}
}
