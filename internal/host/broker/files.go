package broker

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/blade-shadow/terminal/internal/broker"
)

// maxFile bounds what is read of a file, in bytes.
const maxFile = 1 << 20

// isRevoked looks the device up. A list that cannot be read is an error: it
// might name the device.
func (b *Broker) isRevoked(d Device) (bool, error) {
	if b.cfg.RevokedFile == "" {
		return false, nil
	}
	list, err := readList(b.cfg.RevokedFile)
	if err != nil {
		return false, fmt.Errorf("revoked devices: %w", err)
	}
	return slices.ContainsFunc(list, func(entry string) bool {
		return entry == d.Name && d.Name != "" ||
			d.Fingerprint != "" && strings.EqualFold(strings.ReplaceAll(entry, ":", ""), d.Fingerprint)
	}), nil
}

// readList reads lines, without empty ones and those that begin with #.
func readList(path string) ([]string, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	var list []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			list = append(list, line)
		}
	}
	return list, nil
}

// maintenance returns the answer of a PC that is maintained.
func (b *Broker) maintenance() (r broker.Response, ok bool, err error) {
	if b.cfg.MaintenanceFile == "" {
		return r, false, nil
	}
	text, err := readFile(b.cfg.MaintenanceFile)
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("maintenance: %w", err)
	}
	r = broker.Response{State: broker.Maintenance, RetryAfter: whileMaintained}
	text = strings.TrimSpace(text)
	first, rest, _ := strings.Cut(text, "\n")
	if written, found := strings.CutPrefix(strings.TrimSpace(first), "until "); found {
		if until, perr := time.Parse(time.RFC3339, strings.TrimSpace(written)); perr == nil {
			text = rest
			r.EndsIn = min(max(int(time.Until(until)/time.Second), 0), broker.MaxMaintained)
		}
	}
	r.Message = sentence(text)
	return r, true, nil
}

// sentence makes one printable line of text that is not too long for an answer.
func sentence(text string) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }), " ")
	if len(text) <= broker.MaxMessage {
		return text
	}
	n := broker.MaxMessage
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(raw) > maxFile {
		err = fmt.Errorf("%s is over %d bytes", path, maxFile)
	}
	return string(raw), err
}
