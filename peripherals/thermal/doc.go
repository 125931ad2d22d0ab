// Package thermal watches how warm the machine is and whether its clocks are
// held down, and says how much of the full work it should be given: frames are
// to become smaller before they become late.
//
// It reads the kernel's hwmon sensors (Documentation/hwmon/sysfs-interface),
// and the clock limits of cpufreq (Documentation/admin-guide/pm/cpufreq). It
// changes nothing, cools nothing, and asks nobody for anything: what a share
// means is for whoever hears of it.
//
// [Watch.Run] owns the one goroutine and calls back from it. Sensors that go
// away, lie or cannot be read are left out; a machine without any is never warm.
package thermal
