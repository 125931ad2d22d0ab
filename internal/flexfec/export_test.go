package flexfec

import "bytes"

// Stripped returns packet with what is mutable in it set to zero.
func Stripped(m Mutable, packet []byte) []byte {
	out := bytes.Clone(packet)
	spans, n := m.spans(out)
	for _, s := range spans[:n] {
		clear(out[s.from:s.to])
	}
	return out
}
