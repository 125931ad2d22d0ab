package network_test

import (
	"errors"
	"io/fs"
	"net/netip"
	"testing"
	"testing/fstest"

	"github.com/mdlayher/ethtool"

	"github.com/blade-shadow/terminal/peripherals/network"
)

// class makes a /sys/class/net with one interface.
func class(name string, files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for file, text := range files {
		out[name+"/"+file] = &fstest.MapFile{Data: []byte(text + "\n")}
	}
	return out
}

func cable() map[string]string {
	return map[string]string{
		"type": "1", "mtu": "1500", "speed": "1000", "duplex": "full", "uevent": "INTERFACE=eth0\nIFINDEX=2",
		"device/uevent": "DRIVER=r8169", "carrier_down_count": "3",
		"statistics/rx_crc_errors": "7", "statistics/rx_frame_errors": "1", "statistics/tx_carrier_errors": "2",
		"statistics/rx_missed_errors": "5", "statistics/rx_errors": "100",
	}
}

func with(base map[string]string, more ...string) map[string]string {
	for i := 0; i < len(more); i += 2 {
		if more[i+1] == "" {
			delete(base, more[i])
			continue
		}
		base[more[i]] = more[i+1]
	}
	return base
}

func none() (map[string]network.Modes, error) { return nil, errors.ErrUnsupported }

func TestRead(t *testing.T) {
	modes := func(m network.Modes) func() (map[string]network.Modes, error) {
		return func() (map[string]network.Modes, error) { return map[string]network.Modes{"x0": m}, nil }
	}
	tests := []struct {
		name   string
		files  map[string]string
		modes  func() (map[string]network.Modes, error)
		want   network.Facts
		fallen bool
	}{
		{
			name: "cable", files: cable(), modes: none,
			want: network.Facts{Kind: network.KindCable, MTU: 1500, SpeedMbps: 1000, Duplex: "full", Damaged: 10, Dropped: 5, Losses: 3},
		},
		{
			name: "cable that fell", files: with(cable(), "speed", "100"),
			modes:  modes(network.Modes{SpeedMbps: 100, OwnMbps: 1000, PeerMbps: 1000, Duplex: "full"}),
			want:   network.Facts{Kind: network.KindCable, MTU: 1500, SpeedMbps: 100, OwnMbps: 1000, PeerMbps: 1000, Duplex: "full", Damaged: 10, Dropped: 5, Losses: 3},
			fallen: true,
		},
		{
			name: "slow switch", files: with(cable(), "speed", "100", "duplex", "half"),
			modes: modes(network.Modes{SpeedMbps: 100, OwnMbps: 1000, PeerMbps: 100, Duplex: "half"}),
			want:  network.Facts{Kind: network.KindCable, MTU: 1500, SpeedMbps: 100, OwnMbps: 1000, PeerMbps: 100, Duplex: "half", Damaged: 10, Dropped: 5, Losses: 3},
		},
		{
			name: "unplugged", files: with(cable(), "speed", "-1", "duplex", "unknown"), modes: none,
			want: network.Facts{Kind: network.KindCable, MTU: 1500, Duplex: "not known", Damaged: 10, Dropped: 5, Losses: 3},
		},
		{
			name: "wi-fi", files: map[string]string{"type": "1", "mtu": "1500", "uevent": "DEVTYPE=wlan\nINTERFACE=x0", "phy80211/name": "phy0"}, modes: none,
			want: network.Facts{Kind: network.KindWiFi, MTU: 1500, Duplex: "not known", SignalDBm: -56},
		},
		{
			name: "mobile", files: map[string]string{"type": "519", "mtu": "1428", "uevent": "DEVTYPE=wwan"}, modes: none,
			want: network.Facts{Kind: network.KindMobile, MTU: 1428, Duplex: "not known"},
		},
		{
			name: "virtual machine", files: with(cable(), "device/uevent", "DRIVER=virtio_net", "speed", "-1"), modes: none,
			want: network.Facts{Kind: network.KindVirtual, MTU: 1500, Duplex: "full", Damaged: 10, Dropped: 5, Losses: 3},
		},
		{
			name: "bridge", files: map[string]string{"type": "1", "mtu": "1500", "uevent": "DEVTYPE=bridge"}, modes: none,
			want: network.Facts{Kind: network.KindVirtual, MTU: 1500, Duplex: "not known"},
		},
		{
			name: "loopback", files: map[string]string{"type": "772", "mtu": "65536"}, modes: none,
			want: network.Facts{Kind: network.KindLoopback, MTU: 65536, Duplex: "not known"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := network.Source{
				Class: class("x0", tt.files), Modes: tt.modes,
				Wireless: func() ([]byte, error) {
					return []byte("Inter-| sta-|   Quality        |   Discarded packets\n face | tus | link level noise |  nwid\n x0: 0000   54.  -56.  -256        0\n"), nil
				},
			}
			tt.want.Name = "x0"
			got, err := s.Read("x0")
			if err != nil || got != tt.want {
				t.Errorf("Read() = %+v, %v; want %+v", got, err, tt.want)
			}
			if got.Fallen() != tt.fallen {
				t.Errorf("Fallen() = %v; want %v", got.Fallen(), tt.fallen)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	s := network.Source{Class: class("x0", cable()), Modes: none}
	for _, name := range []string{"y0", "..", "x0/statistics", "", "."} {
		if _, err := s.Read(name); err == nil {
			t.Errorf("Read(%q) = nil; want an error", name)
		}
	}
	if _, err := s.Read("y0"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read(y0) = %v; want that it does not exist", err)
	}
}

// TestThisMachine reads the interface that every Linux has.
func TestThisMachine(t *testing.T) {
	name, err := network.NameOf(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Skip(err)
	}
	f, err := network.Source{}.Read(name)
	if err != nil || f.Kind != network.KindLoopback || f.MTU == 0 {
		t.Errorf("Read(%s) = %+v, %v; want the loopback", name, f, err)
	}
	if n, err := network.NameOf(netip.MustParseAddr("192.0.2.77")); err == nil {
		t.Errorf("NameOf(an address nobody has) = %s; want an error", n)
	}
}

func TestModes(t *testing.T) {
	mode := func(names ...string) (out []ethtool.AdvertisedLinkMode) {
		for _, n := range names {
			out = append(out, ethtool.AdvertisedLinkMode{Name: n})
		}
		return out
	}
	got := network.ModesOf(&ethtool.LinkMode{
		SpeedMegabits: 100, Duplex: ethtool.Full,
		Ours: mode("Autoneg", "10baseT/Half", "1000baseT/Full", "100baseT/Full"), Peer: mode("100baseT/Full", "2500baseT/Full"),
	})
	if want := (network.Modes{SpeedMbps: 100, OwnMbps: 1000, PeerMbps: 2500, Duplex: "full"}); got != want {
		t.Errorf("modes = %+v; want %+v", got, want)
	}
	got = network.ModesOf(&ethtool.LinkMode{SpeedMegabits: 0xffffffff, Duplex: ethtool.Unknown})
	if want := (network.Modes{Duplex: "not known"}); got != want {
		t.Errorf("modes without a link = %+v; want %+v", got, want)
	}
}

func FuzzParseWireless(f *testing.F) {
	f.Add([]byte(" wlan0: 0000   54.  -56.  -256        0      0      0      0      0        0\n"))
	f.Add([]byte(":\n:::. . .\nx: a b c\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for name, level := range network.ParseWireless(b) {
			if level >= 0 || level <= -120 {
				t.Errorf("signal of %q = %d dBm", name, level)
			}
		}
	})
}
