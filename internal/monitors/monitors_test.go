package monitors_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/internal/monitors"
)

// edidBytes reads one of display/edid's monitors.
func edidBytes(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "display", "edid", "testdata", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// port is a connector as the kernel shows it.
type port struct {
	name   string // "card0-DP-1"
	status string
	edid   []byte
	modes  string
}

func sysfs(ports ...port) fstest.MapFS {
	sys := fstest.MapFS{"version": {Data: []byte("drm 1.1.0 20060810\n")}, "card0/dev": {Data: []byte("226:0\n")}, "renderD128/dev": {Data: []byte("226:128\n")}}
	for _, p := range ports {
		sys[p.name+"/status"] = &fstest.MapFile{Data: []byte(p.status + "\n")}
		sys[p.name+"/edid"] = &fstest.MapFile{Data: p.edid}
		sys[p.name+"/modes"] = &fstest.MapFile{Data: []byte(p.modes)}
	}
	return sys
}

// desk has a named monitor, one of continuous refresh, a twin of the first and
// one without EDID, beside empty connectors.
func desk(t testing.TB) fstest.MapFS {
	philips, goldstar := edidBytes(t, "philips"), edidBytes(t, "goldstar")
	return sysfs(
		port{"card0-DP-1", "connected", philips, "1920x1080\n1920x1080\n1280x720\n800x600\n720x480i\n"},
		port{"card0-DP-2", "connected", goldstar, ""},
		port{"card0-DP-3", "disconnected", nil, ""},
		port{"card1-HDMI-A-1", "connected", philips, "1920x1080\n1920x1080\n1280x720\n800x600\n"},
		port{"card1-VGA-1", "connected", nil, "1024x768\n800x600\n"},
		port{"card1-Writeback-1", "unknown", nil, ""},
	)
}

func store(t testing.TB) *mode.Store {
	t.Helper()
	s, err := mode.OpenStore(filepath.Join(t.TempDir(), mode.FileName))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func list(t testing.TB, sys fs.FS, s *mode.Store) map[string]monitors.Monitor {
	t.Helper()
	all, err := monitors.List(sys, s)
	if err != nil {
		t.Fatalf("List = %v; want no error", err)
	}
	byName := make(map[string]monitors.Monitor)
	for _, m := range all {
		byName[m.Connector] = m
	}
	return byName
}

func TestList(t *testing.T) {
	all, err := monitors.List(desk(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range all {
		names = append(names, m.Card+":"+m.Connector)
	}
	if got, want := strings.Join(names, " "), "card0:DP-1 card0:DP-2 card1:HDMI-A-1 card1:VGA-1 card0:DP-3"; got != want {
		t.Fatalf("List = %s; want %s", got, want)
	}
	philips := all[0]
	if philips.Name != "227E4QH" || philips.Width != 1920 || philips.Height != 1080 || philips.WidthMM != 477 || philips.VRRMinHz != 0 {
		t.Errorf("DP-1 = %+v; want a 227E4QH of 1920x1080, fixed", philips)
	}
	if philips.Key != philips.Identity+"@DP-1" || all[2].Key != philips.Identity+"@HDMI-A-1" || all[1].Key != all[1].Identity || all[3].Key != "@VGA-1" {
		t.Errorf("keys = %q, %q, %q, %q; want connectors in those of the twins and of the one without identity", philips.Key, all[2].Key, all[1].Key, all[3].Key)
	}
	if all[1].Place.Width != 5120 || all[1].Place.X != 1920 || all[2].Place.X != 1920+5120 || all[4].Place != nil || !philips.Place.Primary {
		t.Errorf("places = %+v, %+v, %+v, %+v; want them beside each other, the first primary", philips.Place, all[1].Place, all[2].Place, all[4].Place)
	}
	text := philips.String()
	for _, want := range []string{
		"DP-1: 227E4QH, 477x268 mm\n",
		"  native    1920x1080\n",
		"  modes     1920x1080  60.000, 50.000 Hz\n",
		"            1280x720   60.000, 50.000 Hz\n",
		"            800x600    ~75, ~60 Hz\n",
		"            720x480i   ? Hz\n",
		"  refresh   fixed\n",
		"  chosen    nothing\n",
		"  shows     1920x1080 at 60.000 Hz, at 0,0 of the desktop, scale 100 %, primary\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("DP-1 in words lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "1440x900") {
		t.Errorf("DP-1 in words has 1440x900, which the kernel left out:\n%s", text)
	}
	if text := all[4].String(); text != "DP-3: nothing is plugged in\n" {
		t.Errorf("DP-3 in words = %q; want that nothing is there", text)
	}
	raw, err := json.Marshal(all)
	if err != nil || !strings.Contains(string(raw), `"milli_hz":59940`) {
		t.Errorf("Marshal(List) = %s, %v; want 59.94 Hz in it", raw, err)
	}
}

func TestListNothing(t *testing.T) {
	for name, sys := range map[string]fs.FS{
		"no folder":      os.DirFS(filepath.Join(t.TempDir(), "none")),
		"no card":        sysfs(),
		"only writeback": sysfs(port{"card0-Writeback-1", "unknown", nil, ""}),
	} {
		_, err := monitors.List(sys, nil)
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "a graphics card is needed") {
			t.Errorf("%s: List = %v; want errors.ErrUnsupported and what is needed", name, err)
		}
	}
}

func TestSet(t *testing.T) {
	sys, s := desk(t), store(t)
	set := func(connector string, w monitors.Wish) monitors.Monitor {
		t.Helper()
		m, err := monitors.Set(sys, s, connector, w)
		if err != nil {
			t.Fatalf("Set(%s) = %v; want no error", connector, err)
		}
		return m
	}
	m := set("DP-1", monitors.Wish{Mode: new("1280x720@50"), Scale: new(150), Primary: new(true), Fit: new("stretch"), VRR: new("off")})
	if want := (mode.Choice{Width: 1280, Height: 720, MilliHz: 50000, Scale: 150, Primary: true, Fit: mode.Stretch, VRR: mode.VRROff}); m.Choice != want {
		t.Errorf("Choice = %+v; want %+v", m.Choice, want)
	}
	if p := m.Place; p.Width != 1280 || p.MilliHz != 50000 || p.Scale != 150 || !p.Primary {
		t.Errorf("Place = %+v; want 1280x720@50 at 150 %%, primary", p)
	}
	if text := m.String(); !strings.Contains(text, "chosen    mode 1280x720@50.000, scale 150, primary, fit stretch, vrr off\n") {
		t.Errorf("in words: %s", text)
	}
	set("HDMI-A-1", monitors.Wish{Order: new(1), Primary: new(true)})
	all := list(t, sys, s)
	if a, b := all["DP-1"], all["HDMI-A-1"]; a.Choice.Primary || !b.Choice.Primary || b.Choice.Width != 0 || b.Place.X != 0 || a.Place.X != 1920 {
		t.Errorf("the twins have %+v at %+v and %+v at %+v; want the second first, primary alone", a.Choice, a.Place, b.Choice, b.Place)
	}
	set("DP-1", monitors.Wish{Mode: new("auto"), Scale: new(100), Fit: new("letterbox"), VRR: new("auto")})
	if got := list(t, sys, s)["DP-1"].Choice; got != (mode.Choice{}) {
		t.Errorf("Choice with all taken back = %+v; want none", got)
	}
	m = set("DP-2", monitors.Wish{Position: new("-5120,300")})
	if !m.Choice.Placed || m.Choice.X != -5120 || m.Place.X != 0 {
		t.Errorf("Choice = %+v at %+v; want a place", m.Choice, m.Place)
	}
	if m = set("DP-2", monitors.Wish{Position: new("auto")}); m.Choice.Placed {
		t.Errorf("Choice = %+v; want no place", m.Choice)
	}
	if m, err := monitors.Forget(sys, s, "HDMI-A-1"); err != nil || m.Choice != (mode.Choice{}) {
		t.Errorf("Forget(HDMI-A-1) = %+v, %v; want no choice", m.Choice, err)
	}
	if _, err := monitors.Forget(sys, s, "DP-3"); err == nil {
		t.Error("Forget(DP-3) = nil; want an error")
	}
}

func TestSetRefuses(t *testing.T) {
	sys, s := desk(t), store(t)
	tests := []struct {
		connector string
		w         monitors.Wish
		want      string
	}{
		{"DP-9", monitors.Wish{Scale: new(120)}, `there is no connector "DP-9", only DP-1, DP-2, HDMI-A-1, VGA-1, DP-3`},
		{"DP-3", monitors.Wish{Scale: new(120)}, "nothing is plugged into DP-3"},
		{"DP-1", monitors.Wish{}, "there is nothing to change"},
		{"DP-1", monitors.Wish{Mode: new("big")}, `mode "big" is not possible`},
		{"DP-1", monitors.Wish{Mode: new("1920x1080@")}, `mode "1920x1080@" is not possible`},
		{"DP-1", monitors.Wish{Mode: new("1920x1080@NaN")}, `mode "1920x1080@NaN" is not possible`},
		{"DP-1", monitors.Wish{Mode: new("0x0@60")}, `mode "0x0@60" is not possible`},
		{"DP-1", monitors.Wish{Mode: new("1920x1080@144")}, "227E4QH on DP-1 cannot show 1920x1080 at 144.000 Hz, only at 60.000, 50.000"},
		{"DP-1", monitors.Wish{Mode: new("1000x600@60")}, "227E4QH on DP-1 has no mode of 1000x600 and takes only those that it lists"},
		{"VGA-1", monitors.Wish{Mode: new("1920x1080")}, "the monitor on VGA-1 has no mode of 1920x1080"},
		{"DP-1", monitors.Wish{Scale: new(49)}, "scale 49 is not possible: it is in percent, from 50 to 400"},
		{"DP-1", monitors.Wish{Scale: new(401)}, "scale 401"},
		{"DP-1", monitors.Wish{Order: new(-1)}, "order -1 is not possible"},
		{"DP-1", monitors.Wish{Position: new("1920")}, `position "1920" is not possible`},
		{"DP-1", monitors.Wish{Position: new("0,99999999")}, `position "0,99999999" is not possible`},
		{"DP-1", monitors.Wish{Fit: new("zoom")}, `fit "zoom": want letterbox or stretch`},
		{"DP-1", monitors.Wish{VRR: new("maybe")}, `variable refresh "maybe": want auto, on or off`},
	}
	for _, tt := range tests {
		_, err := monitors.Set(sys, s, tt.connector, tt.w)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("Set(%s) = %v; want %q", tt.connector, err, tt.want)
		}
	}
	for name, m := range list(t, sys, s) {
		if m.Choice != (mode.Choice{}) {
			t.Errorf("%s after refusals: %+v; want no choice", name, m.Choice)
		}
	}
}

// TestSetMakes takes what no list has where the monitor follows any timing, or
// where nothing says the refresh.
func TestSetMakes(t *testing.T) {
	sys, s := desk(t), store(t)
	sys["card0-Virtual-1/status"] = &fstest.MapFile{Data: []byte("connected\n")}
	for _, tt := range []struct{ connector, mode string }{
		{"DP-1", "1920x1080"},
		{"DP-1", "1920x1080@60"},
		{"DP-1", "800x600@60"},
		{"DP-2", "5120x1440@119.97"},
		{"VGA-1", "1024x768@70"},
		{"Virtual-1", "400x300@10"},
		{"Virtual-1", "320x180@10"},
		{"Virtual-1", "1366x768@59.94"},
	} {
		if m, err := monitors.Set(sys, s, tt.connector, monitors.Wish{Mode: &tt.mode}); err != nil || m.Choice.Width == 0 {
			t.Errorf("Set(%s, %s) = %+v, %v; want it chosen", tt.connector, tt.mode, m.Choice, err)
		}
	}
}

func FuzzList(f *testing.F) {
	for _, name := range []string{"goldstar", "samsung", "philips", "blockmap", "displayid2"} {
		f.Add(edidBytes(f, name), "1920x1080\n720x480i\n", "1920x1080@60")
	}
	f.Add([]byte{}, "0x0\nx\n99999x9\n-1x5\n16384x16384i", "16384x16384@500")
	f.Fuzz(func(t *testing.T, data []byte, names, wish string) {
		sys := sysfs(port{"card0-DP-1", "connected", data, names}, port{"card0-Virtual-1", "connected", data, names})
		for name, m := range list(t, sys, nil) {
			if m.Place == nil || m.Place.Width <= 0 || m.Place.Height <= 0 || len(m.Modes) > 256 || !strings.HasPrefix(m.String(), name) {
				t.Fatalf("%s: %+v in words %q; want a place and no more than 256 modes", name, m, m.String())
			}
		}
		c, err := monitors.Wish{Mode: &wish}.Change(mode.Choice{})
		if err == nil && c.Check() != nil {
			t.Fatalf("Change(%q) = %+v; want what can be kept", wish, c)
		}
	})
}
