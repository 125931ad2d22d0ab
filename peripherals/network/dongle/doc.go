// Package dongle says in plain words what keeps a Wi-Fi dongle from being
// good enough for a session: a chip that this kernel has no driver for, a weak
// signal, the wrong band, a USB 3 plug that jams 2.4 GHz, a terminal that
// roams all the time.
//
// [Advise] is pure: facts go in, findings come out, the worst first. [Source]
// reads of the facts what sysfs knows; signal, bit rate and roaming are the
// caller's to add. Nothing here scans, measures or changes anything, and the
// text of a finding says what a person can do about it.
//
// It has no goroutine and is for any. Failure modes: what is not known is zero
// and gives no finding; a chip that the table lacks is judged by its driver
// alone.
//
// Sources: the device tables of the kernel's mt76, rtw88, rtw89, rtl8xxxu and
// ath9k drivers, and the releases they came with; Intel 327216, "USB 3.0 Radio
// Frequency Interference Impact on 2.4 GHz Wireless Devices";
// Documentation/ABI/testing/sysfs-bus-usb and sysfs-class-net.
package dongle
