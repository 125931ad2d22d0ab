package netwatch

import (
	"os"
	"path/filepath"
	"strings"
)

// mobileDrivers make a network card of a modem or of a telephone.
const mobileDrivers = " qmi_wwan cdc_mbim huawei_cdc_ncm sierra_net rndis_host ipheth option iosm mhi_net t7xx "

// noCarrier reports what sysfs says of a carrier; where it says nothing there
// may be one.
func noCarrier(class, name string) bool {
	if !isName(name) {
		return false
	}
	b, err := os.ReadFile(filepath.Join(class, name, "carrier"))
	return err == nil && strings.TrimSpace(string(b)) == "0"
}

// isName reports a name that is one folder of sysfs.
func isName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}

// kindOf reads what sysfs says of an interface: class is /sys/class/net.
func kindOf(class, name string) Kind {
	if !isName(name) {
		return Virtual
	}
	dir := filepath.Join(class, name)
	exists := func(file string) bool { _, err := os.Stat(filepath.Join(dir, file)); return err == nil }
	if exists("wireless") || exists("phy80211") {
		return Wireless
	}
	if event, err := os.ReadFile(filepath.Join(dir, "uevent")); err == nil {
		for line := range strings.Lines(string(event)) {
			switch strings.TrimSpace(line) {
			case "DEVTYPE=wlan":
				return Wireless
			case "DEVTYPE=wwan":
				return Mobile
			}
		}
	}
	if driver, err := os.Readlink(filepath.Join(dir, "device", "driver")); err == nil &&
		strings.Contains(mobileDrivers, " "+filepath.Base(driver)+" ") {
		return Mobile
	}
	if exists("device") {
		return Cable
	}
	return Virtual
}
