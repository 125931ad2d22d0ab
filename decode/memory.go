package decode

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// State of a remembered proof. Trying is written before a proof and replaced
// after it, so what is found as trying did not survive the proof.
//
//	(unknown) -> trying -> good | bad | hung
const (
	stateTrying = "trying"
	stateGood   = "good"
	stateBad    = "bad"
	stateHung   = "hung"
)

const (
	// failureLasts is how long a failed proof is believed.
	failureLasts = 7 * 24 * time.Hour
	// crashLasts is how long a proof is not repeated that took the program with
	// it the first time; four times as long each further time. A person who
	// ended the program in the wrong moment gets the hardware back that way.
	crashLasts = time.Hour
	// tornBoots is how many crashes are forgiven when the machine was restarted
	// since: the power may have been cut.
	tornBoots = 1
)

// record is what is known about one proof.
type record struct {
	Device  string    `json:"device"`
	Codec   string    `json:"codec,omitempty"` // "" for the start of the driver itself
	Link    string    `json:"link,omitempty"`
	Driver  string    `json:"driver,omitempty"`
	Library string    `json:"library"`
	State   string    `json:"state"`
	Reason  string    `json:"reason,omitempty"`
	Tries   int       `json:"tries,omitempty"` // that did not end, in a row
	Boot    string    `json:"boot,omitempty"`  // kernel's random boot_id
	At      time.Time `json:"at"`
}

func (r *record) same(o *record) bool {
	return r.Device == o.Device && r.Codec == o.Codec && r.Link == o.Link
}

// memory keeps proofs in a file, replaced as a whole and atomically at each
// change. Without a path it keeps nothing. It never fails: what cannot be read
// is begun anew, what cannot be written is forgotten, both with a warning.
type memory struct {
	path    string
	log     *slog.Logger
	boot    string
	records []record
}

func openMemory(path string, log *slog.Logger) *memory {
	m := &memory{path: path, log: log}
	if path == "" {
		return m
	}
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // "" elsewhere: every boot is the same
	m.boot = strings.TrimSpace(string(id))
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return m
	case err == nil:
		err = json.Unmarshal(data, &m.records)
	}
	if err != nil {
		log.Warn("what was proved about decoders is lost", "err", err)
		m.records = nil
	}
	return m
}

// recall returns what is known and still holds: usable, or why not.
func (m *memory) recall(want record) (usable, known bool, reason string) {
	r := m.find(&want)
	if r == nil || r.Driver != want.Driver || r.Library != want.Library {
		return false, false, ""
	}
	age := time.Since(r.At)
	if age < 0 && r.State != stateGood {
		return false, false, "" // the clock was wrong, then or now
	}
	switch r.State {
	case stateGood:
		return true, true, ""
	case stateBad:
		return false, age < failureLasts, r.Reason
	case stateTrying, stateHung:
		if r.Boot != m.boot && r.Tries <= tornBoots {
			return false, false, ""
		}
		return false, age < crashLasts<<(2*min(max(r.Tries-1, 0), 6)), "the last try did not end: " + r.State
	}
	return false, false, ""
}

func (m *memory) find(want *record) *record {
	for i := range m.records {
		if m.records[i].same(want) {
			return &m.records[i]
		}
	}
	return nil
}

// begin marks a proof as running.
func (m *memory) begin(r record) {
	r.State, r.Tries, r.Boot, r.At = stateTrying, 1, m.boot, time.Now()
	if old := m.find(&r); old == nil {
		m.records = append(m.records, r)
	} else {
		if old.Driver == r.Driver && old.Library == r.Library && (old.State == stateTrying || old.State == stateHung) {
			r.Tries += old.Tries
		}
		*old = r
	}
	m.write()
}

// end writes what came of a proof.
func (m *memory) end(want record, state, reason string) {
	r := m.find(&want)
	if r == nil {
		return
	}
	r.State, r.Reason, r.At = state, reason, time.Now()
	if state == stateGood || state == stateBad {
		r.Tries, r.Boot = 0, ""
	}
	m.write()
}

// write replaces the file. A crash leaves the old one or the new one.
func (m *memory) write() {
	if m.path == "" {
		return
	}
	if err := m.replace(); err != nil {
		m.log.Warn("what is proved about decoders is not kept", "err", err)
	}
}

func (m *memory) replace() error {
	data, err := json.MarshalIndent(m.records, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Dir(m.path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".decode-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), m.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
