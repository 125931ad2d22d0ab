package bluetooth

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/internal/sysbus"
)

// Want is what a question wants.
type Want string

// Wants.
const (
	WantConfirm Want = "confirmation" // does the device show Question.Code too?
	WantAllow   Want = "permission"   // may the device, a pad at a cable, pair?
	WantPasskey Want = "passkey"      // the number that the device shows: 1 to 6 digits
	WantPIN     Want = "PIN"          // 1 to 16 printable ASCII characters
)

// Question is what BlueZ wants to know to go on.
type Question struct {
	Device Device // as it is known now
	Want   Want
	Code   string // six digits, for WantConfirm
	// Again says that the answer before was none that could be right.
	Again bool
}

// Check tells what is wrong with an answer that cannot be right.
func (q Question) Check(answer string) error {
	switch q.Want {
	case WantPasskey:
		if len(answer) > 6 || !digits(answer) {
			return errors.New("passkey: takes 1 to 6 digits")
		}
	case WantPIN:
		if !validPIN(answer) {
			return errors.New("PIN: takes 1 to 16 letters, digits and signs")
		}
	}
	return nil
}

// capability is what the agent can do: show a code and have one typed.
const capability = "KeyboardDisplay"

// Bounds of questions.
const (
	maxQuestions = 4
	maxAnswers   = 5 // that Check refuses
)

// agent is a pairing agent: its exported methods are those of the interface
// org.bluez.Agent1, called by godbus on goroutines of their own and so in any
// order: serials tell which was sent first.
type agent struct {
	m  *Manager
	wg sync.WaitGroup // of questions

	mu        sync.Mutex // guards the rest
	owner     dbus.Sender
	ctx       context.Context // of the owner; nil: there is none
	end       context.CancelFunc
	withdrawn uint32 // the serial of the last Cancel, 0: none
	pending   map[uint32]context.CancelFunc
	running   int // questions, those that were withdrawn and still stand among them
}

func newAgent(m *Manager) *agent {
	return &agent{m: m, pending: map[uint32]context.CancelFunc{}}
}

// serve says who may ask from now on, "": nobody, and ends the questions of
// who might before.
func (a *agent) serve(ctx context.Context, owner string) {
	a.mu.Lock()
	if a.end != nil {
		a.end()
	}
	a.owner, a.ctx, a.end, a.withdrawn = dbus.Sender(owner), nil, nil, 0
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

// heeds says whether sender is BlueZ.
func (a *agent) heeds(sender dbus.Sender) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ctx != nil && sender == a.owner
}

// begin registers a question, which ends with within (nil: only with the
// owner); ctx is nil where it may not be asked.
func (a *agent) begin(within context.Context, sender dbus.Sender, serial uint32) (ctx context.Context, done func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ctx == nil || sender != a.owner || a.running >= maxQuestions || !newer(serial, a.withdrawn) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(a.ctx, AskTime)
	stop := func() bool { return true }
	if within != nil {
		stop = context.AfterFunc(within, cancel)
	}
	a.pending[serial] = cancel
	a.running++
	a.wg.Add(1)
	return ctx, func() {
		stop()
		cancel()
		a.mu.Lock()
		a.running--
		delete(a.pending, serial)
		a.mu.Unlock()
		a.wg.Done()
	}
}

func rejected(why string) *dbus.Error { return dbus.NewError(errorRejected, []any{why}) }

func canceled(why string) *dbus.Error { return dbus.NewError(errorCanceled, []any{why}) }

// ask has the person answer. Reasons to refuse are told to BlueZ's log.
func (a *agent) ask(ctx context.Context, device dbus.ObjectPath, q Question) (string, *dbus.Error) {
	if a.m.cfg.Ask == nil {
		return "", rejected("nobody is there to ask")
	}
	d, err := a.m.fresh(ctx, device)
	if err != nil {
		return "", canceled("the device is not known")
	}
	q.Device = d.Device
	for range maxAnswers {
		answer, yes := a.m.cfg.Ask(ctx, q)
		switch {
		case ctx.Err() != nil:
			return "", canceled("the question was withdrawn")
		case !yes:
			return "", rejected("refused by the person")
		case q.Check(answer) == nil:
			return answer, nil
		}
		q.Again = true
	}
	return "", rejected("no answer that could be right")
}

// pairs asks a question of the device that is pairing; those of others are
// refused.
func (a *agent) pairs(sender dbus.Sender, serial uint32, device dbus.ObjectPath, q Question) (string, *dbus.Error) {
	within := a.m.questions(device)
	if within == nil {
		return "", rejected("nobody pairs with this device")
	}
	ctx, done := a.begin(within, sender, serial)
	if ctx == nil {
		return "", rejected("not to be asked now")
	}
	defer done()
	return a.ask(ctx, device, q)
}

// Release is called when BlueZ does not need the agent any more, as it does
// when it ends, of which the bus tells.
func (a *agent) Release(dbus.Sender) *dbus.Error { return nil }

// Cancel is called when answers are not of interest any more, and codes not to
// be shown.
func (a *agent) Cancel(sender dbus.Sender, msg dbus.Message) *dbus.Error {
	if !a.heeds(sender) {
		return nil
	}
	serial := msg.Serial()
	a.mu.Lock()
	if newer(serial, a.withdrawn) {
		a.withdrawn = serial
	}
	for asked, cancel := range a.pending {
		if newer(serial, asked) {
			cancel()
		}
	}
	a.mu.Unlock()
	a.m.show("", serial, nil)
	return nil
}

// RequestPinCode is called for devices older than Bluetooth 2.1 whose PIN
// BlueZ cannot guess.
func (a *agent) RequestPinCode(sender dbus.Sender, msg dbus.Message, device dbus.ObjectPath) (string, *dbus.Error) {
	return a.pairs(sender, msg.Serial(), device, Question{Want: WantPIN})
}

// RequestPasskey is called for devices that show a number.
func (a *agent) RequestPasskey(sender dbus.Sender, msg dbus.Message, device dbus.ObjectPath) (uint32, *dbus.Error) {
	answer, refusal := a.pairs(sender, msg.Serial(), device, Question{Want: WantPasskey})
	if refusal != nil {
		return 0, refusal
	}
	n, err := strconv.ParseUint(answer, 10, 32)
	if err != nil {
		return 0, rejected("not a number")
	}
	return uint32(n), nil
}

// RequestConfirmation is called for devices that show a number to compare. The
// number is 0 where neither side can tell anything: the person who has chosen
// the device has said all there is to say.
func (a *agent) RequestConfirmation(sender dbus.Sender, msg dbus.Message, device dbus.ObjectPath, passkey uint32) *dbus.Error {
	if passkey == 0 {
		return a.RequestAuthorization(sender, device)
	}
	if passkey > maxPasskey {
		return rejected("not a passkey")
	}
	_, refusal := a.pairs(sender, msg.Serial(), device, Question{Want: WantConfirm, Code: digitsOf(passkey)})
	return refusal
}

// RequestAuthorization is called for a device that pairs without any code.
func (a *agent) RequestAuthorization(sender dbus.Sender, device dbus.ObjectPath) *dbus.Error {
	if !a.heeds(sender) || a.m.questions(device) == nil {
		return rejected("nobody pairs with this device")
	}
	return nil
}

// DisplayPinCode is called for keyboards older than Bluetooth 2.1.
func (a *agent) DisplayPinCode(sender dbus.Sender, msg dbus.Message, device dbus.ObjectPath, pin string) *dbus.Error {
	return a.show(sender, msg.Serial(), device, &Shown{Code: code(pin), Typed: -1})
}

// DisplayPasskey is called for keyboards, and again after each key pressed
// there.
func (a *agent) DisplayPasskey(sender dbus.Sender, msg dbus.Message, device dbus.ObjectPath, passkey uint32, entered uint16) *dbus.Error {
	if passkey > maxPasskey {
		return rejected("not a passkey")
	}
	return a.show(sender, msg.Serial(), device, &Shown{Code: digitsOf(passkey), Typed: int(min(entered, 6))})
}

func (a *agent) show(sender dbus.Sender, serial uint32, device dbus.ObjectPath, shown *Shown) *dbus.Error {
	if !a.heeds(sender) || !a.m.show(device, serial, shown) {
		return rejected("nobody pairs with this device")
	}
	return nil
}

// AuthorizeService is called for a service that a device wants which the
// person does not trust: one that is paired gets what a terminal is for, and a
// pad at a cable, which has not been on the air yet, is asked about.
func (a *agent) AuthorizeService(sender dbus.Sender, msg dbus.Message, device dbus.ObjectPath, uuid string) *dbus.Error {
	within := a.m.questions(device)
	ctx, done := a.begin(within, sender, msg.Serial())
	if ctx == nil {
		return rejected("not to be asked now")
	}
	defer done()
	// Signals are read on another goroutine: what is kept may be behind.
	d, err := a.m.fresh(ctx, device)
	switch {
	case err != nil:
		return canceled("the device is not known")
	case d.Blocked || !wanted(uuid):
		return rejected("not a service of this terminal")
	case d.Paired || within != nil:
		return nil
	case d.Connected || shortUUID(uuid) != uuidHID:
		return rejected("the device is not paired")
	}
	if _, refusal := a.ask(ctx, device, Question{Want: WantAllow}); refusal != nil {
		return refusal
	}
	// Some pads are never paired as others are, but come back as trusted.
	if err := a.m.set(ctx, device, ifaceDevice, "Trusted", true); err != nil {
		a.m.cfg.Logger.Warn("a pad will have to be plugged in again", "err", err)
	}
	return nil
}

// fresh reads a device as it is now.
func (m *Manager) fresh(ctx context.Context, path dbus.ObjectPath) (*device, error) {
	conn, err := m.link.Conn()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var p props
	if err := sysbus.Call(ctx, conn, service, path, ifaceProps+".GetAll", []any{ifaceDevice}, &p); err != nil {
		return nil, err
	}
	d := newDevice(path)
	d.set(p, nil)
	return d, nil
}

// maxPasskey is the largest passkey (Core Specification 5.4, Vol 1 Part A,
// 5.2.4.3).
const maxPasskey = 999999

func digitsOf(passkey uint32) string { return fmt.Sprintf("%06d", passkey) }
