// Package devices reads all input devices of a terminal: it finds them
// (peripherals/evdev), hears the panic chord in them first (chord), gives each
// to what understands its kind (keymouse) and hands what the person does to a
// [Sink], the session. It knows no session and draws nothing.
//
// [Manager.Run] owns a goroutine for each node, which calls the sink, and one
// for each that has lamps or motors. A sink that hangs stops no one but
// itself: the devices are then read for the chord alone, and when it goes on
// each is told what has changed meanwhile.
package devices
