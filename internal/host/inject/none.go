package inject

import "github.com/blade-shadow/terminal/internal/input"

// None is the device that does nothing, for a host that only shows.
type None struct{}

// Key does nothing.
func (None) Key(input.Usage, bool) error { return nil }

// Motion does nothing.
func (None) Motion(int32, int32) error { return nil }

// Absolute does nothing.
func (None) Absolute(uint8, uint16, uint16) error { return nil }

// Wheel does nothing.
func (None) Wheel(int32, int32) error { return nil }

// Sync does nothing.
func (None) Sync() error { return nil }

// SetRegions does nothing.
func (None) SetRegions([]Region) {}

// Close does nothing.
func (None) Close() error { return nil }

// Name returns "none".
func (None) Name() string { return string(ModeNone) }
