package vmtest

import "context"

// Results runs a package's tests in the guest and returns each one's end, in
// place of failing the caller's test with them.
func (vm *VM) Results(ctx context.Context, pkg string, opt TestOptions) ([]string, error) {
	run, err := vm.startTests(ctx, pkg, opt)
	if err != nil {
		return nil, err
	}
	var results []string
	for node := range run.done {
		results = node.list(results, "")
	}
	return results, run.process.Wait()
}

// list appends a test's end and those of the tests below it.
func (n *testNode) list(to []string, above string) []string {
	words := map[testResult]string{testUnfinished: "open", testPassed: "ok", testFailed: "FAIL", testSkipped: "skip"}
	to = append(to, words[n.result]+" "+above+n.name)
	for _, child := range n.children {
		to = child.list(to, above+n.name+"/")
	}
	return to
}
