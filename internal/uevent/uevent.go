// Package uevent reads what the kernel says when a device comes, goes or
// changes: [Parse] reads a message, a [Listener] hears them. It keeps nothing.
package uevent

import "strings"

// MaxSize bounds a message, in bytes: the kernel's own buffer is 2048
// (UEVENT_BUFFER_SIZE, linux/kobject.h), and the head comes before it.
const MaxSize = 8192

// Event is one message of the kernel (kobject_uevent). It owns its text.
type Event struct {
	Action, Subsystem, DevType, DevPath string
	DevName                             string // below /dev: "input/event5"
	fields                              string
}

// Parse reads one message: "action@path", then KEY=VALUE, each ended by a zero
// byte. ok is false for what is no message of the kernel, udev's own among it.
func Parse(b []byte) (e Event, ok bool) {
	if len(b) > MaxSize {
		return Event{}, false
	}
	head, fields, found := strings.Cut(string(b), "\x00")
	action, path, at := strings.Cut(head, "@")
	if !found || !at || action == "" || !strings.HasPrefix(path, "/") {
		return Event{}, false
	}
	e = Event{Action: action, DevPath: path, fields: fields}
	e.Subsystem, e.DevType = e.Get("SUBSYSTEM"), e.Get("DEVTYPE")
	e.DevName = strings.TrimPrefix(e.Get("DEVNAME"), "/dev/")
	return e, e.Subsystem != ""
}

// Get returns the last value of key, "" where there is none.
func (e Event) Get(key string) (value string) {
	for field := range strings.SplitSeq(e.fields, "\x00") {
		if k, v, found := strings.Cut(field, "="); found && k == key {
			value = v
		}
	}
	return value
}
