package card

import (
	"image"
	"strconv"

	"github.com/blade-shadow/terminal/internal/input"
)

// Rows of the feedback area, in units.
const (
	feedbackLeft  = 36.2
	feedbackValue = 42
	feedbackTop   = 33.4
	feedbackRow   = 1.85
)

// feedback is the frame of the area that shows the user's input.
func (c canvas) feedback(cfg Config) {
	c.panel(c.feedbackArea())
	c.rectangle(c.rect(35, 30, 59, 30.3), accent(cfg.Screen))
	c.write(c.faces.text, "Your input, as it arrives here", c.x(feedbackLeft), c.y(32.2), rgb(rgbText))
	for i, label := range []string{"pointer", "held", "last", "wheel", "events"} {
		c.write(c.mono, label, c.x(feedbackLeft), c.y(feedbackTop+float64(i)*feedbackRow)+c.mono.Metrics().Ascent.Ceil(), rgb(rgbDim))
	}
}

// drawInput fills the feedback area and shows the pointer.
func (c *Card) drawInput(s inputState) {
	b := c.text[:0]
	if s.seen {
		b = strconv.AppendInt(b, int64(s.x), 10)
		b = append(b, ", "...)
		b = strconv.AppendInt(b, int64(s.y), 10)
		if c.cfg.Screens > 1 {
			b = strconv.AppendInt(append(b, " on screen "...), int64(s.screen+1), 10)
		}
	}
	c.feedbackRow(0, b)
	c.feedbackRow(1, c.appendPads(c.appendKeys(c.text[:0], s.held[:s.nHeld], " + "), s))
	c.feedbackRow(2, c.appendKeys(c.text[:0], s.last[:s.nLast], ", "))
	c.feedbackRow(3, appendWheel(c.text[:0], s))
	c.feedbackRow(4, strconv.AppendUint(c.text[:0], s.events, 10))
	if s.seen && s.screen == c.cfg.Screen {
		c.drawPointer(s.x, s.y)
	}
}

// feedbackRow writes one value, cut at the panel's edge.
func (c *Card) feedbackRow(i int, text []byte) {
	if len(text) == 0 {
		text = append(text, '-')
	}
	a := &c.fonts.text
	x := c.grid.x(feedbackValue)
	room := (c.grid.x(58.5) - x) / a.advance
	text = text[:min(len(text), max(room, 0))]
	c.touch(a.draw(c.frame, text, x, c.grid.y(feedbackTop+float64(i)*feedbackRow), greyText))
}

func (c *Card) appendKeys(b []byte, keys []input.Usage, between string) []byte {
	for i, k := range keys {
		if i > 0 {
			b = append(b, between...)
		}
		b = c.cfg.Input.words.append(b, k)
	}
	return b
}

// appendPads appends the buttons of game pads, after keys if there are any.
func (c *Card) appendPads(b []byte, s inputState) []byte {
	for pad, buttons := range s.pads {
		for bit, name := range c.cfg.Input.words.pad {
			if buttons>>bit&1 == 0 {
				continue
			}
			if len(b) > 0 {
				b = append(b, " + "...)
			}
			b = strconv.AppendInt(append(b, "pad "...), int64(pad+1), 10)
			b = append(append(b, ' '), name...)
		}
	}
	return b
}

func appendWheel(b []byte, s inputState) []byte {
	if !s.wheels {
		return b
	}
	b = appendSigned(append(b, "up "...), int64(s.v))
	return appendSigned(append(b, ", right "...), int64(s.h))
}

func appendSigned(b []byte, v int64) []byte {
	if v > 0 {
		b = append(b, '+')
	}
	return strconv.AppendInt(b, v, 10)
}

// drawPointer draws a cross whose middle pixel is free, white on black so that
// it shows on every ground.
func (c *Card) drawPointer(x, y int) {
	arm, gap, half := c.grid.line(1.8), c.grid.line(0.3), c.grid.line(0.1)
	black, white := color{16, 128, 128}, color{235, 128, 128}
	for _, pass := range []struct {
		grow int
		fill color
	}{{max(half/2, 1), black}, {0, white}} {
		for _, r := range [4]image.Rectangle{
			image.Rect(x-arm, y-half, x-gap, y+half+1), image.Rect(x+gap+1, y-half, x+arm+1, y+half+1),
			image.Rect(x-half, y-arm, x+half+1, y-gap), image.Rect(x-half, y+gap+1, x+half+1, y+arm+1),
		} {
			r = r.Inset(-pass.grow)
			fillRect(c.frame, r, pass.fill)
			c.touch(r)
		}
	}
}
