// Package lab is the bench on which the finished programs are tried: it starts
// X servers without a monitor, the real shadow-host and shadow-terminal, and
// applications to stream; presses keys and moves the mouse with xdotool; takes
// pictures of what a window really shows, reads the barcode in them and
// compares them; and turns the programs' own summaries into tables, figures
// and diagrams. The end-to-end tests and cmd/shadow-lab are made of it.
//
// It is a developer's tool and no part of the product: it knows the programs
// only by their command lines, windows and JSON summaries.
//
// Nothing here waits by sleeping: [Until] repeats a check until it holds, and
// [Process.WaitLine] wakes with the line. Everything that is started is owned
// by a [Process]: it dies when it is closed, when its context ends, and, by
// the kernel's hand, when this program dies (PR_SET_PDEATHSIG). A Process owns
// the one goroutine that reaps it. What is missing on the machine is an error
// that wraps errors.ErrUnsupported and names the package to install.
package lab
