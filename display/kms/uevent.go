package kms

import "github.com/blade-shadow/terminal/internal/uevent"

// concerns reports whether a message means that a card's monitors may be others
// now. Some drivers name no device, and none must name a connector.
func concerns(e uevent.Event, device string) bool {
	if e.Subsystem != "drm" || e.Get("HOTPLUG") != "1" && e.Action == "change" {
		return false
	}
	return e.DevName == "" || device == "" || e.DevName == device
}
