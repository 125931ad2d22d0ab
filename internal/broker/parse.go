package broker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blade-shadow/terminal/internal/wire"
)

// ParseRequest reads a terminal's request of at most [MaxRequest] bytes.
func ParseRequest(b []byte) (Request, error) {
	var r Request
	if err := parse(b, MaxRequest, &r); err != nil {
		return Request{}, err
	}
	if err := r.check(); err != nil {
		return Request{}, err
	}
	return r, nil
}

func (r *Request) check() error {
	t := &r.Terminal
	switch {
	case !isName(t.Name, 1):
		return fmt.Errorf("terminal.name is not 1 to %d printable characters", MaxName)
	case !isName(t.Version, 1):
		return fmt.Errorf("terminal.version is not 1 to %d printable characters", MaxName)
	case !isName(t.Device, 0):
		return fmt.Errorf("terminal.device is not at most %d printable characters", MaxName)
	}
	return within("terminal.screens", t.Screens, 1, MaxScreens)
}

// ParseResponse reads a broker's answer of at most [MaxResponse] bytes. Its
// message is made harmless: one printable line.
func ParseResponse(b []byte) (Response, error) {
	var r Response
	if err := parse(b, MaxResponse, &r); err != nil {
		return Response{}, err
	}
	if err := r.check(); err != nil {
		return Response{}, err
	}
	return r.only(), nil
}

func (r *Response) check() error {
	if len(r.Message) > MaxMessage {
		return fmt.Errorf("message is over %d bytes", MaxMessage)
	}
	err := errors.Join(
		within("retry_after", r.RetryAfter, 0, MaxRetryAfter),
		within("progress", r.Progress, 0, 100),
		within("expires_in", r.ExpiresIn, 0, MaxLifetime),
		within("ends_in", r.EndsIn, 0, MaxMaintained),
	)
	if err != nil {
		return err
	}
	switch r.State {
	case Starting, Asleep, Maintenance, Revoked:
		return nil
	case Moved:
		return isAddress("moved_to", r.MovedTo)
	case Ready:
		return r.checkReady()
	}
	return fmt.Errorf("state %.20q is not known", string(r.State))
}

func (r *Response) checkReady() error {
	if err := isAddress("whep_url", r.WHEPURL); err != nil {
		return err
	}
	switch {
	case len(r.Token) > MaxToken || strings.ContainsFunc(r.Token, notVisible):
		return fmt.Errorf("token is not at most %d visible ASCII characters", MaxToken)
	case (r.Token == "") != (r.ExpiresIn == 0):
		return errors.New("token and expires_in are needed together")
	}
	return CheckICEServers(r.ICEServers)
}

// CheckICEServers reports what a response must not name.
func CheckICEServers(all []ICEServer) error {
	if len(all) > MaxICEServers {
		return fmt.Errorf("there are over %d ice_servers", MaxICEServers)
	}
	for _, s := range all {
		if err := s.check(); err != nil {
			return err
		}
	}
	return nil
}

func (s *ICEServer) check() error {
	if len(s.URLs) == 0 || len(s.URLs) > MaxICEURLs {
		return fmt.Errorf("an ice server does not have 1 to %d urls", MaxICEURLs)
	}
	for _, u := range s.URLs {
		scheme, _, ok := strings.Cut(u, ":")
		switch {
		case !ok || len(u) > MaxICEURL || strings.ContainsFunc(u, notVisible):
			return fmt.Errorf("an ice server's url is not at most %d visible ASCII characters", MaxICEURL)
		case scheme != "stun" && scheme != "stuns" && scheme != "turn" && scheme != "turns":
			return fmt.Errorf("an ice server's url has the scheme %.10q; want stun, stuns, turn or turns", scheme)
		}
	}
	if len(s.Username) > MaxICESecret || len(s.Credential) > MaxICESecret {
		return fmt.Errorf("an ice server's username or credential is over %d bytes", MaxICESecret)
	}
	return nil
}

// only keeps the fields that the state has.
func (r Response) only() Response {
	out := Response{State: r.State, Message: wire.Printable(r.Message), RetryAfter: r.RetryAfter}
	switch r.State {
	case Starting:
		out.Progress = r.Progress
	case Ready:
		out.WHEPURL, out.Token, out.ExpiresIn = r.WHEPURL, r.Token, r.ExpiresIn
		if len(r.ICEServers) > 0 {
			out.ICEServers = r.ICEServers
		}
	case Moved:
		out.MovedTo = r.MovedTo
	case Maintenance:
		out.EndsIn = r.EndsIn
	}
	return out
}

// parse reads one JSON object and nothing after it into v.
func parse(b []byte, most int, v any) error {
	switch {
	case len(b) > most:
		return fmt.Errorf("it is over %d bytes", most)
	case !utf8.Valid(b):
		return errors.New("it is not UTF-8")
	}
	if err := walk(b); err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return fmt.Errorf("member %.40q has the wrong type, %s", kind.Field, kind.Value)
		}
		return errors.New("it is not JSON")
	}
	return nil
}

// level is an open object or array.
type level struct {
	names map[string]bool // of an object's members so far; nil: an array
	value bool            // the next token is a member's value
}

// walk refuses what encoding/json lets pass: names that are there twice or
// differ in case only, nesting without end, something after the object.
func walk(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	var open []level
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) && len(open) == 0 {
			return errors.New("it is empty")
		}
		if err != nil {
			return errors.New("it is not JSON")
		}
		if len(open) == 0 && t != json.Delim('{') {
			return errors.New("it is not a JSON object")
		}
		if open, err = step(open, t); err != nil {
			return err
		}
		if len(open) == 0 {
			break
		}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the JSON object")
	}
	return nil
}

// step takes one token into account.
func step(open []level, t json.Token) ([]level, error) {
	switch t {
	case json.Delim('}'), json.Delim(']'):
		return open[:len(open)-1], nil
	}
	if n := len(open); n > 0 && open[n-1].names != nil {
		top := &open[n-1]
		if !top.value {
			return open, top.member(t)
		}
		top.value = false
	}
	switch t {
	case json.Delim('{'):
		open = append(open, level{names: make(map[string]bool)})
	case json.Delim('['):
		open = append(open, level{})
	}
	if len(open) > maxDepth {
		return open, fmt.Errorf("it is nested deeper than %d", maxDepth)
	}
	return open, nil
}

// member takes the name of an object's next member.
func (l *level) member(t json.Token) error {
	name, _ := t.(string)
	// encoding/json folds case, also of letters that only look so.
	if l.names[name] || strings.ContainsFunc(name, func(r rune) bool { return r >= 'A' && r <= 'Z' || r > '~' }) {
		return fmt.Errorf("member %.40q is there twice or not in lower case", name)
	}
	l.names[name], l.value = true, true
	return nil
}

func within(name string, v, least, most int) error {
	if v < least || v > most {
		return fmt.Errorf("%s is %d; want %d to %d", name, v, least, most)
	}
	return nil
}

// isAddress checks the outside of a URL; what it leads to is the client's care.
func isAddress(name, s string) error {
	if s == "" || len(s) > MaxURL || strings.ContainsFunc(s, notVisible) {
		return fmt.Errorf("%s is not 1 to %d visible ASCII characters", name, MaxURL)
	}
	return nil
}

// isName reports whether s is least to MaxName printable characters.
func isName(s string, least int) bool {
	n := utf8.RuneCountInString(s)
	return n >= least && n <= MaxName && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func notVisible(r rune) bool { return r <= ' ' || r > '~' }
