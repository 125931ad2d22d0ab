package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/input"
)

const (
	// askPatience is how long a question waits for its answer.
	askPatience = time.Minute
	// askGuard is how long keys that were meant for the session answer nothing.
	askGuard = 700 * time.Millisecond
)

// errUnanswered says that nobody answered a question.
var errUnanswered = errors.New("nobody answered")

// Usages that answer (HID Usage Tables, 10).
const (
	usageEnter       = input.PageKeyboard<<16 | 0x28
	usageEscape      = input.PageKeyboard<<16 | 0x29
	usageBackspace   = input.PageKeyboard<<16 | 0x2a
	usageDown        = input.PageKeyboard<<16 | 0x51
	usageUp          = input.PageKeyboard<<16 | 0x52
	usageKeypadEnter = input.PageKeyboard<<16 | 0x58
)

// question is one that the person answers over the picture: arrows and Enter, or
// a pad's cross and its lower button. What is chosen at first is the last
// answer, which Escape gives as well: "no".
type question struct {
	title   string
	about   string
	answers []string
	show    func(*ui.Stats)
	since   time.Time
	done    chan int // capacity 1, never closed

	// digits wants a number typed instead: the digits of the keyboard, wherever
	// its layout has them.
	digits bool

	mu       sync.Mutex // guards below
	selected int
	typed    string
	pads     map[uint8]uint32 // buttons that were down
}

// ask shows a question on every screen until it is answered, askPatience is
// over or ctx ends, and returns which answer it was. Questions wait for each
// other. Meanwhile the session gets no input; a menu goes before.
func (a *Agent) ask(ctx context.Context, title, about string, answers ...string) (int, error) {
	return a.askAbout(ctx, &question{title: title, about: about, answers: answers, selected: len(answers) - 1})
}

// maxDigits is how long a number may be.
const maxDigits = 16

// errCanceled says that the person does not answer.
var errCanceled = errors.New("the person does not answer")

// askDigits asks for a number; Escape is no answer.
func (a *Agent) askDigits(ctx context.Context, title, about string) (string, error) {
	q := &question{title: title, about: about, digits: true}
	n, err := a.askAbout(ctx, q)
	if err == nil && n < 0 {
		err = errCanceled
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.typed, err
}

func (a *Agent) askAbout(ctx context.Context, q *question) (int, error) {
	select {
	case a.asking <- struct{}{}:
		defer func() { <-a.asking }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	q.show, q.since, q.done, q.pads = a.showQuestion, time.Now(), make(chan int, 1), make(map[uint8]uint32)
	a.question.Store(q)
	a.hold(&a.asked, true)
	q.show(q.words())
	defer func() {
		a.question.Store(nil)
		a.showQuestion(nil)
		a.hold(&a.asked, false)
	}()
	patience := time.NewTimer(askPatience)
	defer patience.Stop()
	select {
	case n := <-q.done:
		return n, nil
	case <-patience.C:
		return 0, errUnanswered
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// showQuestion draws a question where no menu is.
func (a *Agent) showQuestion(words *ui.Stats) {
	a.idle.touch() // what is asked on dark monitors is seen by nobody
	a.questionWords.Store(words)
	if a.menu.Load() == nil {
		a.showOver()
	}
}

// words are what the person sees of it.
func (q *question) words() *ui.Stats {
	st := &ui.Stats{Title: q.title}
	if q.about != "" {
		st.Rows = append(st.Rows, ui.Row{Label: q.about})
	}
	if q.digits {
		st.Rows = append(st.Rows, ui.Row{Label: "> " + q.typed + "_"})
		return st
	}
	for i, answer := range q.answers {
		label := "   " + answer
		if i == q.selected {
			label = "> " + answer
		}
		st.Rows = append(st.Rows, ui.Row{Label: label})
	}
	st.Rows = append(st.Rows, ui.Row{Label: fmt.Sprintf("Arrows and Enter; %.0f s without an answer is the last", askPatience.Seconds())})
	return st
}

// handle takes what a person does.
func (q *question) handle(ev input.Event) {
	if ev.Kind != input.KindKey || !ev.Down {
		return
	}
	if q.digits {
		q.typing(ev.Usage)
		return
	}
	switch ev.Usage {
	case usageUp:
		q.move(-1)
	case usageDown:
		q.move(1)
	case usageEnter, usageKeypadEnter:
		q.choose(-1)
	case usageEscape:
		q.choose(len(q.answers) - 1)
	}
}

// typing takes a key of a number.
func (q *question) typing(u input.Usage) {
	if time.Since(q.since) < askGuard {
		return
	}
	q.mu.Lock()
	digit, done := -1, false
	switch id := int(u) - input.PageKeyboard<<16; {
	case id >= 0x1e && id <= 0x27: // 1 to 9, and 0
		digit = (id - 0x1e + 1) % 10
	case id >= 0x59 && id <= 0x62:
		digit = (id - 0x59 + 1) % 10
	case u == usageBackspace && q.typed != "":
		q.typed = q.typed[:len(q.typed)-1]
	case u == usageEnter || u == usageKeypadEnter:
		done = q.typed != ""
	}
	if digit >= 0 && len(q.typed) < maxDigits {
		q.typed += string(rune('0' + digit))
	}
	words := q.words()
	q.mu.Unlock()
	q.show(words)
	switch {
	case done:
		q.answer(0)
	case u == usageEscape:
		q.answer(-1)
	}
}

// pad takes the state of a pad.
func (q *question) pad(p input.Pad) {
	if q.digits {
		return
	}
	q.mu.Lock()
	was, known := q.pads[p.Slot]
	q.pads[p.Slot] = p.Buttons
	q.mu.Unlock()
	if !known {
		return // what was down when the question came answers nothing
	}
	pressed := func(bit int) bool { return p.Buttons&^was&(1<<bit) != 0 }
	switch {
	case pressed(input.PadUp):
		q.move(-1)
	case pressed(input.PadDown):
		q.move(1)
	case pressed(input.PadSouth):
		q.choose(-1)
	case pressed(input.PadEast):
		q.choose(len(q.answers) - 1)
	}
}

func (q *question) move(by int) {
	q.mu.Lock()
	q.selected = min(max(q.selected+by, 0), len(q.answers)-1)
	words := q.words()
	q.mu.Unlock()
	q.show(words)
}

// choose answers; -1 with what is selected.
func (q *question) choose(n int) {
	if time.Since(q.since) < askGuard {
		return
	}
	q.mu.Lock()
	if n < 0 {
		n = q.selected
	}
	q.mu.Unlock()
	q.answer(n)
}

func (q *question) answer(n int) {
	select {
	case q.done <- n:
	default: // it is answered
	}
}
