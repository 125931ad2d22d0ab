package vatest

import (
	"os"
	"path/filepath"
)

var (
	Vendor    = vendor
	ParseLogs = parseLogs
)

// BuildChecked makes the driver in dir with gcc's sanitisers.
func BuildChecked(dir string) error {
	flags, _, err := describeBuild()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	options := []string{"-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"}
	return compile(filepath.Join(dir, libraryName), options, flags)
}
