//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// The guest's side of QEMU's user network.
var (
	address = [4]byte{10, 0, 2, 15}
	gateway = [4]byte{10, 0, 2, 2}
)

// network brings the loopback and the virtio card up. Names are not resolved
// by anybody; nothing of the outer network is to be reached.
func network() error {
	if err := unix.Sethostname([]byte("virtual-terminal")); err != nil {
		return fmt.Errorf("host name: %w", err)
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	if err := up(socket, "lo"); err != nil {
		return err
	}
	if _, err := net.InterfaceByName("eth0"); err != nil {
		say("no network card: %v", err)
		return nil
	}
	if err := setAddress(socket, "eth0"); err != nil {
		return err
	}
	if err := up(socket, "eth0"); err != nil {
		return err
	}
	return addGateway()
}

// up sets an interface's flag.
func up(socket int, name string) error {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("%s up: %w", name, err)
	}
	return nil
}

// setAddress gives an interface the guest's address, in a net of 24 bits.
func setAddress(socket int, name string) error {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := request.SetInet4Addr(address[:]); err != nil {
		return err
	}
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFADDR, request); err != nil {
		return fmt.Errorf("%s address: %w", name, err)
	}
	if err := request.SetInet4Addr([]byte{255, 255, 255, 0}); err != nil {
		return err
	}
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFNETMASK, request); err != nil {
		return fmt.Errorf("%s mask: %w", name, err)
	}
	return nil
}

// addGateway adds the default route (rtnetlink(7), RTM_NEWROUTE), without
// which a program takes the guest for a machine with no network at all.
func addGateway() error {
	message := make([]byte, 0, 36)
	message = binary.NativeEndian.AppendUint32(message, 36) // nlmsghdr
	message = binary.NativeEndian.AppendUint16(message, unix.RTM_NEWROUTE)
	message = binary.NativeEndian.AppendUint16(message, unix.NLM_F_REQUEST|unix.NLM_F_CREATE|unix.NLM_F_ACK)
	message = append(message, 0, 0, 0, 0, 0, 0, 0, 0)
	message = append(message, unix.AF_INET, 0, 0, 0, // rtmsg
		unix.RT_TABLE_MAIN, unix.RTPROT_BOOT, unix.RT_SCOPE_UNIVERSE, unix.RTN_UNICAST, 0, 0, 0, 0)
	message = binary.NativeEndian.AppendUint16(message, 8) // rtattr
	message = binary.NativeEndian.AppendUint16(message, unix.RTA_GATEWAY)
	message = append(message, gateway[:]...)

	socket, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(socket), "netlink")
	defer file.Close()
	if _, err := file.Write(message); err != nil {
		return fmt.Errorf("add route: %w", err)
	}
	answer := make([]byte, 4096)
	n, err := file.Read(answer)
	if err != nil {
		return fmt.Errorf("add route: %w", err)
	}
	return netlinkError(answer[:n])
}

// netlinkError reads the kernel's answer to one request (NLMSG_ERROR).
func netlinkError(answer []byte) error {
	const errorAt = 16
	if len(answer) < errorAt+4 || binary.NativeEndian.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		return fmt.Errorf("add route: no answer in %d bytes", len(answer))
	}
	code := int32(binary.NativeEndian.Uint32(answer[errorAt:]))
	if code != 0 {
		return fmt.Errorf("add route: %w", unix.Errno(-code))
	}
	return nil
}
