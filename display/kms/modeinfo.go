package kms

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/blade-shadow/terminal/display/mode"
)

// modeInfoSize is sizeof(struct drm_mode_modeinfo).
const modeInfoSize = 68

// encodeMode returns m as struct drm_mode_modeinfo.
func encodeMode(m mode.Mode) []byte {
	b := make([]byte, 0, modeInfoSize)
	order := binary.NativeEndian
	b = order.AppendUint32(b, m.Clock)
	for _, v := range [...]uint16{
		m.HDisplay, m.HSyncStart, m.HSyncEnd, m.HTotal, m.HSkew,
		m.VDisplay, m.VSyncStart, m.VSyncEnd, m.VTotal, m.VScan,
	} {
		b = order.AppendUint16(b, v)
	}
	b = order.AppendUint32(b, (m.MilliHz()+500)/1000)
	b = order.AppendUint32(b, m.Flags)
	b = order.AppendUint32(b, m.Type)
	var name [32]byte
	copy(name[:31], m.Name)
	return append(b, name[:]...)
}

// decodeMode reads a struct drm_mode_modeinfo.
func decodeMode(b []byte) (mode.Mode, error) {
	if len(b) != modeInfoSize {
		return mode.Mode{}, fmt.Errorf("mode of %d bytes: want %d", len(b), modeInfoSize)
	}
	order := binary.NativeEndian
	m := mode.Mode{Clock: order.Uint32(b), Flags: order.Uint32(b[28:]), Type: order.Uint32(b[32:])}
	for i, p := range [...]*uint16{
		&m.HDisplay, &m.HSyncStart, &m.HSyncEnd, &m.HTotal, &m.HSkew,
		&m.VDisplay, &m.VSyncStart, &m.VSyncEnd, &m.VTotal, &m.VScan,
	} {
		*p = order.Uint16(b[4+2*i:])
	}
	name, _, _ := bytes.Cut(b[36:], []byte{0})
	m.Name = string(name)
	return m, nil
}
