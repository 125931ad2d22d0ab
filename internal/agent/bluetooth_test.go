package agent_test

import (
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/peripherals/bluetooth"
)

// Questions of devices that pair are answered with the keyboard: yes and no, a
// number that is shown, one that is typed; a code to type there is shown.
func TestBluetoothIsAnswered(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, hosttest.Config{})
	s := newTerminal(t, h.URL, decoders())
	hosttest.Until(t, "pictures are shown", func() bool { return len(s.Frames()) > 5 })
	type reply struct {
		text string
		yes  bool
	}
	pad := bluetooth.Device{Name: "Wireless Controller", Kind: bluetooth.KindPad}
	ask := func(q bluetooth.Question, title string, keys ...uint16) reply {
		t.Helper()
		q.Device = pad
		got := make(chan reply, 1)
		go func() {
			text, yes := s.agent.AskBluetooth(t.Context(), q)
			got <- reply{text, yes}
		}()
		hosttest.Until(t, "it is asked", func() bool {
			o := s.overlay.Load()
			return o != nil && strings.Contains(o.Title, title)
		})
		if len(keys) > 1 { // the first is pressed until it is taken: what comes too soon is not
			hosttest.Until(t, "the first key is taken", func() bool {
				was := s.overlay.Load()
				s.keys(true, keys[0])
				s.keys(false, keys[0])
				now := s.overlay.Load()
				return now != nil && was != nil && now.Rows[len(now.Rows)-1].Label != "> _" || len(now.Rows) > 2
			})
			for _, k := range keys[1 : len(keys)-1] {
				s.keys(true, k)
				s.keys(false, k)
			}
		}
		s.answer(keys[len(keys)-1])
		return hosttest.Within(t, got, "the answer")
	}
	confirm := bluetooth.Question{Want: bluetooth.WantConfirm, Code: "123456"}
	if r := ask(confirm, "Does Wireless Controller show", codeUp, codeEnter); !r.yes {
		t.Error("confirmed, and refused")
	}
	if r := ask(confirm, "Does Wireless Controller show", codeEnter); r.yes {
		t.Error("Enter alone confirmed")
	}
	const code2, code9, codeBackspace = 3, 10, 14
	r := ask(bluetooth.Question{Want: bluetooth.WantPasskey}, "passkey of Wireless Controller", code2, code9, codeBackspace, code9, codeEnter)
	if trimmed := strings.TrimLeft(r.text, "2"); !r.yes || trimmed != "9" || r.text == "9" {
		t.Errorf("typed 2 9 backspace 9, got %q, %t", r.text, r.yes)
	}
	if r := ask(bluetooth.Question{Want: bluetooth.WantPIN}, "PIN of", 1); r.yes {
		t.Error("Escape answered")
	}
	s.agent.ShowBluetooth(bluetooth.State{Shown: &bluetooth.Shown{Code: "654321", Typed: 2}})
	hosttest.Until(t, "the code is shown", func() bool {
		o := s.overlay.Load()
		return o != nil && o.Rows[0].Label == "654321 (2 typed)"
	})
	s.agent.ShowBluetooth(bluetooth.State{})
	hosttest.Until(t, "it is gone", func() bool { return s.overlay.Load() == nil })
}
