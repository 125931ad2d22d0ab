//go:build linux && !nonative

package interop_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/blade-shadow/terminal/internal/lab"
)

// input types and points, and looks for the answer in the host's pictures.
func (c *browser) input() {
	c.Helper()
	var focused bool
	c.eval(`shadow.sender.focused`, &focused)
	if !focused {
		c.Fatal("the page has a session and the focus, but takes no input; want it to")
	}
	c.mouse("mouseMoved", 300, 300, nil)
	c.mouse("mousePressed", 300, 300, map[string]any{"button": "left", "clickCount": 1})
	c.mouse("mouseReleased", 300, 300, map[string]any{"button": "left", "clickCount": 1})
	c.mouse("mouseWheel", 300, 300, map[string]any{"deltaX": 0, "deltaY": -100})
	c.key("keyDown", "KeyK", "k", 75)
	c.wait("the host to have the key", func() error { return c.acknowledged(1) })
	c.key("keyUp", "KeyK", "k", 75)
	c.wait("the host to have all", func() error { return c.acknowledged(0) })
	var wheel uint32
	c.eval(`shadow.sender.pointer.wheelV`, &wheel)
	if wheel != 120 {
		c.Errorf("the wheel's total after one detent away = %d; want 120", wheel)
	}
	// The host shows a marker in its pictures when it has the key.
	c.eval(`import('/web/keys.js').then((k) => { globalThis.markerKey = k.markerOf(1234); })`, nil)
	c.wait("the marker in the picture", func() error {
		if err := c.tryEval(`shadow.sender.press(markerKey, true); shadow.sender.press(markerKey, false)`, nil); err != nil {
			return err
		}
		_, marker, err := c.picture(0)
		if err == nil && marker != 1234 {
			err = fmt.Errorf("marker %d in the picture; want 1234", marker)
		}
		return err
	})
}

// acknowledged checks that the host has every transition, and how many keys
// are held.
func (c *browser) acknowledged(held int) error {
	var s struct{ Pending, Held int }
	if err := c.tryEval(`({Pending: shadow.sender.pending.length, Held: shadow.sender.held.length})`, &s); err != nil {
		return err
	}
	if s.Pending != 0 || s.Held != held {
		return fmt.Errorf("%+v; want nothing pending and %d held", s, held)
	}
	return nil
}

// A caught mouse moves the host's pointer by as much as itself, and the second
// screen shows on in a window of its own.
func TestChromiumCatchesMouse(t *testing.T) {
	b := begin(t, lab.Need("chromium"))
	host := b.host(lab.HostConfig{Source: "testcard", Size: "640x360", Audio: "none", Screens: 2})
	c := b.chromium()
	c.open(page(host))
	c.connect(2)
	c.eval(`document.getElementById('mouse').click()`, nil)
	c.wait("the mouse to be caught", func() error {
		var locked bool
		if err := c.tryEval(`shadow.screens[0].locked`, &locked); err != nil || !locked {
			return errors.Join(errNotYet, err)
		}
		return nil
	})
	type totals struct{ X, Y uint32 }
	var before totals
	c.mouse("mouseMoved", 400, 300, nil)
	c.eval(`({X: shadow.sender.pointer.x, Y: shadow.sender.pointer.y})`, &before)
	c.mouse("mouseMoved", 430, 290, nil)
	c.wait("the motion", func() error {
		var now totals
		if err := c.tryEval(`({X: shadow.sender.pointer.x, Y: shadow.sender.pointer.y})`, &now); err != nil {
			return err
		}
		if dx, dy := int32(now.X-before.X), int32(now.Y-before.Y); dx != 30 || dy != -10 {
			return fmt.Errorf("the totals moved by %d, %d; want 30, -10", dx, dy)
		}
		return nil
	})
	c.eval(`document.getElementById('mouse').click()`, nil)
	c.eval(`document.getElementById('apart').click()`, nil)
	c.wait("the second window", func() error {
		var apart bool
		if err := c.tryEval(`shadow.screens[1].window !== window && shadow.screens[1].video.videoWidth > 0`, &apart); err != nil || !apart {
			return errors.Join(errNotYet, err)
		}
		return nil
	})
	c.live(2)
	// Closing the window closes the screen; it comes back into the page.
	c.eval(`shadow.screens[1].window.close()`, nil)
	c.wait("the second screen closed", func() error {
		var closed bool
		if err := c.tryEval(`shadow.closed !== null && shadow.screens.length === 1`, &closed); err != nil || !closed {
			return errors.Join(errNotYet, err)
		}
		return nil
	})
	c.eval(`document.getElementById('second').click()`, nil)
	c.wait("the second screen in the page again", func() error {
		var back bool
		if err := c.tryEval(`shadow.screens[1]?.window === window`, &back); err != nil || !back {
			return errors.Join(errNotYet, err)
		}
		return nil
	})
	c.live(2)
}

// A game pad's button reaches the host. The browser's pad is made up: no test
// can plug one in; what the page makes of it is real.
func TestChromiumPlaysPad(t *testing.T) {
	b := begin(t, lab.Need("chromium"))
	host := b.host(lab.HostConfig{Source: "testcard", Size: "640x360", Audio: "none"})
	c := b.chromium()
	c.open(page(host))
	c.connect(1)
	rest := c.held()
	c.eval(`(() => {
		globalThis.padButtons = Array.from({ length: 17 }, () => ({ pressed: false, value: 0 }));
		const pad = { index: 0, connected: true, mapping: 'standard', axes: [0, 0, 0, 0], buttons: padButtons };
		navigator.getGamepads = () => [pad];
		padButtons[3] = { pressed: true, value: 1 };
		dispatchEvent(new Event('gamepadconnected'));
	})()`, nil)
	c.wait("the button on the test card", func() error {
		if d := difference(c.held(), rest); d < 5 {
			return fmt.Errorf("the row of what is held changed by %v; want the button's name", d)
		}
		return nil
	})
	c.screenshot("web-pad.png")
	c.eval(`padButtons[3] = { pressed: false, value: 0 }`, nil)
	c.wait("its release", func() error {
		if d := difference(c.held(), rest); d >= 2 {
			return fmt.Errorf("the row of what is held differs by %v; want it as before", d)
		}
		return nil
	})
}

// held is the brightness of each pixel of the test card's row of what is held,
// in a picture of 640x360.
func (c *browser) held() (row []float64) {
	c.Helper()
	c.eval(`(() => {
		const v = shadow.screens[0].video, k = document.createElement('canvas');
		k.width = 640; k.height = 360;
		const p = k.getContext('2d');
		p.drawImage(v, 0, 0);
		return [...p.getImageData(336, 282, 130, 13).data].filter((_, i) => i % 4 === 1);
	})()`, &row)
	return row
}

// difference is the mean of how much each pixel differs.
func difference(a, b []float64) (sum float64) {
	for i := range min(len(a), len(b)) {
		sum += math.Abs(a[i] - b[i])
	}
	return sum / float64(max(len(a), 1))
}
