package thermal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

// machine is a sysfs tree with one CPU sensor, one GPU sensor and two cores.
func machine(cpu, gpu, kHz int) fstest.MapFS {
	file := func(v any) *fstest.MapFile { return &fstest.MapFile{Data: fmt.Appendln(nil, v)} }
	return fstest.MapFS{
		"class/hwmon/hwmon0/name":                                file("k10temp"),
		"class/hwmon/hwmon0/temp1_input":                         file(cpu),
		"class/hwmon/hwmon0/temp1_max":                           file(70000),
		"class/hwmon/hwmon0/temp1_crit":                          file(100000),
		"class/hwmon/hwmon0/temp1_label":                         file("Tctl"),
		"class/hwmon/hwmon1/name":                                file("amdgpu"),
		"class/hwmon/hwmon1/temp1_input":                         file(gpu),
		"class/hwmon/hwmon1/temp1_crit":                          file(120000),
		"class/hwmon/hwmon3/name":                                file("nvme"),
		"class/hwmon/hwmon3/temp1_input":                         file(84000),
		"class/hwmon/hwmon3/temp1_crit":                          file(85000),
		"class/hwmon/hwmon2/name":                                file("nct6775"),
		"class/hwmon/hwmon2/temp1_input":                         file(-61000), // not wired
		"class/hwmon/hwmon2/temp2_input":                         file("soon"),
		"devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq":    file(2100000),
		"devices/system/cpu/cpufreq/policy0/scaling_max_freq":    file(2100000),
		"devices/system/cpu/cpufreq/policy2/cpuinfo_max_freq":    file(2100000),
		"devices/system/cpu/cpufreq/policy2/scaling_max_freq":    file(kHz),
		"devices/system/cpu/cpufreq/policy2/scaling_cur_freq":    file(1400000), // idle, not held
		"devices/system/cpu/cpufreq/policy2/affected_cpus_extra": file("2 3"),
	}
}

func TestRead(t *testing.T) {
	tests := []struct {
		name          string
		cpu, gpu, kHz int
		want          Reading
	}{
		{"cool", 45000, 47000, 2100000, Reading{"k10temp Tctl", 45, 100, 1}},
		{"GPU is nearest", 60000, 85000, 2100000, Reading{"amdgpu", 85, 120, 1}},
		{"held down", 60000, 50000, 1050000, Reading{"k10temp Tctl", 60, 100, 0.5}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := read(machine(tt.cpu, tt.gpu, tt.kHz)); got != tt.want {
				t.Errorf("read() = %+v; want %+v", got, tt.want)
			}
		})
	}
	if got, want := read(fstest.MapFS{}), (Reading{Clock: 1}); got != want {
		t.Errorf("read() without sensors = %+v; want %+v", got, want)
	}
}

// TestGovernor heats a machine, holds it, and cools it again.
func TestGovernor(t *testing.T) {
	w := New(Config{})
	now := time.Unix(0, 0)
	at := func(after time.Duration, celsius, clock float64) float64 {
		now = now.Add(after)
		w.step(now, Reading{"chip", celsius, 100, clock})
		return w.state.Share
	}
	for i, s := range []struct {
		after          time.Duration
		celsius, clock float64
		want           float64
	}{
		{0, 50, 1, 1},
		{2 * time.Second, 91, 1, 0.75},    // warm: less, at once
		{2 * time.Second, 92, 1, 0.75},    // it had no time to show
		{9 * time.Second, 92, 1, 0.5},     // not enough
		{2 * time.Second, 97, 1, 0.25},    // hot
		{20 * time.Second, 99, 1, 0.25},   // never less
		{30 * time.Second, 88, 1, 0.25},   // between: nothing changes
		{31 * time.Second, 80, 1, 0.5},    // cool for long: more
		{2 * time.Second, 80, 1, 0.5},     //
		{60 * time.Second, 80, 0.7, 0.25}, // held down counts as warm
		{60 * time.Second, 80, 1, 0.5},    //
		{60 * time.Second, 80, 1, 0.75},   //
		{60 * time.Second, 80, 1, 1},      //
		{60 * time.Second, 80, 1, 1},      //
	} {
		if got := at(s.after, s.celsius, s.clock); got != s.want {
			t.Errorf("step %d at %v °C, clock %v: share = %v; want %v", i, s.celsius, s.clock, got, s.want)
		}
	}
}

// TestOwnersBound: a processor that the owner runs slower all the time is not
// held down by heat; one that becomes slower than that is.
func TestOwnersBound(t *testing.T) {
	w := New(Config{})
	if w.step(time.Unix(9, 0), Reading{Clock: 0.6}); w.state.Share != 1 {
		t.Errorf("share at the owner's clock = %v; want 1", w.state.Share)
	}
	if w.step(time.Unix(99, 0), Reading{Clock: 0.3}); w.state.Share != 0.75 {
		t.Errorf("share at half the owner's clock = %v; want 0.75", w.state.Share)
	}
}

func TestNoSensorIsNeverWarm(t *testing.T) {
	w := New(Config{})
	if w.step(time.Unix(9, 0), Reading{Clock: 1}) || w.state.Share != 1 {
		t.Errorf("share without sensors = %v; want 1", w.state.Share)
	}
}

func TestRunTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		if err := os.CopyFS(dir, machine(50000, 50000, 2100000)); err != nil {
			t.Fatal(err)
		}
		told := make(chan State, 9)
		w := New(Config{Sys: os.DirFS(dir), OnChange: func(s State) { told <- s }})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { w.Run(ctx); close(done) }()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if err := os.WriteFile(filepath.Join(dir, "class/hwmon/hwmon0/temp1_input"), []byte("93000\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		cancel()
		<-done
		close(told)
		var all []State
		for s := range told {
			all = append(all, s)
		}
		if len(all) != 1 || all[0].Share != 0.75 || all[0].String() != "k10temp Tctl is at 93 °C" {
			t.Errorf("told %v; want one state of 0.75 that names the sensor", all)
		}
	})
}

func TestString(t *testing.T) {
	for _, tt := range []struct {
		s    State
		want string
	}{
		{State{Share: 1}, ""},
		{State{Share: 0.5, Reading: Reading{"chip", 50, 100, 0.5}}, "the processor is held at 50 % of its speed"},
		{State{Share: 0.5, Reading: Reading{"chip", 95, 100, 1}}, "chip is at 95 °C"},
		{State{Share: 0.5, Reading: Reading{"chip", 80, 100, 1}}, "the machine is cooling down"},         // on the way up
		{State{Share: 0.75, Reading: Reading{Clock: 0.5}}, "the processor is held at 50 % of its speed"}, // no sensor
	} {
		if got := tt.s.String(); got != tt.want {
			t.Errorf("String() = %q; want %q", got, tt.want)
		}
	}
}
