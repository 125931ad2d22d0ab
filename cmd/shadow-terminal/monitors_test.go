package main

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// plugMonitors makes $WORK/sys like /sys/class/drm with two monitors that
// cannot be told apart but by where they are plugged in.
func plugMonitors(e *testscript.Env) error {
	text, err := os.ReadFile("../../display/edid/testdata/philips.hex")
	if err != nil {
		return err
	}
	edid, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		return err
	}
	for _, connector := range []string{"DP-1", "DP-2"} {
		folder := filepath.Join(e.WorkDir, "sys", "card0-"+connector)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		for name, data := range map[string]string{"status": "connected\n", "edid": string(edid), "modes": "1920x1080\n1280x720\n"} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(data), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
