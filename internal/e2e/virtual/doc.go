// Package virtual holds the tests that run the finished programs in the virtual
// terminal: a real kernel with two display outputs, without a window system.
// It has no code of its own. `make test-vm` runs it; anywhere else it skips.
package virtual
