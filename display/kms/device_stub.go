//go:build !linux || !cgo || nonative

package kms

import (
	"errors"
	"fmt"
)

var errBuild = fmt.Errorf("monitors without a window system need libdrm, GBM and EGL: "+
	"this program was built without cgo or with the tag nonative: %w", errors.ErrUnsupported)

func openDevice(*Config) (device, error) { return nil, errBuild }
