package thermal

import (
	"bytes"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Reading is what the sensors say at one moment.
type Reading struct {
	// Sensor is the one nearest to its limit, "k10temp Tctl"; "" when there is
	// none with a limit. Celsius is its temperature, Limit its critical one.
	Sensor         string
	Celsius, Limit float64
	// Clock is how much of its full speed the slowest-held processor may run
	// at, 0 to 1; 1 where nothing holds it down or nobody knows.
	Clock float64
}

// presumedLimit is in degrees: what chips of this kind stand whose driver names
// no critical temperature (k10temp on family 15h: Tctl throttles at 70 to 100).
const presumedLimit = 90

// read takes one reading from a sysfs tree.
func read(sys fs.FS) Reading {
	r := Reading{Clock: 1}
	margin := 1e9
	inputs, _ := fs.Glob(sys, "class/hwmon/hwmon*/temp*_input")
	for _, in := range inputs {
		milli, ok := number(sys, in)
		if !ok || elsewhere(text(sys, path.Dir(in)+"/name")) || milli < -40_000 || milli > 150_000 {
			continue // a sensor that is not wired
		}
		limit := limitOf(sys, strings.TrimSuffix(in, "_input"))
		if limit-milli < margin {
			margin = limit - milli
			r.Sensor, r.Celsius, r.Limit = nameOf(sys, in), milli/1000, limit/1000
		}
	}
	policies, _ := fs.Glob(sys, "devices/system/cpu/cpufreq/policy*")
	for _, p := range policies {
		allowed, ok := number(sys, p+"/scaling_max_freq")
		full, known := number(sys, p+"/cpuinfo_max_freq")
		if ok && known && full > 0 {
			r.Clock = min(r.Clock, allowed/full)
		}
		if bios, ok := number(sys, p+"/bios_limit"); ok && known && full > 0 {
			r.Clock = min(r.Clock, bios/full)
		}
	}
	return r
}

// elsewhere reports a chip that fewer pixels do not cool: a disk, a radio.
func elsewhere(chip string) bool {
	for _, prefix := range [...]string{"nvme", "drivetemp", "iwlwifi", "ath1", "mt7", "jc42"} {
		if strings.HasPrefix(chip, prefix) {
			return true
		}
	}
	return false
}

// limitOf returns a sensor's critical temperature in 1/1000 degree.
func limitOf(sys fs.FS, sensor string) float64 {
	// _max is left out: k10temp says 70 there for every chip of family 15h.
	for _, suffix := range [...]string{"_crit", "_emergency"} {
		if v, ok := number(sys, sensor+suffix); ok && v >= 40_000 && v <= 130_000 {
			return v
		}
	}
	return presumedLimit * 1000
}

// nameOf is the chip and the label of a sensor's input.
func nameOf(sys fs.FS, input string) string {
	name := text(sys, path.Dir(input)+"/name")
	if label := text(sys, strings.TrimSuffix(input, "_input")+"_label"); label != "" {
		name += " " + label
	}
	return name
}

// maxFile is more than any attribute of sysfs that is read here.
const maxFile = 64

func number(sys fs.FS, name string) (float64, bool) {
	v, err := strconv.ParseInt(text(sys, name), 10, 64)
	return float64(v), err == nil
}

func text(sys fs.FS, name string) string {
	raw, err := fs.ReadFile(sys, name)
	if err != nil || len(raw) > maxFile {
		return ""
	}
	return string(bytes.ToValidUTF8(bytes.TrimSpace(raw), nil))
}
