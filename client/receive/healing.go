package receive

import "github.com/blade-shadow/terminal/internal/media"

// healPatience is how many pictures are shown damaged until a keyframe is asked
// for, when no recovery point comes.
const healPatience = 180

// healing follows a stream that repairs itself part by part (gradual intra
// refresh) after a loss: from the first recovery point (H.264 D.2.8, H.265
// D.3.8) after it, so many pictures later all of the picture is right again.
type healing struct {
	left  int // pictures until then, -1: no recovery point has come
	shown int // damaged pictures delivered; while there are any, nothing follows them undamaged
}

// loss begins anew; what was damaged before stays so.
func (h *healing) loss() { h.left = -1 }

// heals says that the stream goes on by itself: its host refreshes, and the
// decoder has a picture to conceal from.
func (a *assembler) heals() bool {
	return a.refs.refresh && a.refs.everKey && a.awaitCause == media.CauseNetwork
}

// healed notes a picture being delivered and says whether it may be damaged.
func (a *assembler) healed(key bool) bool {
	h := &a.heal
	if key || !a.awaitKey || !a.discontinuity {
		h.left, h.shown = -1, 0
		return false
	}
	h.shown++
	switch {
	case h.left < 0 && a.refs.recovery >= 0:
		h.left = a.refs.recovery
	case h.left > 0:
		h.left--
	}
	if h.left == 0 {
		h.left, h.shown = -1, 0
		a.refs.healed()
		return false
	}
	if h.left < 0 && h.shown == healPatience {
		a.need = reasonLoss
	} else if h.left >= 0 || h.shown < healPatience {
		a.need = ""
	}
	return true
}
