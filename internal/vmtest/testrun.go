package vmtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/vmtest/link"
)

// TestOptions say how [VM.RunTests] runs a package's tests.
type TestOptions struct {
	Require []string      // REQUIRE_HW in the guest: a test that lacks one of these fails
	Run     string        // -test.run; "": all
	Args    []string      // more arguments of the test program
	Env     []string      // more environment
	Build   []string      // flags of `go test -c`, such as -tags
	Timeout time.Duration // of the program; 0: 5 minutes
	// Out is a folder that gets what the tests leave in the folder named by
	// their environment's OUT; "": those files are forgotten.
	Out string
}

// TestProgram is a compiled test.
type TestProgram struct {
	Path string // on this machine
	Dir  string // of its package, where it is to run
}

// BuildTests compiles the tests of a package, given as for `go test` in the
// root of the source tree, with C and for this machine, whose libraries the
// guest has too. There must be tests. The program stays in build/vm.
func BuildTests(ctx context.Context, pkg string, flags ...string) (TestProgram, error) {
	fail := func(err error) (TestProgram, error) {
		return TestProgram{}, fmt.Errorf("build the tests of %s: %w", pkg, err)
	}
	tree, err := sourceTree()
	if err != nil {
		return fail(err)
	}
	dir, err := goTool(ctx, tree, "list", "-f", "{{.Dir}}", pkg)
	if err != nil {
		return fail(err)
	}
	below, err := filepath.Rel(tree, dir)
	if err != nil {
		return fail(err)
	}
	target := filepath.Join(tree, "build/vm/tests", strings.ReplaceAll(below, "/", "-")+".test")
	_ = os.Remove(target) // go says nothing where there are no tests
	args := append([]string{"test", "-c", "-o", target}, flags...)
	if _, err := goTool(ctx, tree, append(args, pkg)...); err != nil {
		return fail(err)
	}
	if _, err := os.Stat(target); err != nil {
		return fail(err)
	}
	return TestProgram{Path: target, Dir: dir}, nil
}

// goTool runs the go command in the source tree and returns what it printed.
func goTool(ctx context.Context, tree string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = tree
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// TestCommand is the command that runs a test program in the guest, with a
// folder OUT whose files appear in the folder out on this machine.
func (vm *VM) TestCommand(program TestProgram, opt TestOptions) (command Command, out string, err error) {
	// By the share the guest sees a program that was built after its boot.
	name := filepath.Base(program.Path)
	data, err := os.ReadFile(program.Path)
	if err != nil {
		return command, "", err
	}
	if err := os.WriteFile(filepath.Join(vm.files.share(), name), data, 0o755); err != nil {
		return command, "", err
	}
	if out, err = os.MkdirTemp(vm.files.share(), "out-"); err != nil {
		return command, "", err
	}
	if opt.Timeout == 0 {
		opt.Timeout = 5 * time.Minute
	}
	command = Command{
		Args: []string{path.Join(link.Share, name), "-test.paniconexit0", "-test.timeout=" + opt.Timeout.String()},
		Env:  []string{"REQUIRE_HW=" + strings.Join(opt.Require, ","), "OUT=" + path.Join(link.Share, filepath.Base(out))},
		Dir:  program.Dir,
	}
	if opt.Run != "" {
		command.Args = append(command.Args, "-test.run="+opt.Run)
	}
	command.Args = append(command.Args, opt.Args...)
	command.Env = append(command.Env, opt.Env...)
	return command, out, nil
}

// RunTests compiles the tests of a package, runs them in the guest, in the
// package's own folder, and makes each test there a test here: its output, its
// failure, or why it was skipped. That no test ran is a failure.
func (vm *VM) RunTests(t *testing.T, pkg string, opt TestOptions) {
	t.Helper()
	run, err := vm.startTests(t.Context(), pkg, opt)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for node := range run.done {
		count++
		node.relay(t)
	}
	if opt.Out != "" {
		if err := CopyOut(opt.Out, run.out); err != nil {
			t.Error(err)
		}
	}
	judge(t, pkg, count, run.process.Wait(), run.log.rest())
}

// testRun is a test program in the guest.
type testRun struct {
	process *Process
	log     *testLog
	out     string         // the folder behind its OUT
	done    chan *testNode // each top-level test when it has ended; then closed
}

// startTests builds and starts a package's tests.
func (vm *VM) startTests(ctx context.Context, pkg string, opt TestOptions) (*testRun, error) {
	program, err := BuildTests(ctx, pkg, opt.Build...)
	if err != nil {
		return nil, err
	}
	command, out, err := vm.TestCommand(program, opt)
	if err != nil {
		return nil, err
	}
	run := &testRun{out: out, done: make(chan *testNode)}
	run.log = newTestLog(func(node *testNode) { run.done <- node })
	command.Args = append(command.Args, "-test.v=test2json")
	command.Stdout, command.Stderr = run.log, run.log
	if run.process, err = vm.Command(ctx, command); err != nil {
		return nil, err
	}
	go func() {
		_ = run.process.Wait() // asked for again by whoever reads done
		run.log.close()
		close(run.done)
	}()
	return run, nil
}

// reporter is what [judge] wants of a test.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Logf(format string, args ...any)
	Failed() bool
}

// judge fails the test for what no single test of the guest's stands for.
func judge(t reporter, pkg string, count int, end error, rest string) {
	t.Helper()
	var exit *ExitError
	switch {
	case end != nil && !(errors.As(end, &exit) && exit.Signal == 0 && exit.Code == 1 && t.Failed()):
		t.Errorf("tests of %s in the guest: %v\n%s", pkg, end, rest)
	case count == 0:
		t.Errorf("tests of %s in the guest: no test ran\n%s", pkg, rest)
	case rest != "":
		t.Logf("%s", rest)
	}
}

// relay makes a test of the guest's one of this process's.
func (n *testNode) relay(t *testing.T) {
	t.Run(n.name, func(t *testing.T) {
		for _, child := range n.children {
			child.relay(t)
		}
		text := strings.TrimRight(n.output.String(), "\n")
		if text != "" {
			text = "in the guest:\n" + text
		}
		switch n.result {
		case testPassed:
			if text != "" {
				t.Log(text)
			}
		case testSkipped:
			t.Skip(text)
		case testFailed:
			t.Error(text)
		default:
			t.Error("it did not end; " + text)
		}
	})
}

// CopyOut copies the files of a folder into another, over what is there: of the
// folder that [VM.TestCommand] names, while the machine is not closed.
func CopyOut(to, from string) error {
	tree := os.DirFS(from)
	return fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		data, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o644)
	})
}
