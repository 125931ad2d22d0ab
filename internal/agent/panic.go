package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/peripherals/chord"
	"github.com/blade-shadow/terminal/peripherals/power"
)

// endPatience is how long a session may take to end when a person wants it
// restarted, and the machine to be asked to power off.
const endPatience = 5 * time.Second

// errRestarted ends a session that a person wants restarted.
var errRestarted = errors.New("restarted with the keyboard")

// onPanic does what a person wants of a terminal that may hang; a goroutine of
// its own. It relies on nothing that it can do without.
func (a *Agent) onPanic(what chord.Action) {
	go a.log.Warn("asked for with the keyboard", "action", what) // what takes the log may hang, too
	switch what {
	case chord.RestartSession:
		a.restartSession()
	case chord.RestartAgent:
		a.restart()
	case chord.PowerOff:
		a.powerOff()
	}
}

// restartSession ends the session, and the program if the session does not end.
func (a *Agent) restartSession() {
	at := a.session.Load()
	if at == nil {
		select {
		case a.pressed <- struct{}{}: // there is none: do not wait for the next
		default:
		}
		return
	}
	at.restartOnce.Do(func() { close(at.restart) })
	timeout := time.NewTimer(endPatience)
	defer timeout.Stop()
	select {
	case <-at.ended:
	case <-timeout.C:
		go a.log.Error("the session does not end; the program is restarted")
		a.restart()
	}
}

// watchRestart ends a session when the person wants that.
func (at *attempt) watchRestart(ctx context.Context) error {
	select {
	case <-at.restart:
		return errRestarted
	case <-ctx.Done():
		return nil
	}
}

func (a *Agent) restart() {
	if a.cfg.Restart != nil {
		a.cfg.Restart()
	}
}

// powerOff asks the system to, and the kernel if that does not answer.
func (a *Agent) powerOff() {
	ctx, cancel := context.WithTimeout(context.Background(), endPatience)
	defer cancel()
	err := a.power.Do(ctx, power.PowerOff)
	if err == nil {
		return
	}
	go a.log.Error("the system does not power off", "err", err)
	if a.cfg.PowerOff == nil {
		return
	}
	if err := a.cfg.PowerOff(); err != nil {
		go a.log.Error("the kernel does not power off", "err", err)
	}
}

// showMenu shows what the chord's keys do; a goroutine of the chord's. The
// session gets no input meanwhile. It is told first: the display may hang.
func (a *Agent) showMenu(s chord.Show) {
	shown := s.Held || len(s.Menu) > 0
	a.hold(&a.captured, shown)
	a.menu.Store(nil)
	if shown {
		a.menu.Store(menuOf(s))
	}
	a.showOver()
}

// showOver draws what stands over the picture.
func (a *Agent) showOver() {
	for i := range a.screens {
		a.display.SetOverlay(i, a.over())
	}
}

// over is what stands over the picture and its statistics: a menu, a question, a
// sign, or nothing.
func (a *Agent) over() *ui.Stats {
	if m := a.menu.Load(); m != nil {
		return m
	}
	if q := a.questionWords.Load(); q != nil {
		return q
	}
	return a.sign.Load()
}

// menuOf is what the person sees of it.
func menuOf(s chord.Show) *ui.Stats {
	if s.Held {
		st := &ui.Stats{Title: "Keys held", Rows: []ui.Row{{Label: "Let go", Value: s.Now.String()}}}
		if s.Next <= chord.PowerOff && s.Now != chord.PowerOff {
			st.Rows = append(st.Rows, ui.Row{Label: fmt.Sprintf("Hold %.0f s longer", s.Left.Seconds()), Value: s.Next.String()})
		}
		return st
	}
	st := &ui.Stats{Title: "Menu: arrows and Enter, or a number"}
	for i, item := range s.Menu {
		words := item.String()
		if item == chord.None {
			words = "go on"
		}
		label := fmt.Sprintf("%d", i+1)
		if i == s.Selected {
			label = "> " + label
		}
		st.Rows = append(st.Rows, ui.Row{Label: label, Value: words})
	}
	return st
}
