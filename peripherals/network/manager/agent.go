package manager

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
)

// Want is what a question wants.
type Want string

// Wants.
const (
	WantPassword    Want = "password"        // of a Wi-Fi network
	WantLogin       Want = "login password"  // of Question.User
	WantKeyPassword Want = "key's password"  // of a TLS key
	WantMobile      Want = "mobile password" // of a mobile network
	WantPIN         Want = "SIM card's PIN"  // 4 to 8 digits
)

// Question is what NetworkManager wants to know to go on.
type Question struct {
	Profile  ID
	Name     string // of the profile, sanitised
	Kind     Kind
	SSID     SSID
	Security Security
	Want     Want
	User     string // sanitised
	// Again says that the answer before was wrong.
	Again bool
	// Requested says that a person wants this network now; without, it came
	// in range by itself.
	Requested bool
}

// Check tells what is wrong with an answer that cannot be right.
func (q Question) Check(s Secret) error {
	text := s.reveal()
	switch {
	case text == "" || len(text) > 256 || strings.ContainsRune(text, 0):
		return errors.New("password: nothing, or too long")
	case q.Want == WantPassword:
		return checkPassword(q.Security, text)
	case q.Want == WantPIN && (len(text) < 4 || len(text) > 8 || strings.Trim(text, "0123456789") != ""):
		return errors.New("PIN: takes 4 to 8 digits")
	}
	return nil
}

// Flags of GetSecrets: NMSecretAgentGetSecretsFlags.
const (
	mayAsk    = 0x1
	wantsNew  = 0x2
	requested = 0x4
)

// Bounds of questions.
const (
	maxQuestions = 4
	maxAnswers   = 5 // that Check refuses
)

// agent is a secrets agent: its exported methods are those of the interface
// org.freedesktop.NetworkManager.SecretAgent, called by godbus on goroutines
// of their own.
type agent struct {
	ask func(ctx context.Context, q Question) (Secret, bool)
	wg  sync.WaitGroup // of questions

	mu      sync.Mutex // guards the rest
	owner   dbus.Sender
	ctx     context.Context // of the owner; nil: there is none
	end     context.CancelFunc
	pending map[request]*pending
	running int // questions, those that were withdrawn and still stand among them
}

// pending is a question that is of interest.
type pending struct{ cancel context.CancelFunc }

// request is what CancelGetSecrets names.
type request struct {
	profile dbus.ObjectPath
	section string
}

func newAgent(ask func(ctx context.Context, q Question) (Secret, bool)) *agent {
	return &agent{ask: ask, pending: map[request]*pending{}}
}

// serve says who may ask from now on, "": nobody, and ends the questions of
// who might before.
func (a *agent) serve(ctx context.Context, owner string) {
	a.mu.Lock()
	if a.end != nil {
		a.end()
	}
	a.owner, a.ctx, a.end = dbus.Sender(owner), nil, nil
	if owner != "" {
		a.ctx, a.end = context.WithCancel(ctx)
	}
	a.mu.Unlock()
}

// close ends all questions and waits for them.
func (a *agent) close() {
	a.serve(context.Background(), "")
	a.wg.Wait()
}

// begin registers a request; ctx is nil where it may not be made.
func (a *agent) begin(sender dbus.Sender, r request) (ctx context.Context, done func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ctx == nil || sender != a.owner || a.ask == nil || a.running >= maxQuestions {
		return nil, nil
	}
	if old := a.pending[r]; old != nil {
		old.cancel() // it is asked anew, as after another try to connect
	}
	ctx, cancel := context.WithTimeout(a.ctx, AskTime)
	p := &pending{cancel: cancel}
	a.pending[r] = p
	a.running++
	a.wg.Add(1)
	return ctx, func() {
		cancel()
		a.mu.Lock()
		a.running--
		if a.pending[r] == p {
			delete(a.pending, r)
		}
		a.mu.Unlock()
		a.wg.Done()
	}
}

func refusal(name, why string) *dbus.Error { return dbus.NewError(name, []any{why}) }

// GetSecrets is called for a password that is missing or was wrong.
func (a *agent) GetSecrets(sender dbus.Sender, profile map[string]map[string]dbus.Variant, path dbus.ObjectPath, name string, hints []string, flags uint32) (map[string]map[string]dbus.Variant, *dbus.Error) {
	q, key := questionOf(profile, path, name, hints)
	if key == "" || flags&mayAsk == 0 {
		return nil, refusal(errorNoSecrets, "nothing is kept here")
	}
	ctx, done := a.begin(sender, request{path, name})
	if ctx == nil {
		return nil, refusal(errorNoSecrets, "nobody is there to ask")
	}
	defer done()
	q.Again, q.Requested = flags&wantsNew != 0, flags&requested != 0
	for range maxAnswers {
		answer, ok := a.ask(ctx, q)
		switch {
		case ctx.Err() != nil:
			return nil, refusal(errorWithdrawn, "the question was withdrawn")
		case !ok:
			return nil, refusal(errorCanceled, "refused")
		case q.Check(answer) == nil:
			return map[string]map[string]dbus.Variant{name: {key: dbus.MakeVariant(answer.reveal())}}, nil
		}
		q.Again = true
	}
	return nil, refusal(errorCanceled, "no answer that could be right")
}

// questionOf makes a question of a profile that lacks a secret; key is the
// secret's, "" where none of this agent's.
func questionOf(profile settings, path dbus.ObjectPath, name string, hints []string) (q Question, key string) {
	p := profileOf(path, profile)
	q = Question{Profile: p.ID, Name: p.Name, Kind: p.Kind, SSID: p.SSID, Security: p.Security}
	switch name {
	case sectionSecurity:
		if p.Security.Password() {
			q.Want, key = WantPassword, "psk"
		}
	case sectionLogin:
		login := section(profile[sectionLogin])
		q.User = sanitise(get[string](login, "identity"))
		q.Want, key = WantLogin, "password"
		if slices.Contains(get[[]string](login, "eap"), string(TLS)) {
			q.Want, key = WantKeyPassword, "private-key-password"
		}
	case sectionMobile:
		q.Want, key = WantMobile, "password"
		if slices.Contains(hints, "pin") {
			q.Want, key = WantPIN, "pin"
		}
	}
	return q, key
}

// CancelGetSecrets is called when an answer is not of interest any more.
func (a *agent) CancelGetSecrets(sender dbus.Sender, path dbus.ObjectPath, name string) *dbus.Error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.pending[request{path, name}]; p != nil && sender == a.owner {
		p.cancel()
	}
	return nil
}

// SaveSecrets is called for secrets that an agent keeps. NetworkManager keeps
// all of ours, so that there is nothing to do.
func (a *agent) SaveSecrets(dbus.Sender, map[string]map[string]dbus.Variant, dbus.ObjectPath) *dbus.Error {
	return nil
}

// DeleteSecrets is SaveSecrets' reverse.
func (a *agent) DeleteSecrets(dbus.Sender, map[string]map[string]dbus.Variant, dbus.ObjectPath) *dbus.Error {
	return nil
}
