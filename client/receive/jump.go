package receive

// jump gives up everything before a keyframe that is complete behind a gap: the
// gap's packets had to be asked for, so what they hold up is late, and a host
// whose path has become slow sends such a keyframe unasked. ext is a packet that
// was just stored.
func (v *Video) jump(ext int64, p *packet) {
	if startsKeyframe(v.cfg.Codec, p.payload) {
		if !v.keyAhead || v.keyTime != p.rtpTime {
			v.keyExt = ext
		}
		v.keyAhead, v.keyTime = true, p.rtpTime
		v.keys.coming(p.at, v.rtt)
	}
	if !v.keyAhead || p.rtpTime != v.keyTime {
		return
	}
	first, ok := v.wholeFrame(ext)
	for ok && v.win.head < first {
		v.giveUp()
	}
}

// jumpToKeyframe is jump for a keyframe that had come before one was wanted.
func (v *Video) jumpToKeyframe() {
	for ext := v.win.highest; ext > v.win.head; ext-- {
		if p := v.win.stored(ext); p != nil && startsKeyframe(v.cfg.Codec, p.payload) {
			v.jump(ext, p)
			return
		}
	}
}

// wholeFrame returns the first packet of the frame around ext, which waits in
// its slot, when all of the frame does and its beginning and end are certain.
func (v *Video) wholeFrame(ext int64) (first int64, ok bool) {
	rtpTime := v.win.stored(ext).rtpTime
	for end := ext; ; end++ {
		p := v.win.stored(end)
		if p == nil || p.rtpTime != rtpTime {
			return 0, false
		}
		if p.marker {
			break
		}
	}
	for first = ext; first-1 > v.win.head; first-- {
		p := v.win.stored(first - 1)
		if p == nil {
			break
		}
		if p.marker || p.rtpTime != rtpTime {
			return first, true
		}
	}
	return first, v.asm.startsByItself(v.win.stored(first))
}
