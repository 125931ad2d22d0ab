package usb

// NewWriting returns ports whose writes go through write, which gets the path
// below the root of sysfs too.
func NewWriting(cfg Config, write func(name, value string) error) *Ports {
	p := New(cfg)
	p.write = write
	return p
}
