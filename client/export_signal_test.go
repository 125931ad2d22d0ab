package client

// KeepSections, Redirect: what becomes of a host's words before they are used.
var (
	KeepSections = keepSections
	Redirect     = redirect
)
