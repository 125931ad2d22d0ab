// Package ui draws the words that a person sees when there is no picture, or
// over it: what the terminal is doing, what went wrong and what to do about
// it, and the statistics. It draws with the Go fonts into premultiplied RGBA
// images of any size and never outside them; showing them is the display's
// business. Text that does not fit is wrapped, made smaller and at last cut.
//
// A [Painter] belongs to one goroutine at a time. It keeps the fonts it has
// scaled and starts no goroutine.
package ui

import (
	"time"
)

// Status is one message to the person in front of the screen.
type Status struct {
	Title  string // one big sentence: what is the case
	Detail string // what exactly, or why
	Hint   string // what the person can do, "" when nothing
	// Busy shows a turning mark: something is under way.
	Busy bool
	// Progress is a share of 0 to 1, drawn as a bar. 0 draws none.
	Progress float64
	// RetryAt is when the terminal tries again by itself; it is counted down
	// in seconds. The zero time counts nothing.
	RetryAt time.Time
	// Page covers the last picture completely. Otherwise the picture stays,
	// dimmed, behind the message.
	Page bool
}

// Stats is the panel of figures in the corner.
type Stats struct {
	Title string
	Rows  []Row
	// Graph is a history, oldest first, drawn as bars from zero to the
	// largest; empty draws none. GraphLabel says what it is.
	Graph      []float64
	GraphLabel string
}

// Row is one line of figures: the label to the left, the values to the right.
type Row struct {
	Label, Value string
}
