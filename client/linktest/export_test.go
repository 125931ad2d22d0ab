package linktest

// For tests of what comes from the network.
var (
	ParseMirrored = parseMirrored
	ParseURL      = parseURL
)
