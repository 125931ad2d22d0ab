package vmtest

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// recorded is what a program of the testing package's says with
// -test.v=test2json: two parallel tests, a name with a slash, output without
// an end, a test that does not end.
const recorded = "before all\n" +
	"\x16=== RUN   TestA\n\x16=== PAUSE TestA\n" +
	"\x16=== RUN   TestB\nno end\x16=== RUN   TestB/x/y\n\x16=== ATTR  TestB/x/y key value\n    b_test.go:1: about x\n" +
	"\x16--- FAIL: TestB/x/y (0.10s)\n\x16=== NAME  TestB\n    b_test.go:2: about B\n\x16--- FAIL: TestB (0.20s)\n" +
	"\x16=== CONT  TestA\n\x16=== NAME  TestA\n    a_test.go:1: why\n\x16--- SKIP: TestA (0.00s)\n" +
	"\x16=== RUN   TestC\npanic: oh\n"

func TestTestLog(t *testing.T) {
	for _, step := range []int{1, 7, len(recorded)} {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			var got []string
			outputs := make(map[string]string)
			log := newTestLog(func(node *testNode) {
				got = node.list(got, "")
				outputs[node.name] = node.output.String()
			})
			for part := range slices.Chunk([]byte(recorded), step) {
				if _, err := log.Write(part); err != nil {
					t.Fatal(err)
				}
			}
			log.close()
			if want := []string{"FAIL TestB", "FAIL TestB/x/y", "skip TestA", "open TestC"}; !slices.Equal(got, want) {
				t.Errorf("tests = %q; want %q", got, want)
			}
			for name, want := range map[string]string{"TestA": "    a_test.go:1: why\n", "TestB": "no end\n    b_test.go:2: about B\n", "TestC": "panic: oh\n"} {
				if outputs[name] != want {
					t.Errorf("output of %s = %q; want %q", name, outputs[name], want)
				}
			}
			if rest := log.rest(); rest != "before all" {
				t.Errorf("rest() = %q; want before all", rest)
			}
		})
	}
}

// FuzzTestLog takes anything as a test program's output.
func FuzzTestLog(f *testing.F) {
	f.Add([]byte(recorded))
	f.Add([]byte("\x16--- PASS: TestX (0s)\n\x16=== RUN \n\x16=== RUN   /\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		log := newTestLog(func(node *testNode) { node.list(nil, "") })
		_, _ = log.Write(data)
		log.close()
	})
}

// TestRelay relays recorded results in a process of its own, as one fails.
func TestRelay(t *testing.T) {
	const name = "RELAY_RECORDED"
	if os.Getenv(name) != "" {
		log := newTestLog(func(node *testNode) { node.relay(t) })
		_, _ = log.Write([]byte(recorded))
		log.close()
		return
	}
	self := exec.Command(os.Args[0], "-test.run=^TestRelay$", "-test.v")
	self.Env = append(os.Environ(), name+"=1")
	out, err := self.CombinedOutput()
	if err == nil {
		t.Error("a relayed failure is none here")
	}
	for _, want := range []string{
		"--- FAIL: TestRelay/TestB (", "--- FAIL: TestRelay/TestB/x/y (", "--- SKIP: TestRelay/TestA (", "--- FAIL: TestRelay/TestC (",
		"about x", "why", "it did not end", "panic: oh",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("relayed tests lack %q:\n%s", want, out)
		}
	}
}

// verdict notes what judge says.
type verdict struct {
	failed bool
	said   string
}

func (*verdict) Helper() {}
func (v *verdict) Errorf(format string, args ...any) {
	v.failed, v.said = true, fmt.Sprintf(format, args...)
}
func (v *verdict) Logf(format string, args ...any) { v.said = fmt.Sprintf(format, args...) }
func (v *verdict) Failed() bool                    { return v.failed }

func TestJudge(t *testing.T) {
	for _, test := range []struct {
		name   string
		failed bool // some relayed test
		count  int
		end    error
		want   string // in what it says; "": nothing
	}{
		{"well", false, 3, nil, ""},
		{"a relayed failure says it all", true, 3, &ExitError{Code: 1}, ""},
		{"a failure of no test", false, 3, &ExitError{Code: 1}, "exit status 1"},
		{"a panic", true, 3, &ExitError{Code: 2}, "exit status 2"},
		{"killed", true, 3, &ExitError{Signal: 9}, "signal 9"},
		{"gone", true, 3, errGone, "gone"},
		{"nothing", false, 0, nil, "no test ran"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := &verdict{failed: test.failed}
			judge(v, "pkg", test.count, test.end, "")
			if (test.want == "") != (v.said == "") || !strings.Contains(v.said, test.want) {
				t.Errorf("judge says %q; want %q", v.said, test.want)
			}
			if test.want != "" && !v.failed {
				t.Error("judge does not fail the test")
			}
		})
	}
}
