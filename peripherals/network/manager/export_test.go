package manager

// For tests.
var (
	Sanitise       = sanitise
	SecurityOf     = securityOf
	ConnectivityOf = connectivityOf
)

// Point is an access point.
type Point struct {
	SSID      SSID
	Security  Security
	Signal    int
	Frequency int
	Active    bool
}

// Merge is merge.
func Merge(all []Point) []Nearby {
	var points []point
	for _, p := range all {
		points = append(points, point{p.SSID, p.Security, p.Signal, p.Frequency, p.Active})
	}
	return merge(points)
}
