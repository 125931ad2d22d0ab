package network

// For tests of what the kernel says.
var (
	ModesOf       = modesOf
	ParseWireless = parseWireless
)
