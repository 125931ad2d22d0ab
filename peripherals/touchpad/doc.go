// Package touchpad makes of a laptop's touchpad, or one that is plugged in, a
// mouse: one finger moves the pointer, two scroll, taps and the pad's own button
// click. There is no desktop here that would do it.
//
//   - A finger moves the pointer by its millimetres and its speed; what moves
//     less than a quarter of one has not moved.
//   - Two fingers scroll, down as the page goes down; which way is natural is the
//     host's choice, as is what goes on after they lift.
//   - A short touch is a click: of one finger the left button's, of two the
//     right one's, of three the middle one's. A tap and a finger that comes back
//     at once drag.
//   - The pad's one button is the left one with a finger, the right one with two,
//     the middle one with three; pads with a right button of their own keep it.
//   - Palms, what comes in at the sides, thumbs that rest at the lower edge beside
//     another finger, and what touches while somebody types count for nothing.
//
// It does no I/O and follows fingers with package touch. Where the device does
// not tell its size it is taken for 100 mm wide. A [Pad]'s Event belongs to the
// goroutine that reads the device; one timer, which lets go after a tap, runs on
// another, and both call Emit, one after the other. Events allocate nothing.
package touchpad
