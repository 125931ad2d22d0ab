package audio

// cutter takes 5 ms out of the sound when it is wanted, and fades what was
// before into what comes after, so that nobody hears a click.
type cutter struct {
	wanted  bool
	holding bool // tail waits for the sound that it is faded into
	tail    [cutSamples]int16
}

// cutSamples is a cut in samples of all channels.
const cutSamples = Rate / 200 * Channels

// cut returns what is to be played of pcm, and whether 5 ms are now missing. A
// piece of no more than 5 ms is held and faded into the next one.
func (c *cutter) cut(pcm []int16) (out []int16, done bool) {
	switch {
	case !c.wanted || len(pcm) < cutSamples:
		return pcm, false // shorter pieces are not worth a cut
	case c.holding:
		c.holding, c.wanted = false, false
		fade(pcm[:cutSamples], c.tail[:])
		return pcm, true
	case len(pcm) >= 2*cutSamples:
		c.wanted = false
		copy(c.tail[:], pcm)
		fade(pcm[cutSamples:2*cutSamples], c.tail[:])
		return pcm[cutSamples:], true
	}
	rest := len(pcm) - cutSamples
	copy(c.tail[:], pcm[rest:])
	c.holding = true
	return pcm[:rest], false
}

// fade makes to a cross-fade from the beginning of from to its own end.
func fade(to, from []int16) {
	steps := len(to) / Channels
	for i := range to {
		k := i / Channels
		to[i] = int16((int(from[i])*(steps-k) + int(to[i])*k) / steps)
	}
}
