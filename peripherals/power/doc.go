// Package power is the terminal's view of systemd-logind and
// systemd-timedated over the system bus: it powers off, restarts and suspends
// the machine, hears when the machine is about to sleep and when it is awake
// again, keeps it from doing so while an update is written, and sets the time
// zone.
//
// It decides nothing: when to sleep, and who may ask, is the caller's
// business. It reads no power button and no battery. On a machine without
// these services every method answers with [errors.ErrUnsupported].
//
// [Manager.Run] owns the connection to the bus and makes another when that
// one ends, or when logind is started again. Before the machine sleeps logind
// waits for at most five seconds (logind.conf(5), InhibitDelayMaxSec) for Run
// to return from Config.OnSleep: that is when keys are let go.
//
// Source: org.freedesktop.login1(5), org.freedesktop.timedate1(5).
package power
