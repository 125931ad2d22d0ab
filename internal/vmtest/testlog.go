package vmtest

import (
	"bytes"
	"strings"
	"sync"
)

// testResult is how a test ended.
type testResult int

const (
	testUnfinished testResult = iota
	testPassed
	testFailed
	testSkipped
)

// testNode is a test of the guest's.
type testNode struct {
	name     string // below its parent
	output   strings.Builder
	result   testResult
	children []*testNode
}

// testLog reads what a test program says with -test.v=test2json: as with
// -test.v, but each line of the testing package's own begins with the byte
// testMark, wherever in a line of the test's that may be.
type testLog struct {
	finished func(*testNode) // gets each top-level test when it has ended; it may block

	mu      sync.Mutex           // guards below
	partial []byte               // a line that has not ended
	open    map[string]*testNode // by full name, until the top-level test has ended
	order   []string             // of the open top-level tests
	current string               // whom output belongs to
	outside strings.Builder      // output of no test
}

const testMark = 0x16

func newTestLog(finished func(*testNode)) *testLog {
	return &testLog{finished: finished, open: make(map[string]*testNode)}
}

// Write takes more of the program's output.
func (l *testLog) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, data...)
	for {
		line, rest, ok := bytes.Cut(l.partial, []byte{'\n'})
		if !ok {
			return len(data), nil
		}
		l.line(string(line))
		l.partial = append(l.partial[:0], rest...)
	}
}

// close ends the output: a test that is open did not end.
func (l *testLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.partial) > 0 {
		l.line(string(l.partial))
		l.partial = nil
	}
	for _, name := range l.order {
		l.finished(l.open[name])
	}
	l.order = nil
	clear(l.open)
}

// rest is what the program said outside its tests.
func (l *testLog) rest() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(l.outside.String())
}

// line takes one line, without its end.
func (l *testLog) line(line string) {
	before, after, marked := strings.Cut(line, string(rune(testMark)))
	if !marked {
		l.say(line + "\n")
		return
	}
	if before != "" {
		l.say(before + "\n")
	}
	if !l.event(after) {
		l.say(after + "\n")
	}
}

// say gives output to the test that runs.
func (l *testLog) say(text string) {
	if node, ok := l.open[l.current]; ok {
		node.output.WriteString(text)
		return
	}
	l.outside.WriteString(text)
}

// event takes a line of the testing package's own; false if it is not known.
func (l *testLog) event(line string) bool {
	if verb, name, ok := strings.Cut(strings.TrimPrefix(line, "=== "), " "); ok && strings.HasPrefix(line, "=== ") {
		name = strings.TrimSpace(name)
		switch verb {
		case "RUN":
			l.begin(name)
		case "NAME", "CONT", "PAUSE":
			l.current = name
		default: // attributes and such
		}
		return true
	}
	for mark, result := range map[string]testResult{
		"--- PASS: ": testPassed, "--- FAIL: ": testFailed, "--- SKIP: ": testSkipped,
	} {
		if text, ok := strings.CutPrefix(line, mark); ok {
			name, _, _ := strings.Cut(text, " (")
			l.end(name, result)
			return true
		}
	}
	return false
}

// begin adds a test below the one whose name begins its own. A name that is
// open already (the program runs its tests more than once) is the same test.
func (l *testLog) begin(name string) {
	l.current = name
	if _, ok := l.open[name]; ok {
		return
	}
	node := &testNode{name: name}
	l.open[name] = node
	if parent, ok := l.parent(name); ok {
		node.name = strings.TrimPrefix(name, parent+"/")
		l.open[parent].children = append(l.open[parent].children, node)
		return
	}
	l.order = append(l.order, name)
}

// parent is the longest name of an open test above another.
func (l *testLog) parent(name string) (string, bool) {
	for {
		cut := strings.LastIndexByte(name, '/')
		if cut < 0 {
			return "", false
		}
		name = name[:cut]
		if _, ok := l.open[name]; ok {
			return name, true
		}
	}
}

// end notes a result, and hands a top-level test over.
func (l *testLog) end(name string, result testResult) {
	node, ok := l.open[name]
	if !ok {
		return
	}
	node.result = result
	parent, below := l.parent(name)
	l.current = parent
	if below {
		return
	}
	for other := range l.open {
		if other == name || strings.HasPrefix(other, name+"/") {
			delete(l.open, other)
		}
	}
	for i, other := range l.order {
		if other == name {
			l.order = append(l.order[:i], l.order[i+1:]...)
			break
		}
	}
	l.finished(node)
}
