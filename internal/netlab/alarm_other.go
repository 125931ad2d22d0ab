//go:build !linux

package netlab

// newPreciseAlarm opens the best alarm of this system.
func newPreciseAlarm() (alarm, error) { return newTimerAlarm(), nil }
