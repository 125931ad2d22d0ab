// Package archtest keeps the shape of the tree: which package may import
// which, where C may be called, what every package must say about itself and
// what may stand at the root. [Check] reads the source with go/parser only, so
// it sees every file whatever its build constraints, and needs no compiler.
//
// The rules are the table in rules.go. A package that the table does not know
// is a violation too: its place is decided when it is made, not later.
package archtest
