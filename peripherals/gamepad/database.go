package gamepad

import (
	"bufio"
	_ "embed" // mappings.txt
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/blade-shadow/terminal/internal/input"
)

// Bounds of a database: SDL's own has some 2,000 lines.
const (
	maxEntries = 20_000
	maxLine    = 8 << 10 // bytes
	maxItems   = 64      // of a line that are kept
)

//go:embed mappings.txt
var shipped string

// guid is how SDL names a kind of device (SDL_GUID): bus, a checksum of the
// name, vendor, product, version, little-endian, each but the checksum followed by
// two zero bytes. Here the checksum is always zero.
type guid [16]byte

func guidOf(d *Device) (g guid) {
	binary.LittleEndian.PutUint16(g[0:], d.Bus)
	if d.Vendor == 0 && d.Product == 0 {
		copy(g[4:15], d.Name) // with its end
		return g
	}
	binary.LittleEndian.PutUint16(g[4:], d.Vendor)
	binary.LittleEndian.PutUint16(g[8:], d.Product)
	binary.LittleEndian.PutUint16(g[12:], d.Version)
	return g
}

// parseGUID reads a GUID. Databases have the checksum of a name in some lines
// alone; it is not looked at.
func parseGUID(s string) (g guid, ok bool) {
	if hex.DecodedLen(len(s)) != len(g) {
		return g, false
	}
	if _, err := hex.Decode(g[:], []byte(s)); err != nil {
		return g, false
	}
	g[2], g[3] = 0, 0
	return g, true
}

// Database is what is known of pads that number their buttons, in the format of
// SDL's game controller database. The zero value knows none. It is filled before
// it is used by several goroutines.
type Database struct {
	entries map[guid][]item
}

// Shipped returns the pads that this program knows.
func Shipped() (*Database, error) {
	d := &Database{}
	return d, d.Load(strings.NewReader(shipped))
}

// Load adds what r says, before what is there. Lines for other systems and what
// this version does not know in a line are left out; a line that cannot be read
// is an error which names it, and nothing is added.
func (d *Database) Load(r io.Reader) error {
	fresh := make(map[guid][]item)
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		g, items, err := parseLine(line)
		if err != nil {
			return fmt.Errorf("pad database: line %d: %w", n, err)
		}
		if items == nil {
			continue
		}
		if len(fresh) >= maxEntries {
			return fmt.Errorf("pad database: line %d: more than %d pads", n, maxEntries)
		}
		fresh[g] = items
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("pad database: %w", err)
	}
	if d.entries == nil {
		d.entries = make(map[guid][]item, len(fresh))
	}
	for g, items := range fresh {
		d.entries[g] = items
	}
	return nil
}

// Len returns how many pads are known.
func (d *Database) Len() int { return len(d.entries) }

func (d *Database) find(dev *Device) []item {
	if d == nil {
		return nil
	}
	return d.entries[guidOf(dev)]
}

// from is what of a device a mapping names.
type from uint8

const (
	fromButton from = iota
	fromAxis
	fromHat
)

// half is which half of an axis is meant.
type half int8

const (
	whole    half = 0
	positive half = 1
	negative half = -1
)

// item is one part of a mapping: something of the device that is something of a
// pad.
type item struct {
	from   from
	number uint8
	mask   uint8 // of a hat: 1 up, 2 right, 4 down, 8 left
	half   half  // of the device's axis
	invert bool

	button int8 // bit of input.Pad; -1: an axis
	axis   target
	side   half // of the pad's axis
}

// target is an axis of a pad.
type target uint8

const (
	leftX target = iota
	leftY
	rightX
	rightY
	leftTrigger
	rightTrigger
)

var buttonNames = map[string]int8{
	"a": input.PadSouth, "b": input.PadEast, "x": input.PadWest, "y": input.PadNorth,
	"back": input.PadSelect, "start": input.PadStart, "guide": input.PadGuide,
	"leftstick": input.PadLeftStick, "rightstick": input.PadRightStick,
	"leftshoulder": input.PadLeftShoulder, "rightshoulder": input.PadRightShoulder,
	"dpup": input.PadUp, "dpdown": input.PadDown, "dpleft": input.PadLeft, "dpright": input.PadRight,
}

var axisNames = map[string]target{
	"leftx": leftX, "lefty": leftY, "rightx": rightX, "righty": rightY,
	"lefttrigger": leftTrigger, "righttrigger": rightTrigger,
}

// parseLine reads a line; no items: it is not for this system.
func parseLine(line string) (g guid, items []item, err error) {
	fields := strings.Split(line, ",")
	if len(fields) < 2 {
		return g, nil, errors.New("it has no name")
	}
	if strings.TrimSpace(fields[0]) == "xinput" { // of Windows
		return g, nil, nil
	}
	g, ok := parseGUID(strings.TrimSpace(fields[0]))
	if !ok {
		return g, nil, fmt.Errorf("%.40q is no GUID: 32 hexadecimal digits", fields[0])
	}
	items = []item{}
	for _, f := range fields[2:] {
		name, value, _ := strings.Cut(strings.TrimSpace(f), ":")
		if name == "platform" && value != "Linux" {
			return g, nil, nil
		}
		if it, ok := parseItem(name, value); ok && len(items) < maxItems {
			items = append(items, it)
		}
	}
	return g, items, nil
}

// parseItem reads "leftx:a0", "+lefty:b3", "dpup:h0.1", "righttrigger:+a5~".
func parseItem(name, value string) (it item, ok bool) {
	name, it.side = cutHalf(name)
	if bit, known := buttonNames[name]; known {
		it.button = bit
	} else if axis, known := axisNames[name]; known {
		it.button, it.axis = -1, axis
	} else {
		return it, false
	}
	value, it.half = cutHalf(value)
	value, it.invert = strings.CutSuffix(value, "~")
	if value == "" {
		return it, false
	}
	kind, number := value[0], value[1:]
	mask := ""
	switch kind {
	case 'b':
		it.from = fromButton
	case 'a':
		it.from = fromAxis
	case 'h':
		it.from = fromHat
		number, mask, _ = strings.Cut(number, ".")
		m, err := strconv.ParseUint(mask, 10, 4)
		if err != nil || m == 0 {
			return it, false
		}
		it.mask = uint8(m)
	default:
		return it, false
	}
	n, err := strconv.ParseUint(number, 10, 8)
	it.number = uint8(n)
	return it, err == nil
}

func cutHalf(s string) (rest string, h half) {
	switch {
	case strings.HasPrefix(s, "+"):
		return s[1:], positive
	case strings.HasPrefix(s, "-"):
		return s[1:], negative
	}
	return s, whole
}
