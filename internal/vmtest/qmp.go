package vmtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// patience bounds one step of a machine that is up. It is for a busy one.
const patience = 30 * time.Second

// errGone is a machine that has ended.
var errGone = errors.New("the virtual terminal is gone")

// qmp speaks QEMU's machine protocol (QEMU's docs/interop/qmp-spec.rst): one
// command at a time, while events may come at any time.
type qmp struct {
	conn    net.Conn
	command sync.Mutex    // held for the length of a command
	replies chan qmpReply // of capacity 1; closed when the connection ends
	mu      sync.Mutex    // guards below
	watches map[*watch]bool
	number  int
}

// qmpReply is one message of QEMU's, of any kind.
type qmpReply struct {
	ID     *int            `json:"id"`
	Return json.RawMessage `json:"return"`
	Error  *QMPError       `json:"error"`
	Event  string          `json:"event"`
	Data   map[string]any  `json:"data"`
}

// QMPError is QEMU's refusal of a command.
type QMPError struct {
	Class       string `json:"class"`
	Description string `json:"desc"`
}

func (e *QMPError) Error() string { return e.Class + ": " + e.Description }

// newQMP begins the protocol on a connection that it owns from now on.
func newQMP(conn net.Conn) (*qmp, error) {
	q := &qmp{conn: conn, replies: make(chan qmpReply, 1), watches: make(map[*watch]bool)}
	go q.read(conn)
	if err := q.run("qmp_capabilities", nil, nil); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return q, nil
}

// read sorts QEMU's messages until the connection ends.
func (q *qmp) read(r io.Reader) {
	defer close(q.replies)
	messages := json.NewDecoder(r)
	for {
		var message qmpReply
		if err := messages.Decode(&message); err != nil {
			return
		}
		switch {
		case message.Event != "":
			q.dispatch(message)
		case message.ID != nil:
			q.deliver(message)
		}
	}
}

// deliver leaves an answer for run, in place of one that came too late.
func (q *qmp) deliver(reply qmpReply) {
	select {
	case <-q.replies:
	default:
	}
	q.replies <- reply // only read sends, so there is room
}

// run gives a command and decodes its answer into result, if not nil.
func (q *qmp) run(command string, arguments, result any) error {
	q.command.Lock()
	defer q.command.Unlock()
	q.number++
	request := map[string]any{"execute": command, "id": q.number}
	if arguments != nil {
		request["arguments"] = arguments
	}
	if _, err := q.conn.Write([]byte(asJSON(request) + "\n")); err != nil {
		return fmt.Errorf("%s: %w: %w", command, errGone, err)
	}
	reply, err := q.reply(q.number)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", command, err)
	case reply.Error != nil:
		return fmt.Errorf("%s: %w", command, reply.Error)
	case result == nil:
		return nil
	}
	if err := json.Unmarshal(reply.Return, result); err != nil {
		return fmt.Errorf("%s: answer: %w", command, err)
	}
	return nil
}

// reply waits for the answer to a command, past those to earlier ones.
func (q *qmp) reply(number int) (qmpReply, error) {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case reply, ok := <-q.replies:
			if !ok {
				return reply, errGone
			}
			if *reply.ID == number {
				return reply, nil
			}
		case <-late.C:
			return qmpReply{}, fmt.Errorf("no answer in %v", patience)
		}
	}
}

// watch waits for one event.
type watch struct {
	q     *qmp
	event string
	match func(map[string]any) bool
	seen  chan struct{} // closed at the event
}

// await begins to wait for an event; the caller calls stop. It is begun before
// the command that causes the event.
func (q *qmp) await(event string, match func(map[string]any) bool) *watch {
	w := &watch{q: q, event: event, match: match, seen: make(chan struct{})}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.watches[w] = true
	return w
}

func (w *watch) stop() {
	w.q.mu.Lock()
	defer w.q.mu.Unlock()
	delete(w.q.watches, w)
}

func (w *watch) wait() error {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-w.seen:
		return nil
	case <-late.C:
		return fmt.Errorf("no event %s in %v", w.event, patience)
	}
}

func (q *qmp) dispatch(message qmpReply) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for w := range q.watches {
		if w.event == message.Event && w.match(message.Data) {
			delete(q.watches, w)
			close(w.seen)
		}
	}
}

// close ends the connection and with it read.
func (q *qmp) close() error { return q.conn.Close() }
