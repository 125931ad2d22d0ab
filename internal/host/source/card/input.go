package card

import (
	"image"
	"slices"
	"sync"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
)

// Sizes of what is remembered of keys.
const (
	maxHeld = 6
	maxLast = 4
)

// Input takes what the terminal's user does and keeps what cards show of it.
// Its methods may be called from any goroutine and never fail.
type Input struct {
	words words // constant after NewInput

	mu     sync.Mutex // guards all below
	sizes  []image.Point
	order  []int // screens from left to right
	places []int // where each is in order
	state  inputState
}

// inputState is what there is to show. Copying it takes no memory.
type inputState struct {
	seen   bool // the pointer has moved
	screen int  // the pointer's place, in pixels of that screen
	x, y   int
	held   [maxHeld]input.Usage // oldest first
	nHeld  int
	last   [maxLast]input.Usage // newest first
	nLast  int
	v, h   int32 // the wheels' latest turn: away from the person, to the right
	wheels bool
	pads   [wire.MaxPads]uint32 // buttons held on each
	events uint64
}

// NewInput returns an Input for screens of one size, side by side.
func NewInput(screens, width, height int) *Input {
	in := &Input{words: newWords()}
	all := make([]image.Rectangle, screens)
	for i := range all {
		all[i] = image.Rect(i*width, 0, (i+1)*width, height)
	}
	in.Place(all)
	return in
}

// Place says where the screens are and how large, none of them empty. Their
// number must stay what it was.
func (in *Input) Place(screens []image.Rectangle) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.sizes, in.order, in.places = nil, nil, make([]int, len(screens))
	for i, r := range screens {
		in.sizes, in.order = append(in.sizes, r.Size()), append(in.order, i)
	}
	slices.SortStableFunc(in.order, func(a, b int) int { return screens[a].Min.X - screens[b].Min.X })
	for at, screen := range in.order {
		in.places[screen] = at
	}
	s, size := &in.state, in.sizes[in.state.screen]
	s.x, s.y = min(s.x, size.X-1), min(s.y, size.Y-1)
}

// Key presses or releases a key or a mouse button.
func (in *Input) Key(usage input.Usage, down bool) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := &in.state
	s.events++
	s.release(usage)
	if down {
		s.press(usage)
	}
	return nil
}

func (s *inputState) release(usage input.Usage) {
	for i := range s.nHeld {
		if s.held[i] == usage {
			copy(s.held[i:s.nHeld], s.held[i+1:s.nHeld])
			s.nHeld--
			return
		}
	}
}

func (s *inputState) press(usage input.Usage) {
	if s.nHeld < maxHeld {
		s.held[s.nHeld] = usage
		s.nHeld++
	}
	copy(s.last[1:], s.last[:])
	s.last[0] = usage
	s.nLast = min(s.nLast+1, maxLast)
}

// Motion moves the pointer, across the screens too.
func (in *Input) Motion(dx, dy int32) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := &in.state
	if !s.seen {
		s.x, s.y = in.sizes[s.screen].X/2, in.sizes[s.screen].Y/2
	}
	s.x += int(dx)
	for at := in.places[s.screen]; s.x < 0 && at > 0; at-- {
		s.screen = in.order[at-1]
		s.x += in.sizes[s.screen].X
	}
	for at := in.places[s.screen]; s.x >= in.sizes[s.screen].X && at+1 < len(in.order); at++ {
		s.x -= in.sizes[s.screen].X
		s.screen = in.order[at+1]
	}
	s.x = min(max(s.x, 0), in.sizes[s.screen].X-1)
	s.y = min(max(s.y+int(dy), 0), in.sizes[s.screen].Y-1)
	s.seen = true
	s.events++
	return nil
}

// Absolute moves the pointer to a place on a screen, 0..65535 each way.
func (in *Input) Absolute(screen uint8, x, y uint16) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := &in.state
	s.screen = min(int(screen), len(in.sizes)-1)
	s.x = int(x) * (in.sizes[s.screen].X - 1) / 65535
	s.y = int(y) * (in.sizes[s.screen].Y - 1) / 65535
	s.seen = true
	s.events++
	return nil
}

// Wheel turns the wheels by 1/120 of a detent: v away from the person, h to
// the right.
func (in *Input) Wheel(v, h int32) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.state.v, in.state.h, in.state.wheels = v, h, true
	in.state.events++
	return nil
}

// Pad shows which buttons of a game pad are held.
func (in *Input) Pad(p wire.Pad) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.state.pads[p.Pad%wire.MaxPads] = p.Buttons
	in.state.events++
	return nil
}

// Sync does nothing: a picture shows what has arrived when it is drawn.
func (in *Input) Sync() error { return nil }

// Pointer returns the pixel of a screen where the pointer is, and the screen's
// size; false before it first moved.
func (in *Input) Pointer() (screen int, at, size image.Point, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := &in.state
	return s.screen, image.Pt(s.x, s.y), in.sizes[s.screen], s.seen
}

func (in *Input) snapshot() inputState {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.state
}
