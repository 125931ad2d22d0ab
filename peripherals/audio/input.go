package audio

import "time"

// InputConfig describes a microphone to open.
type InputConfig struct {
	Device string // its name as SDL lists it, "" for the system's choice
}

// inputBound is how much sound a microphone keeps that nobody takes.
const inputBound = time.Second
