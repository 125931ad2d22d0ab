package audio

import "time"

// Resampler is what sound of another clock goes through: see
// internal/speexdsp. One goroutine uses it.
type Resampler interface {
	// SetPPM lets Process use up that many parts per million more than it makes.
	SetPPM(ppm int)
	// Process returns how many samples of src it used and of dst it made.
	Process(dst, src []int16) (used, made int)
	Reset()
}

const (
	alignEvery = 4 * time.Second // how long the two clocks are compared before the rate is changed
	// Off by so much the two are put together anew.
	alignJump = 25 * time.Millisecond
	// An error of one sample over alignEvery is so many parts per million.
	alignPPM = 1e6 / (Rate * float64(alignEvery/time.Second))
)

// aligner takes from a FarEnd the sound that belongs to a microphone's
// frames. The two devices have two clocks, so it listens how far apart they
// are in the mean and resamples; without a resampler it jumps when they are
// too far apart.
type aligner struct {
	far       *FarEnd
	resampler Resampler // nil: jumps
	src       []int16   // what goes into the resampler

	synced bool
	next   int64 // the place of the next sample to take
	off    float64
	seen   int     // frames that off is the sum of
	drift  float64 // ppm that the clocks are believed to differ
}

func newAligner(far *FarEnd, r Resampler, frame int) *aligner {
	return &aligner{far: far, resampler: r, src: make([]int16, frame+frame/8)}
}

// reset forgets where it was: the microphone was closed meanwhile.
func (a *aligner) reset() { a.synced, a.drift = false, 0 }

// take fills dst with what was played while a frame was recorded that began
// at a time.
func (a *aligner) take(dst []int16, began time.Time) {
	due := a.far.at(began)
	if off := due - a.next; !a.synced || max(off, -off) > int64(samples(alignJump)) {
		a.synced, a.next = true, due
		a.off, a.seen = 0, 0
		if a.resampler != nil {
			a.resampler.Reset()
			a.resampler.SetPPM(int(a.drift))
		}
	}
	a.compare(float64(due-a.next), len(dst))
	if a.resampler == nil {
		a.far.read(dst, a.next)
		a.next += int64(len(dst))
		return
	}
	for len(dst) > 0 {
		src := a.src[:min(len(a.src), len(dst)+len(dst)/100+8)]
		a.far.read(src, a.next)
		used, made := a.resampler.Process(dst, src)
		if used == 0 && made == 0 {
			clear(dst)
			return
		}
		a.next += int64(used)
		dst = dst[made:]
	}
}

// compare notes by how much the place is off and, once it is known well,
// changes the rate: half of the error is to be gone after the next span.
func (a *aligner) compare(off float64, frame int) {
	a.off += off
	a.seen++
	if a.resampler == nil || a.seen < samples(alignEvery)/frame {
		return
	}
	mean := a.off / float64(a.seen) * alignPPM
	a.off, a.seen = 0, 0
	const most = 1000
	a.drift = min(max(a.drift+mean/8, -most), most)
	a.resampler.SetPPM(int(a.drift + mean/2))
}
