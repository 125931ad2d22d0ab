package card

import "math/rand/v2"

// noiseSpare is how far a row of noise may be shifted: rows and pictures take
// their noise from different places of one long row.
const noiseSpare = 1 << 14

// newNoise returns grey noise that no encoder can predict. Its seed is fixed,
// so that two runs are of equal weight.
func newNoise(g grid) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, g.boxArea().Dx()+noiseSpare)
	for i := range noise {
		noise[i] = byte(16 + r.IntN(220))
	}
	return noise
}

// drawNoise fills the area behind the box.
func (c *Card) drawNoise(n uint32) {
	if c.noise == nil {
		return
	}
	area := c.grid.boxArea().Inset(c.grid.line(0.08))
	shift := uint64(n) * 0x9e3779b97f4a7c15
	for y := area.Min.Y; y < area.Max.Y; y++ {
		shift = shift*6364136223846793005 + 1442695040888963407
		copy(row(c.frame, 0, y, area.Min.X, area.Max.X), c.noise[shift>>32%noiseSpare:])
	}
	c.touch(area)
}
