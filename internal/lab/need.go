package lab

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// packageOf names the Debian package of each program that the lab drives.
func packageOf(program string) string {
	switch program {
	case "Xvfb":
		return "xvfb"
	case "ffplay":
		return "ffmpeg"
	case "setxkbmap":
		return "x11-xkb-utils"
	case "turnserver":
		return "coturn"
	}
	return program
}

// Need returns nil when every named program is in PATH. The error names what
// to install and wraps errors.ErrUnsupported.
func Need(programs ...string) error {
	var missing []string
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, packageOf(program))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("install the package %s: %w", strings.Join(missing, ", "), errors.ErrUnsupported)
}
