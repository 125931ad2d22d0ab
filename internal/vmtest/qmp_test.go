package vmtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fakeQEMU answers each command with what script returns for it, "" for
// nothing. It ends when the client does.
func fakeQEMU(t *testing.T, script func(command string) string) *qmp {
	t.Helper()
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		_, _ = server.Write([]byte(`{"QMP": {"version": {}, "capabilities": []}}` + "\n"))
		lines := bufio.NewScanner(server)
		for lines.Scan() {
			answer := script(lines.Text())
			if strings.Contains(lines.Text(), "qmp_capabilities") {
				answer = `{"return": {}, "id": 1}`
			}
			if answer == "close" {
				return
			}
			if _, err := server.Write([]byte(answer + "\n")); err != nil {
				return
			}
		}
	}()
	q, err := newQMP(client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.close() })
	return q
}

func TestQMP(t *testing.T) {
	q := fakeQEMU(t, func(command string) string {
		switch {
		case strings.Contains(command, `"bad"`):
			return `{"error": {"class": "GenericError", "desc": "no such thing"}, "id": 3}`
		case strings.Contains(command, `"end"`):
			return "close"
		default:
			return `{"event": "OTHER", "data": {}} {"event": "GONE", "data": {"device": "x"}, "timestamp": {}}` + "\n" + `{"return": "text", "id": 2}`
		}
	})
	gone := q.await("GONE", func(data map[string]any) bool { return data["device"] == "x" })
	defer gone.stop()
	other := q.await("GONE", func(data map[string]any) bool { return data["device"] == "y" })
	defer other.stop()
	var text string
	if err := q.run("good", map[string]any{"a": 1}, &text); err != nil || text != "text" {
		t.Errorf("run(good) = %q, %v; want text", text, err)
	}
	if err := gone.wait(); err != nil {
		t.Error(err)
	}
	select {
	case <-other.seen:
		t.Error("an event of another device counts")
	default:
	}
	var refused *QMPError
	if err := q.run("bad", nil, nil); !errors.As(err, &refused) || refused.Description != "no such thing" {
		t.Errorf("run(bad) = %v; want QEMU's refusal", err)
	}
	if err := q.run("end", nil, nil); !errors.Is(err, errGone) {
		t.Errorf("run(end) = %v; want %v", err, errGone)
	}
}

// TestQMPLate gives up a command, and takes its late answer for no other's.
func TestQMPLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := fakeQEMU(t, func(command string) string {
			if strings.Contains(command, "slow") {
				return "" // the answer comes with the next
			}
			return `{"return": "slow", "id": 2}` + "\n" + `{"return": "quick", "id": 3}`
		})
		begun := time.Now()
		if err := q.run("slow", nil, nil); err == nil {
			t.Error("run(slow) = nil; want an error")
		}
		if took := time.Since(begun); took != patience {
			t.Errorf("run(slow) took %v; want %v", took, patience)
		}
		var text string
		if err := q.run("quick", nil, &text); err != nil || text != "quick" {
			t.Errorf("run(quick) = %q, %v; want quick", text, err)
		}
		_ = q.close()
	})
}

// FuzzQMP reads anything as QEMU's messages.
func FuzzQMP(f *testing.F) {
	f.Add([]byte(`{"return": {}, "id": 1}{"event": "X", "data": {"device": "y"}}`))
	f.Add([]byte(`{"error": {"class": 1}}`))
	f.Add([]byte(`[null, {"id": null}]`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		q := &qmp{replies: make(chan qmpReply, 1), watches: make(map[*watch]bool)}
		w := q.await("X", func(data map[string]any) bool { return data["device"] == "y" })
		defer w.stop()
		q.read(bytes.NewReader(data))
	})
}

func TestFindForward(t *testing.T) {
	table := fmt.Sprintf("Hub -1 (net0):\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\n"+
		"  TCP[HOST_FORWARD]  14       127.0.0.1 40661       %[1]s    22     0     0\n"+
		"  UDP[HOST_FORWARD]  15       127.0.0.1 40662       %[1]s    23     0     0\n", GuestAddress)
	if got, err := findForward(table, 22); err != nil || got != "127.0.0.1:40661" {
		t.Errorf("findForward(22) = %q, %v; want 127.0.0.1:40661", got, err)
	}
	if _, err := findForward(table, 23); err == nil {
		t.Error("findForward(23) = nil; want an error")
	}
}
