package archtest

import (
	"slices"
	"strings"
)

// module is the import path of the tree's root.
const module = "github.com/blade-shadow/terminal"

// layer orders the tree: a package imports only layers below its own.
type layer int

const (
	nouns     layer = iota + 1 // what everything shares, and the C layer
	parts                      // one job each; they never meet each other
	wiring                     // builds the parts
	programs                   // flags and exit codes
	outermost                  // tests and tools that see everything
)

// area is a folder of the module, with all below it, and its rules.
type area struct {
	path  string
	layer layer
	// importers, where set, are the only folders that may import the area
	// from outside it.
	importers []string
	// otherEnd marks the other end of the wire: tests put it against the
	// parts, so test files may import it, and its own may import them.
	otherEnd bool
	// pure areas do no I/O and are refused the packages that would.
	pure bool
}

// areas is the tree. The longest matching path decides.
var areas = []area{
	{path: "cmd", layer: programs},
	{path: "internal/agent", layer: wiring},
	{path: "internal/outputs", layer: wiring},
	{path: "internal/selftest", layer: wiring},
	{path: "internal/monitors", layer: wiring},
	{path: "client", layer: parts},
	{path: "decode", layer: parts},
	{path: "display", layer: parts},
	{path: "peripherals", layer: parts},
	{path: "updater", layer: parts},
	{path: "internal/host", layer: parts, importers: []string{"cmd/shadow-host"}, otherEnd: true},
	{path: "internal/lab", layer: parts, importers: []string{"cmd/shadow-lab", "internal/e2e"}},
	{path: "internal/netlab", layer: nouns},               // the impaired network, for tests and benchmarks
	{path: "internal/netwatch", layer: nouns},             // links, addresses and routes, from the kernel
	{path: "internal/uevent", layer: nouns},               // what the kernel says of devices
	{path: "internal/sysbus", layer: nouns},               // the system's message bus
	{path: "internal/flexfec", layer: nouns, pure: true},  // forward error correction, for both ends
	{path: "internal/rtpdump", layer: nouns, pure: true},  // recorded RTP
	{path: "internal/broker", layer: nouns, pure: true},   // what a broker and a terminal say to each other
	{path: "internal/linktest", layer: nouns, pure: true}, // plan, figures and verdicts of the link test
	{path: "internal/linktest/lane", layer: nouns},        // its connection, for both ends
	{path: "internal/media", layer: nouns, pure: true},
	{path: "internal/input", layer: nouns, pure: true},
	{path: "internal/wire", layer: nouns, pure: true},
	{path: "internal/wire/clock", layer: nouns},            // reads the machine's clocks
	{path: "internal/usbip", layer: nouns, pure: true},     // USB/IP's bytes and their check, for both ends
	{path: "internal/clipboard", layer: nouns, pure: true}, // texts between two clipboards, for both ends
	{path: "internal/barcode", layer: nouns, pure: true},
	{path: "internal/bitstream", layer: nouns, pure: true},
	{path: "internal/metric", layer: nouns},
	{path: "internal/fault", layer: nouns},
	{path: "internal/program", layer: wiring, importers: []string{"cmd"}},
	{path: "internal/peer", layer: nouns}, // pion's settings, for both ends
	{path: "internal/libav", layer: nouns},
	{path: "internal/speexdsp", layer: nouns},
	{path: "internal/archtest", layer: outermost, importers: []string{"nobody"}},
	{path: "internal/e2e", layer: outermost, importers: []string{"nobody"}},
	{path: "internal/vmtest", layer: nouns}, // the virtual terminal, for tests
	{path: "internal/needs", layer: nouns},  // what tests must not go without
}

// cgoAreas are the only folders with C in them.
var cgoAreas = []string{"internal/libav", "internal/speexdsp", "decode/vatest", "display/kms", "display/sdl", "display/gl"}

// nativeImports bring C with them, so a file that imports one must vanish
// under the nonative tag, as must a file that calls C itself.
var nativeImports = []string{"C", "github.com/veandco/go-sdl2"}

// ioImports are what a pure area has no use for.
var ioImports = []string{"net", "os", "syscall", "golang.org/x/sys"}

// rootEntries is what may stand at the root, beside dotfiles. build/ is where
// targets leave what they make; git ignores it.
var rootEntries = []string{
	"ARCHITECTURE.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "go.mod", "go.sum",
	"build", "buildroot", "client", "cmd", "decode", "display", "docs", "internal", "peripherals", "updater",
}

// vagueNames are package names that say nothing about what is inside.
var vagueNames = []string{"common", "helpers", "pkg", "types", "util", "utils"}

// areaOf finds the rules for a folder given relative to the root.
func areaOf(dir string) (area, bool) {
	var best area
	for _, a := range areas {
		if within(dir, a.path) && len(a.path) > len(best.path) {
			best = a
		}
	}
	return best, best.path != ""
}

// within reports whether path is top or lies below it.
func within(path, top string) bool {
	return path == top || strings.HasPrefix(path, top+"/")
}

// withinAny is [within] for several tops.
func withinAny(path string, tops []string) bool {
	return slices.ContainsFunc(tops, func(top string) bool { return within(path, top) })
}
