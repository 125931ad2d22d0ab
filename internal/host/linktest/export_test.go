package linktest

// For tests of what comes from the network.
var CheckOffer = checkOffer

// ParseRequest reads a request to the mirror.
func ParseRequest(b []byte, key string) (swap, ok bool) {
	r, ok := parseRequest(b, key)
	return r.swap, ok
}
