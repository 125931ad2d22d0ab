package peer_test

import (
	"net"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/peer"
)

// candidates gathers what a connection with these settings would offer.
func candidates(t *testing.T, loopback bool) []string {
	t.Helper()
	se, err := peer.Settings(peer.Config{Loopback: loopback})
	if err != nil {
		t.Fatal(err)
	}
	pc, err := peer.API(&webrtc.MediaEngine{}, se).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	if _, err := pc.CreateDataChannel("x", nil); err != nil {
		t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	done := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-done
	var addresses []string
	for line := range strings.Lines(pc.LocalDescription().SDP) {
		if f := strings.Fields(line); strings.HasPrefix(line, "a=candidate:") && len(f) > 4 {
			addresses = append(addresses, f[4])
		}
	}
	return addresses
}

// TestLoopbackStaysInside proves that nothing but this machine is offered.
func TestLoopbackStaysInside(t *testing.T) {
	inside := candidates(t, true)
	if len(inside) == 0 {
		t.Error("candidates with loopback = none; want this machine's")
	}
	for _, a := range inside {
		if ip := net.ParseIP(a); ip == nil || !ip.IsLoopback() {
			t.Errorf("candidate with loopback = %s; want loopback addresses only", a)
		}
	}
	for _, a := range candidates(t, false) {
		if ip := net.ParseIP(a); ip == nil || ip.IsLoopback() {
			t.Errorf("candidate without loopback = %s; want an address that others reach, and no mDNS name", a)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for name, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.example": false, "128.0.0.1": false, "::": false, "0.0.0.0": false, "[::1]": false, "127.1": false, "127.0.0.1.example": false,
	} {
		if got := peer.IsLoopback(name); got != want {
			t.Errorf("IsLoopback(%q) = %v; want %v", name, got, want)
		}
	}
}
