// Package card draws the test card: a picture that shows at a glance whether
// colour, geometry, motion, sound and input arrive as they should.
//
// It draws straight into I420, BT.709 limited range. Everything that does not
// move is rendered once, by [New]; [Card.Draw] restores what it drew before
// and draws the moving parts anew, so a picture costs a fraction of a
// millisecond and no allocation. The layout is a grid of 80x45 units, so the
// card looks the same at every size, and the barcode's place is part of it.
//
// A [Card] belongs to one goroutine. An [Input] is shared: it takes what the
// terminal's user does from any goroutine, and every card shows it. Nothing
// here does I/O, starts goroutines or fails once New has succeeded.
package card
