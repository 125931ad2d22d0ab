package wire

import "time"

// ntpToUnix is how many seconds the NTP era 0 (1900) starts before 1970.
const ntpToUnix = 2_208_988_800

// TimeToNTP returns t as the 64-bit NTP timestamp of RFC 5905, section 6:
// seconds since 1900 modulo 2^32 and a fraction of 2^-32 s.
func TimeToNTP(t time.Time) uint64 {
	seconds := uint64(t.Unix()+ntpToUnix) << 32
	// Rounded up, so that NTPToTime, which truncates, gives t back exactly.
	fraction := (uint64(t.Nanosecond())<<32 + 999_999_999) / 1_000_000_000
	return seconds | fraction
}

// NTPToTime returns the time of an NTP timestamp. Seconds below 2^31 belong
// to the era that starts in 2036 (RFC 4330, section 3).
func NTPToTime(ntp uint64) time.Time {
	seconds := int64(ntp >> 32)
	if seconds < 1<<31 {
		seconds += 1 << 32
	}
	nanoseconds := int64((ntp & 0xffff_ffff) * 1_000_000_000 >> 32)
	return time.Unix(seconds-ntpToUnix, nanoseconds)
}
