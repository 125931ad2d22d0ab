//go:build linux && cgo && !nonative

package vatest

/*
#cgo CFLAGS: -O2 -Wall
#cgo LDFLAGS: -rdynamic -ldl
#include "display.h"
#include <stdlib.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// vendor opens and closes a display of libva on device, and returns its
// driver's name.
func vendor(device string) (string, error) {
	name := C.CString(device)
	defer C.free(unsafe.Pointer(name))
	var text [256]C.char
	if C.vatest_vendor(name, &text[0], C.size_t(len(text))) < 0 {
		return "", fmt.Errorf("open VA display %s: %w", device, errors.New(C.GoString(&text[0])))
	}
	return C.GoString(&text[0]), nil
}
