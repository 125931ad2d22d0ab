// Package mode decides what each output shows and where: exact refresh rates,
// modelines where a list has none (VESA CVT), what a link can carry, which mode
// is best for a stream and what stream is best for a mode, the choices a user
// made for each monitor, and the layout of several outputs on one desktop.
//
// All of it is arithmetic but [Store], which keeps its file. The package opens
// no device, sets no mode and knows no driver: display/kms asks it, tries what
// it says and falls to the next. Functions are safe on any goroutine.
package mode
