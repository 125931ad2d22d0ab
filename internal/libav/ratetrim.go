package libav

// Limits of rateTrim.
const (
	trimMax    = 1.3      // a picture may take this many shares of the rate
	trimWindow = 0.5      // seconds that the mean is taken over
	trimEvery  = 1.0 / 8  // seconds between two steps
	trimGain   = 0.5      // of the error, taken back at each step
	trimDead   = 1. / 100 // error that is left alone
)

// rateTrim makes up for an encoder that stays under its mean rate. libx264
// with a buffer of one picture plans every picture below its share, by 10 to
// 30 % depending on the content; asking for more brings the mean back while
// trimMax bounds the largest picture.
type rateTrim struct {
	fps    int
	factor float64 // asked for / wanted
	mean   float64 // bits a picture, over trimWindow
	since  int     // pictures since the last step
}

func newRateTrim(fps int) rateTrim { return rateTrim{fps: fps, factor: 1} }

// add takes the size of one picture and says whether factor changed.
func (t *rateTrim) add(bits, bps int) bool {
	want := float64(bps) / float64(t.fps)
	if t.mean == 0 {
		t.mean = want
	}
	t.mean += (float64(bits) - t.mean) / max(1, trimWindow*float64(t.fps))
	t.since++
	if float64(t.since) < trimEvery*float64(t.fps) {
		return false
	}
	t.since = 0
	return t.step(t.mean/want - 1)
}

func (t *rateTrim) step(over float64) bool {
	if over > -trimDead && over < trimDead {
		return false
	}
	was := t.factor
	t.factor = min(max(t.factor*(1-trimGain*over), 1), trimMax)
	return t.factor != was
}

// restart follows a change of the wanted rate: the old mean says nothing.
func (t *rateTrim) restart() { t.mean, t.since = 0, 0 }
