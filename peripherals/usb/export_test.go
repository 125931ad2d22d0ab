package usb

// NewWriting returns a redirector whose writes to sysfs go through write.
func NewWriting(cfg Config, write func(name, value string) error) *Redirector {
	r := New(cfg)
	r.kernel.write = write
	return r
}

// WriteFile is how the real one writes.
func WriteFile(name, value string) error { return writeFile(name, value) }

// Clean, Fido and ValidBusID are tried with what devices say.
func Clean(s string, most int) string { return clean(s, most) }
func Fido(b []byte) bool              { return fido(b) }
func ValidBusID(s string) bool        { return validBusID(s) }
