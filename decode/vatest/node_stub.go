//go:build !linux || !cgo || nonative

package vatest

import (
	"errors"
	"fmt"
)

func vendor(device string) (string, error) {
	return "", fmt.Errorf("open VA display %s: built without C: %w", device, errors.ErrUnsupported)
}
