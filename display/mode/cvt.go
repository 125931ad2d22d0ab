package mode

import "math"

// Bounds of what [CVT] makes.
const (
	cvtMinBack = 7         // lines of vertical back porch
	cvtMaxSize = 16384     // pixels
	cvtMaxRate = 1_000_000 // 1/1000 Hz
)

// CVT makes a modeline by VESA CVT 1.2: with the blanking of a tube or, reduced,
// with version 1 of the flat panel's. The width is rounded down to 8 pixels, as
// the standard wants, the rate to 1/1000 Hz. The zero Mode is returned for a size or a rate that makes
// no sense.
func CVT(width, height int, rate Rate, reduced bool) Mode {
	width &^= 7
	if !cvtInput(width, height, rate) {
		return Mode{}
	}
	if reduced {
		return cvtReduced(width, height, rate)
	}
	return cvtTube(width, height, rate)
}

// CVTReduced2 is [CVT] with version 2 of reduced blanking: the least clock of
// all, steps of 1 kHz, any width. video makes it 1000/1001 as fast.
func CVTReduced2(width, height int, rate Rate, video bool) Mode {
	if !cvtInput(width, height, rate) {
		return Mode{}
	}
	const hBlank, front, sync, back = 80, 8, 8, 6
	rate = NewRate(uint64(rate.MilliHz()), 1000)
	lines := max(blankLines(460, height, rate), 1+sync+back)
	hTotal, vTotal := width+hBlank, height+lines
	num, den := rate.Num*uint64(hTotal)*uint64(vTotal), rate.Den*1000
	if video {
		num, den = num*1000, den*1001
	}
	m := Mode{
		Clock:    uint32(num / den),
		HDisplay: uint16(width), HSyncStart: uint16(width + front), HSyncEnd: uint16(width + front + 32), HTotal: uint16(hTotal),
		VDisplay: uint16(height), VSyncStart: uint16(vTotal - back - sync), VSyncEnd: uint16(vTotal - back), VTotal: uint16(vTotal),
		Flags: polarity(true, false), Type: UserDefined, Name: sizeName(width, height),
	}
	return cvtOutput(m)
}

func cvtInput(width, height int, rate Rate) bool {
	hz := rate.MilliHz()
	return width >= 8 && height >= 8 && width <= cvtMaxSize && height <= cvtMaxSize && hz >= 1000 && hz <= cvtMaxRate
}

// cvtOutput refuses what became too large for a modeline.
func cvtOutput(m Mode) Mode {
	if !m.Valid() {
		return Mode{}
	}
	return m
}

// cvtSync is the width of the vertical sync in lines, which tells the aspect
// ratio where it is exactly one of these (CVT 1.2, table 3-2).
func cvtSync(width, height int) int {
	for _, a := range [...]struct{ w, h, lines int }{{4, 3, 4}, {16, 9, 5}, {16, 10, 6}, {5, 4, 7}, {15, 9, 7}} {
		if height*a.w == width*a.h {
			return a.lines
		}
	}
	return 10
}

// blankLines is how many lines last microseconds and begin one more, where
// height lines take the rest of the frame.
func blankLines(microseconds uint64, height int, rate Rate) int {
	rest := rate.Den*1_000_000 - microseconds*rate.Num // of the frame, us x Num
	if rate.Den*1_000_000 <= microseconds*rate.Num {
		return math.MaxUint16
	}
	return int(min(microseconds*rate.Num*uint64(height)/rest+1, math.MaxUint16))
}

// cvtReduced is CVT 1.2, 3.4.2: blanking of 160 pixels and at least 460 us.
func cvtReduced(width, height int, rate Rate) Mode {
	const hBlank, vFront = 160, 3
	rate = NewRate(uint64(rate.MilliHz()), 1000)
	sync := cvtSync(width, height)
	lines := max(blankLines(460, height, rate), vFront+sync+cvtMinBack)
	hTotal, vTotal := width+hBlank, height+lines
	steps := rate.Num * uint64(hTotal) * uint64(vTotal) / (rate.Den * 250_000) // of 250 kHz
	if vTotal > math.MaxUint16 {
		return Mode{}
	}
	return cvtOutput(Mode{
		Clock:    uint32(steps * 250),
		HDisplay: uint16(width), HSyncStart: uint16(width + 48), HSyncEnd: uint16(width + 80), HTotal: uint16(hTotal),
		VDisplay: uint16(height), VSyncStart: uint16(height + vFront), VSyncEnd: uint16(height + vFront + sync), VTotal: uint16(vTotal),
		Flags: polarity(true, false), Type: UserDefined, Name: sizeName(width, height),
	})
}

// cvtTube is CVT 1.2, 3.4.1. All of it is in whole numbers: a line lasts
// a/b microseconds.
func cvtTube(width, height int, rate Rate) Mode {
	const vFront = 3
	rate = NewRate(uint64(rate.MilliHz()), 1000)
	if rate.Den*1_000_000 <= 550*rate.Num {
		return Mode{}
	}
	a := rate.Den*1_000_000 - 550*rate.Num
	b := rate.Num * uint64(height+vFront)
	sync := cvtSync(width, height)
	syncBack := max(int(550*b/a)+1, sync+cvtMinBack)
	hBlank := tubeBlank(uint64(width), a, b)
	hTotal, vTotal := uint64(width)+hBlank, height+syncBack+vFront
	hSync := hTotal * 8 / 100 / 8 * 8
	steps := hTotal * b * 4 / a // of 250 kHz
	if hTotal > math.MaxUint16 || vTotal > math.MaxUint16 {
		return Mode{}
	}
	end := uint64(width) + hBlank/2
	return cvtOutput(Mode{
		Clock:    uint32(min(steps*250, math.MaxUint32)),
		HDisplay: uint16(width), HSyncStart: uint16(end - hSync), HSyncEnd: uint16(end), HTotal: uint16(hTotal),
		VDisplay: uint16(height), VSyncStart: uint16(height + vFront), VSyncEnd: uint16(height + vFront + sync), VTotal: uint16(vTotal),
		Flags: polarity(false, true), Type: UserDefined, Name: sizeName(width, height),
	})
}

// tubeBlank is the blanking of a line of a/b microseconds, pixels: its part of
// the line is 30 % less 0.3 % a microsecond, at least 20 %.
func tubeBlank(width, a, b uint64) uint64 {
	if 100*b <= 3*a { // 30 % - 0.3 % x a/b <= 20 %, both times 1000 b/3
		return width * 20 / 80 / 16 * 16
	}
	// part = (300 b - 3 a) / (10 b) percent; blank = width x part / (100 - part).
	part := 300*b - 3*a
	return width * part / (1000*b - part) / 16 * 16
}
