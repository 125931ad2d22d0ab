package egress

import "github.com/blade-shadow/terminal/internal/media"

// Packetize returns copies of the payloads of one access unit.
func Packetize(codec media.Codec, au []byte) ([][]byte, error) {
	p, err := newPacketizer(codec)
	if err != nil {
		return nil, err
	}
	var c collector
	p.packetize(au, &c)
	return c.payloads, nil
}

type collector struct {
	buf      [MaxPayload]byte
	payloads [][]byte
}

func (c *collector) open() []byte { return c.buf[:] }
func (c *collector) seal(n int)   { c.payloads = append(c.payloads, append([]byte(nil), c.buf[:n]...)) }

// HistorySize is how many packets a screen remembers.
const HistorySize = historySize
