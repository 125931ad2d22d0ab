package wire

// Newer32 reports whether a comes after b in the serial-number arithmetic of
// RFC 1982: sequence numbers, event ids and times wrap.
func Newer32(a, b uint32) bool { return int32(a-b) > 0 }

// Newer16 is [Newer32] for epochs.
func Newer16(a, b uint16) bool { return int16(a-b) > 0 }
