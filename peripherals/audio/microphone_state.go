package audio

// MicState is what a screen's sign says of the microphone.
type MicState uint8

// States of a microphone. Nothing leaves the machine in any but MicOpen.
const (
	MicClosed  MicState = iota // nobody wants it; the device is not open
	MicOpen                    // what is said is sent
	MicMuted                   // wanted, and muted with the key
	MicMissing                 // wanted, and there is no device; it is looked for once a second
	MicRefused                 // the host asked for it and may not have it
)

// String returns a word for the state.
func (s MicState) String() string {
	switch s {
	case MicClosed:
		return "closed"
	case MicOpen:
		return "open"
	case MicMuted:
		return "muted"
	case MicMissing:
		return "missing"
	case MicRefused:
		return "refused"
	}
	return "unknown"
}

// want is what was asked of a microphone last.
type want int32

const (
	wantClosed want = iota
	wantOpen
	wantRefused
)
