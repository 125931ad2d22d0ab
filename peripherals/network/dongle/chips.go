package dongle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// version is a release of the kernel.
type version struct{ major, minor int }

func (v version) before(w version) bool {
	return v.major < w.major || v.major == w.major && v.minor < w.minor
}

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

// parseVersion reads what uname -r says, such as 6.1.0-56-amd64; ok is false
// where it says something else.
func parseVersion(s string) (v version, ok bool) {
	major, rest, _ := strings.Cut(s, ".")
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	a, err1 := strconv.ParseUint(major, 10, 16)
	b, err2 := strconv.ParseUint(rest[:end], 10, 16)
	return version{int(a), int(b)}, err1 == nil && err2 == nil
}

// chip is a radio with a USB plug.
type chip struct {
	name   string
	driver string  // the kernel's
	since  version // its first release with the driver
	high   bool    // can do 5 GHz
	super  bool    // can do USB 3
	ids    string  // vendor:product of the usual dongles, each between spaces
}

// chips are what dongles are made of. A dongle that is not among the ids may
// still have one of these chips.
var chips = [...]chip{
	{"MT7601U", "mt7601u", version{4, 2}, false, false, " 0e8d:760a 0e8d:760b 148f:7601 148f:760b 148f:760c 148f:760d 2717:4106 2955:0001 7392:7710 "},
	{"MT7610U", "mt76x0u", version{4, 20}, true, false, " 0e8d:7610 0e8d:7630 0e8d:7650 148f:7610 148f:761a 0b05:17d1 057c:8502 2357:0105 2357:010b 2357:0123 7392:a711 7392:c711 "},
	{"MT7612U", "mt76x2u", version{4, 19}, true, true, " 0e8d:7612 0e8d:7632 045e:02e6 045e:02fe 057c:8503 0846:9053 0b05:17eb 0b05:180b 0b05:1833 2357:0137 2c4e:0103 7392:b711 "},
	{"MT7663U", "mt7663u", version{5, 8}, true, false, " 0e8d:7663 043e:310c "},
	{"MT7921AU", "mt7921u", version{5, 18}, true, true, " 0e8d:7961 "},
	{"MT7925U", "mt7925u", version{6, 7}, true, true, " 0e8d:7925 "},
	{"AR9271", "ath9k_htc", version{2, 6}, false, false, " 0cf3:9271 0cf3:1006 0cf3:b003 07b8:9271 0846:9030 07d1:3a10 13d3:3327 13d3:3328 13d3:3346 13d3:3348 13d3:3349 13d3:3350 "},
	{"AR7010", "ath9k_htc", version{2, 6}, true, false, " 0cf3:7010 0cf3:7015 0cf3:20ff 0846:9018 0411:017f 0411:0197 083a:a704 1668:1200 "},
	{"RT5372", "rt2800usb", version{3, 0}, false, false, " 148f:5372 148f:5370 148f:3070 "},
	{"RT5572", "rt2800usb", version{3, 10}, true, false, " 148f:5572 148f:3572 148f:3573 "},
	{"RTL8192CU", "rtl8192cu", version{2, 6}, false, false, " 0bda:8176 0bda:8178 7392:7811 7392:7822 "},
	{"RTL8192EU", "rtl8xxxu", version{4, 7}, false, false, " 0bda:818b 2001:3319 2357:0108 2357:0109 7392:a611 "},
	{"RTL8723BU", "rtl8xxxu", version{4, 7}, false, false, " 0bda:b720 "},
	{"RTL8188EU", "rtl8xxxu", version{6, 3}, false, false, " 0bda:8179 0bda:0179 2001:330f 2001:3310 2001:3311 2001:331b 2357:010c 2357:0111 2c4e:0102 7392:b811 0b05:18f0 056e:4008 "},
	{"RTL8188FU", "rtl8xxxu", version{6, 2}, false, false, " 0bda:f179 "},
	{"RTL8188GU", "rtl8xxxu", version{6, 4}, false, false, " 0bda:b711 "},
	{"RTL8192FU", "rtl8xxxu", version{6, 5}, false, false, " 0bda:f192 "},
	{"RTL8723DU", "rtw88_8723du", version{6, 2}, false, false, " 0bda:d723 7392:d611 "},
	{"RTL8822BU", "rtw88_8822bu", version{6, 2}, true, true, " 0bda:b812 0bda:b82c 0b05:1841 0b05:184c 0846:9055 13b1:0043 13b1:0045 2001:331c 2001:331e 2001:331f 2357:0115 2357:0116 2357:0117 2357:012d 2357:012e 2357:0138 2c4e:0107 7392:b822 7392:c822 7392:d822 7392:e822 7392:f822 20f4:808a "},
	{"RTL8821CU", "rtw88_8821cu", version{6, 2}, true, false, " 0bda:8731 0bda:8811 0bda:b820 0bda:b82b 0bda:c80c 0bda:c811 0bda:c820 0bda:c821 0bda:c82a 0bda:c82b 2001:331d 2c4e:0105 7392:c811 7392:d811 "},
	{"RTL8822CU", "rtw88_8822cu", version{6, 2}, true, true, " 0bda:c812 0bda:c82c 0bda:c82e 0bda:d820 0bda:d82b 2001:3329 "},
	{"RTL8821AU", "rtw88_8821au", version{6, 13}, true, false, " 0bda:0811 0bda:0820 0bda:0821 0bda:0823 0bda:a811 0846:9052 2001:3314 2001:3318 2357:011e 2357:011f 2357:0120 7392:a811 7392:a812 7392:a813 "},
	{"RTL8812AU", "rtw88_8812au", version{6, 13}, true, true, " 0bda:8812 0bda:881a 0bda:881b 0bda:881c 0846:9051 0b05:17d2 13b1:003f 2001:3313 2001:3315 2001:3316 2357:0101 2357:0103 2357:010d 2357:010e 2357:010f 2357:0122 7392:a822 20f4:805b "},
	{"RTL8814AU", "rtw88_8814au", version{6, 15}, true, true, " 0bda:8813 0846:9054 0b05:1817 0b05:1852 0b05:1853 2001:331a 2357:0106 7392:a833 7392:a834 "},
	{"RTL8851BU", "rtw89_8851bu", version{6, 17}, true, false, " 0bda:b831 0bda:b851 2001:332a 2c4e:0128 3625:010b 7392:e611 "},
	{"RTL8852BU", "rtw89_8852bu", version{6, 17}, true, true, " 0bda:b832 0bda:b83a 0bda:b852 0bda:b85a 0bda:a85b 0b05:1a62 0b05:1cb6 0db0:6931 2001:3327 3574:6121 35bc:0100 35bc:0108 7392:6822 "},
	{"RTL8852AU", "rtw89_8852au", version{6, 19}, true, true, " 0bda:8832 0bda:885a 0bda:885c 0b05:1997 2001:3321 2001:3323 2001:332c 2357:013f 2357:0140 2357:0141 "},
	{"RTL8852CU", "rtw89_8852cu", version{6, 19}, true, true, " 0bda:c832 0bda:c85a 0bda:c85d 0db0:991d 2357:014d 28de:2432 35bc:0101 35bc:0102 "},
	// A driver is written, and in no release yet.
	{"RTL8922AU", "rtw89_8922au", version{}, true, true, " 0bda:8912 0b05:1bcf 0b05:1bd2 0db0:da0e 2001:332b 3625:010a "},
}

// compactDiscs are dongles that show a disc with another system's drivers
// first, and their radio once that is ejected.
const compactDiscs = " 0bda:1a2b 0bda:a192 0e8d:2870 "

// vendorDrivers are built from chip makers' sources outside the kernel.
var vendorDrivers = [...]string{"rtl88xxau", "rtl8812au", "rtl8821au", "rtl8814au", "rtl88x2bu", "rtl8821cu", "rtl8188eu", "rtl8188fu", "rtl8852bu", "rtl8852au", "rtl8192eu"}

// chipOf finds a chip by the dongle's numbers.
func chipOf(vendor, product uint16) (chip, bool) {
	if vendor == 0 {
		return chip{}, false
	}
	i := slices.IndexFunc(chips[:], func(c chip) bool { return strings.Contains(c.ids, id(vendor, product)) })
	if i < 0 {
		return chip{}, false
	}
	return chips[i], true
}

// id is a dongle's numbers as they stand in the table.
func id(vendor, product uint16) string { return fmt.Sprintf(" %04x:%04x ", vendor, product) }
