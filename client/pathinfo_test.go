package client_test

import (
	"testing"

	"github.com/blade-shadow/terminal/client"
)

func TestPathString(t *testing.T) {
	for _, tt := range []struct {
		path client.Path
		want string
	}{
		{client.Path{}, "none yet"},
		{client.Path{Kind: "direct"}, "direct"},
		{client.Path{Kind: "direct", Interface: "enp1s0", Restarts: 1}, "direct, enp1s0, changed once"},
		{client.Path{Kind: "relay", Interface: "wwan0", Restarts: 3}, "by a relay, wwan0, changed 3 times"},
		{client.Path{Kind: "tcp"}, "direct, TCP"},
	} {
		if got := tt.path.String(); got != tt.want {
			t.Errorf("%+v is %q; want %q", tt.path, got, tt.want)
		}
	}
}

// Of several sessions the restarts add up, and the last path that there was is
// the path.
func TestStatsOfPaths(t *testing.T) {
	var sum client.Stats
	for _, p := range []client.Path{{Kind: "relay", Restarts: 2}, {Kind: "direct", Interface: "eth0", Restarts: 1}, {}} {
		sum.Add(client.Stats{Path: p})
	}
	if want := (client.Path{Kind: "direct", Interface: "eth0", Restarts: 3}); sum.Path != want {
		t.Errorf("path = %+v; want %+v", sum.Path, want)
	}
}
