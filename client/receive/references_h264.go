package receive

import (
	"errors"

	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/media"
)

// h264References follows which pictures an H.264 host refers to and which its
// decoder has.
//
// frame_num counts pictures that others may refer to. While it goes on, none of
// them was lost, and whatever comes has all it needs. When one was, two sets of
// pictures are followed by the rules of 8.2.5: the host's, of all pictures whose
// first slice header came, and the decoder's, of those it was given, with what
// libavcodec does about the gaps. A P picture is good when each place of its
// reference list 0 is, by both sets, the same picture that the decoder was given.
//
// A picture that was torn has mostly told in its header what it did to the
// host's set. Where a header is missing as well, any long-term index may have
// been given to a lost picture, and nothing later in the stream can tell: then no
// long-term index is believed until a picture is seen to set it. A short-term
// picture that is named (8.2.4.3.1) is still known by its frame_num. What is not
// understood - fields, B slices after a loss, slice groups, MMCO 5 - leaves only a
// keyframe.
type h264References struct {
	order bitstream.H264Order
	head  bitstream.H264Header // of the slice in hand

	known   bool  // number holds
	opaque  bool  // the sets do not: something was not understood
	split   bool  // they differ or lack a picture; while they do not, host is both
	number  int64 // PrevRefFrameNum, counted on from the keyframe
	fed     int64 // the same of the last picture the decoder was given
	ids     uint64
	host    dpb
	decoder dpb
}

// mask is the highest frame_num.
func (a *h264References) mask() uint32 { return 1<<a.order.SPS.Log2MaxFrameNum - 1 }

func (a *h264References) limit() int { return int(a.order.SPS.MaxNumRefFrames) }

// count is frame_num counted on from the last reference picture.
func (a *h264References) count(num uint32) int64 {
	return a.number + int64((num-uint32(a.number))&a.mask())
}

// read parses a slice. light: only its H264Picture is known.
func (a *h264References) read(slice []byte) (light bool, err error) {
	if err = a.head.Parse(slice, &a.order); err == nil {
		return a.limit() == 0, nil
	}
	p, bad := bitstream.ParseH264Slice(slice, &a.order.SPS)
	if bad != nil {
		return true, err
	}
	a.head.H264Picture = p
	if errors.Is(err, bitstream.ErrCut) {
		return true, err
	}
	return true, nil
}

// delivered notes that the decoder was given a picture, after so many lost packets.
func (a *h264References) delivered(slice []byte, missing int64) {
	light, err := a.read(slice)
	if err != nil && !errors.Is(err, bitstream.ErrCut) {
		a.known, a.opaque = false, true
		return
	}
	a.seen(light, true, missing)
}

// dropped notes that a picture came, as far as data, and was not delivered. It
// returns false when what it did is not known, as of a lost one.
func (a *h264References) dropped(data []byte, missing int64) bool {
	slice, sets := beginH264(data)
	if sets != noSets {
		a.spoil()
		return true
	}
	if slice == nil || !a.known {
		return false
	}
	light, err := a.read(slice)
	switch {
	case err != nil || light && a.head.Reference:
		return false
	case a.head.IDR:
		a.spoil()
	default:
		a.seen(light, false, missing)
	}
	return true
}

// spoil leaves only a keyframe.
func (a *h264References) spoil() { a.split, a.opaque = true, true }

// healed says that the stream has repaired itself.
func (a *h264References) healed() { a.split, a.opaque = false, true }

// part begins to follow the decoder's set by itself.
func (a *h264References) part() {
	if !a.split {
		a.decoder, a.split = a.host, true
	}
}

// gap is how many reference pictures before the one in hand were not seen, -1
// when its number is not a new one.
func (a *h264References) gap() int64 { return a.count(a.head.FrameNum) - a.number - 1 }

// aliased says that so many packets were lost that numbers may have gone round,
// or a keyframe may have begun them anew just after another.
func (a *h264References) aliased(missing int64) bool {
	return missing > int64(a.mask())/2 || missing > 0 && a.number == 0
}

// seen follows the picture in hand.
func (a *h264References) seen(light, given bool, missing int64) {
	h := &a.head
	switch {
	case h.IDR:
		a.begin(light)
		return
	case !a.known:
		if h.Reference {
			a.known, a.opaque, a.number = true, true, int64(h.FrameNum)
		}
		return
	}
	at, gap := a.count(h.FrameNum), a.gap()
	switch {
	case gap < 0:
		a.opaque = a.opaque || h.Reference
	case missing > 0 && (gap > missing || a.aliased(missing)):
		a.spoil()
	case gap > 0 && missing == 0:
		a.opaque = true // a stream with gaps of its own
	case gap > 0:
		a.part()
		a.host.forget()
	}
	a.opaque = a.opaque || light && h.Reference
	if !given && h.Reference {
		a.part()
	}
	if !a.opaque {
		a.take(at, given)
	}
	switch {
	case h.Reference:
		a.number = at
	case gap > 0:
		a.number = at - 1
	}
	if given {
		a.fed = at
	}
}

// begin takes a keyframe that the decoder was given.
func (a *h264References) begin(light bool) {
	a.known, a.split, a.opaque = true, false, light
	a.number = int64(a.head.FrameNum)
	a.fed = a.number
	a.ids++
	a.host.mark(&a.head, a.number, a.mask(), firstID+a.ids, a.limit())
}

// take puts the picture in hand into the sets.
func (a *h264References) take(at int64, given bool) {
	id, limit := lostPicture, a.limit()
	if given {
		a.ids++
		id = firstID + a.ids
		if a.split {
			a.decoder.fill(a.fed, at, limit)
		}
	}
	if !a.head.Reference {
		return
	}
	if given && a.split {
		a.decoder.mark(&a.head, at, a.mask(), id, limit)
		a.decoder.trim(limit)
	}
	if !a.host.mark(&a.head, at, a.mask(), id, limit) || !a.host.bound(limit) {
		a.opaque = true
	}
	if a.split && a.host.same(&a.decoder) {
		a.split = false
	}
}

// Parameter sets before a picture's first slice.
const (
	noSets = iota
	pictureSets
	sequenceSets
)

// beginH264 returns the first slice of a picture, nil without, and the strongest
// parameter set before it.
func beginH264(data []byte) (slice []byte, sets int) {
	s := bitstream.NewHeadScanner(media.CodecH264, data)
	for n := 0; s.Next(); n++ {
		switch t := bitstream.H264Type(s.Unit()); {
		case n == maxHeads:
			return nil, sequenceSets
		case t == bitstream.H264SPS:
			sets = sequenceSets
		case t == bitstream.H264PPS:
			sets = max(sets, pictureSets)
		}
	}
	return s.Slice(), sets
}

// follows says whether the picture that data begins with needs nothing but
// what the decoder has, and whether more data cannot change that. whole: data
// is all of the picture.
func (a *h264References) follows(data []byte, missing int64, whole bool) (follows, sure bool) {
	slice, sets := beginH264(data)
	if !a.known || slice == nil || sets == sequenceSets {
		return false, true
	}
	light, err := a.read(slice)
	if errors.Is(err, bitstream.ErrCut) && !whole {
		return false, false
	}
	gap := a.gap()
	switch {
	case err != nil || a.head.IDR || gap < 0 || a.aliased(missing):
		return false, true
	case gap == 0 && !a.split:
		return true, true
	case a.opaque || light || sets != noSets || gap > missing:
		return false, true
	}
	host, decoder := a.host, a.host
	if a.split {
		decoder = a.decoder
	}
	if gap > 0 {
		host.forget()
	}
	at := a.count(a.head.FrameNum)
	decoder.fill(a.fed, at, a.limit())
	if !whole {
		return a.agrees(&host, &decoder, at), true
	}
	for s := bitstream.NewScanner(data); s.Next(); {
		switch t := bitstream.H264Type(s.Unit()); {
		case t < bitstream.H264Slice || t > bitstream.H264IDR:
		case a.head.Parse(s.Unit(), &a.order) != nil || a.count(a.head.FrameNum) != at || !a.agrees(&host, &decoder, at):
			return false, true
		}
	}
	return true, true
}

// agrees says whether the slice in hand refers to pictures only that the
// decoder has in the place where the host has them.
func (a *h264References) agrees(host, decoder *dpb, at int64) bool {
	var want, have refList
	switch a.head.Kind {
	case bitstream.H264I:
		return true
	case bitstream.H264P:
	default:
		return false
	}
	host.list(&a.head, at, a.mask(), &want)
	decoder.list(&a.head, at, a.mask(), &have)
	for i, p := range want[:a.head.Active] {
		if p.id < firstID || have[i].id != p.id {
			return false
		}
	}
	return true
}
