package bluetooth

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/godbus/dbus/v5"
)

// Names of errors: org.bluez.Adapter(5) and Device(5), BlueZ's src/error.c.
const (
	errorPrefix    = service + ".Error."
	errorRejected  = errorPrefix + "Rejected"
	errorCanceled  = errorPrefix + "Canceled"
	errorExists    = errorPrefix + "AlreadyExists"
	errorConnected = errorPrefix + "AlreadyConnected"
	errorNotLinked = errorPrefix + "NotConnected"
	errorNotThere  = errorPrefix + "DoesNotExist"
	errorNoObject  = "org.freedesktop.DBus.Error.UnknownObject"
	errorNoMethod  = "org.freedesktop.DBus.Error.UnknownMethod"
	errorNoReply   = "org.freedesktop.DBus.Error.NoReply"
	errorNoBus     = "org.freedesktop.DBus.Error.Disconnected"
)

// is reports whether err is an answer of that name.
func is(err error, name string) bool {
	var answer dbus.Error
	return errors.As(err, &answer) && answer.Name == name
}

// explain adds to a failed call what it means. parent is the context without
// the call's own limit.
func (m *Manager) explain(parent context.Context, path dbus.ObjectPath, epoch int, err error) error {
	if err == nil {
		return nil
	}
	m.mu.Lock()
	gone := m.epoch != epoch
	here := m.store != nil && m.store.has(path)
	m.mu.Unlock()
	var answer dbus.Error
	switch {
	case parent.Err() != nil:
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ReasonTime, err)
	case gone || errors.Is(err, dbus.ErrClosed) || is(err, errorNoReply) || is(err, errorNoBus):
		return fmt.Errorf("%w: %w", ErrGone, err)
	case is(err, errorNoObject), is(err, errorNotThere), is(err, errorNoMethod) && !here:
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	case errors.As(err, &answer) && strings.HasPrefix(answer.Name, errorPrefix):
		return fmt.Errorf("%w: %w", reasonOf(answer), err)
	}
	return err
}

// reasonOf reads an error of BlueZ's. Failed has a text since BlueZ 5.63 that
// is meant for programs, and that of an errno before.
func reasonOf(answer dbus.Error) Reason {
	switch strings.TrimPrefix(answer.Name, errorPrefix) {
	case "NotReady":
		return ReasonOff
	case "Blocked":
		return ReasonBlocked
	case "AuthenticationFailed", "AuthenticationRejected":
		return ReasonCode
	case "AuthenticationCanceled":
		return ReasonCanceled
	case "AuthenticationTimeout":
		return ReasonTime
	case "ConnectionAttemptFailed":
		return ReasonNotInRange
	case "InProgress":
		return ReasonBusy
	case "NotAvailable", "NotSupported":
		return ReasonProfile
	case "Failed":
		return reasonOfText(answer.Error())
	}
	return ReasonOther
}

func reasonOfText(text string) Reason {
	for _, x := range []struct {
		part   string
		reason Reason
	}{
		{"page-timeout", ReasonNotInRange},
		{"abort-by-remote", ReasonNotInRange},
		{"Host is down", ReasonNotInRange},
		{"Connection timed out", ReasonNotInRange},
		{"connection-timeout", ReasonNotInRange},
		{"adapter-not-powered", ReasonOff},
		{"not-powered", ReasonOff},
		{"profile-unavailable", ReasonProfile},
		{"Protocol not available", ReasonProfile},
		{"key-missing", ReasonCode},
		{"refused", ReasonCode},
		{"busy", ReasonBusy},
		{"Operation already in progress", ReasonBusy},
	} {
		if strings.Contains(text, x.part) {
			return x.reason
		}
	}
	return ReasonOther
}
