// Package kms shows pictures on a machine's monitors without a window system:
// it takes a graphics card over (DRM master), sets modes and flips pages with
// the atomic interface of the kernel (libdrm), and draws with display/gl into
// buffers that the card scans out (GBM). Every monitor has its own mode, rate,
// thread and OpenGL context, and at most one commit in flight; one goroutine
// reads the card's events and hands every flip to its output, so that no output
// waits for another. Flips carry the kernel's time, which becomes
// Timing.Shown and the clock of display/pace.
//
// The package reads no keyboard and no mouse (peripherals/devices does: OnInput
// and OnCommand are never called, OnFocus when the console is switched), chooses no mode (display/mode does),
// decides no moment to draw (display/pace does) and decodes nothing. It drives
// one card.
//
// [New] opens the card and proves whether it can draw dma-bufs; [Display.Run]
// owns all goroutines, ends with its context and leaves every property of the
// card as it was found. A monitor that comes or goes, a mode that the driver
// refuses, a GPU that was reset and a console that is switched away are dealt
// with inside and logged. Run fails when the card itself is gone. When the
// process dies the kernel gives the card back to the text console: the console
// is never put into graphics mode.
//
// Without cgo or with the tag nonative, [New] fails with
// [errors.ErrUnsupported], as it does on a machine without a usable card.
package kms
