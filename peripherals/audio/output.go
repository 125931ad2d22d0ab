package audio

// OutputConfig describes a device to open.
type OutputConfig struct {
	Device string // its name as SDL lists it, "" for the system's choice
}
