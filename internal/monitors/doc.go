// Package monitors lists what is plugged into this machine and changes what a
// person chose for it, whether a terminal shows on it or not. It reads what the
// kernel says in /sys/class/drm, and reads and writes the file of choices; a
// terminal that runs follows that file.
//
// It opens no graphics card, sets no mode and talks to no terminal. Which mode
// is set it can only say as far as monitor and kernel do: the driver has the
// last word. Functions are safe on any goroutine.
package monitors
