package kms

import (
	"bytes"
	"strconv"
	"strings"
)

// uevent is what the kernel says when a device changes (kobject_uevent).
type uevent struct {
	action    string
	subsystem string
	device    string // DEVNAME, "dri/card0"
	hotplug   bool
	connector uint32 // 0: any
}

// parseUevent reads one message: "action@path", then KEY=VALUE, all ended by
// zero bytes. ok is false for what is no message of the kernel.
func parseUevent(b []byte) (u uevent, ok bool) {
	head, rest, found := bytes.Cut(b, []byte{0})
	action, path, at := strings.Cut(string(head), "@")
	if !found || !at || action == "" || !strings.HasPrefix(path, "/") {
		return uevent{}, false
	}
	u.action = action
	for len(rest) > 0 {
		var field []byte
		field, rest, _ = bytes.Cut(rest, []byte{0})
		key, value, _ := strings.Cut(string(field), "=")
		switch key {
		case "SUBSYSTEM":
			u.subsystem = value
		case "DEVNAME":
			u.device = strings.TrimPrefix(value, "/dev/")
		case "HOTPLUG":
			u.hotplug = value == "1"
		case "CONNECTOR":
			n, _ := strconv.ParseUint(value, 10, 32) // 0 where it makes no sense: look at all
			u.connector = uint32(n)
		}
	}
	return u, u.subsystem != ""
}

// about reports whether the message means that a card's monitors may be others
// now. Some drivers name no device, and none must name a connector.
func (u uevent) about(device string) bool {
	if u.subsystem != "drm" || !u.hotplug && u.action == "change" {
		return false
	}
	return u.device == "" || device == "" || u.device == device
}
