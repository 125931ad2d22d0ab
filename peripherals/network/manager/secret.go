package manager

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is what is printed of every secret, so that not even its length is
// told.
const redacted = "[secret]"

// Secret is a password, a PIN or a passphrase. However it is printed, logged
// or encoded, it does not show. The zero value is none.
type Secret struct {
	// A pointer, because fmt prints what lies behind a struct's pointers for
	// verbs that do not fit without asking any method; but no pointer's
	// pointer.
	text *string
}

// NewSecret returns text as a secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Empty reports whether there is none.
func (s Secret) Empty() bool { return s.text == nil }

// reveal returns the secret in the clear, for the bus.
func (s Secret) reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String implements fmt.Stringer.
func (Secret) String() string { return redacted }

// Format implements fmt.Formatter for every verb, %x and %#v among them.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, and so serves JSON.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
