// Package needs says what tests must not go without. A test of hardware, or of
// programs that a machine may lack, skips where they are missing, unless the
// environment variable REQUIRE_HW, a comma list of features, names them: then
// it fails. CONTRIBUTING.md lists the features.
//
// It is for tests and what helps them. It looks for nothing and skips nothing:
// how to find out what a machine has is the test's business.
package needs

import (
	"os"
	"slices"
	"strings"
)

// Variable is the environment variable that names features.
const Variable = "REQUIRE_HW"

// Required reports whether a feature may not be missing.
func Required(feature string) bool {
	return slices.Contains(strings.Split(os.Getenv(Variable), ","), feature)
}
