package lab

import (
	"context"
	"fmt"
	"os"
	"sync"
)

// Main runs the tests of a package that drives the programs, and returns its
// exit code: TestMain's body. It sets build to what compiles the programs, at its first
// call, into a folder that goes with the tests.
func Main(tests interface{ Run() int }, build *func() (Programs, error)) int {
	dir, err := os.MkdirTemp("", "shadow-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	*build = sync.OnceValues(func() (Programs, error) { return Build(context.Background(), dir) })
	code := tests.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}
