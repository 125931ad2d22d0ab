package netlab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// netnsFolder is where ip(8) keeps the names of network namespaces.
const netnsFolder = "/run/netns"

// labPrefix begins the names of our namespaces: the number of the process,
// when it started and a number of the lab follow, so that what a dead process
// left is known.
const labPrefix = "netlab-"

// Lab is a set of network namespaces joined by cables. It needs root and
// iproute2. Close removes everything; what a process that crashed left behind is removed by
// the next NewLab on the machine. Its methods may be called from any
// goroutine; they run ip(8), so they take milliseconds.
type Lab struct {
	prefix string

	mu     sync.Mutex
	nodes  []*Node
	cables int
}

// NewLab returns an empty lab. The error wraps errors.ErrUnsupported where
// the machine cannot have one.
func NewLab() (*Lab, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("network namespaces need root: %w", errors.ErrUnsupported)
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return nil, fmt.Errorf("network namespaces need ip of iproute2: %w", errors.ErrUnsupported)
	}
	started, err := startOf(os.Getpid())
	if err != nil {
		return nil, err
	}
	if err := sweep(); err != nil {
		return nil, err
	}
	return &Lab{prefix: fmt.Sprintf("%s%d-%s-%08x-", labPrefix, os.Getpid(), started, rand.Uint32())}, nil
}

// startOf returns when a process started, in the kernel's ticks (proc(5)).
func startOf(pid int) (string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The name, in parentheses, may hold anything; the 20th field after it.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 {
		return "", fmt.Errorf("read /proc/%d/stat: too short", pid)
	}
	return fields[19], nil
}

// sweep removes the namespaces of processes that are gone.
func sweep() error {
	names, err := filepath.Glob(filepath.Join(netnsFolder, labPrefix+"*"))
	if err != nil {
		return err
	}
	for _, path := range names {
		name := filepath.Base(path)
		var pid int
		var started string
		if n, _ := fmt.Sscanf(strings.ReplaceAll(name, "-", " "), "netlab %d %s", &pid, &started); n != 2 {
			continue
		}
		if now, err := startOf(pid); err == nil && now == started {
			continue
		}
		// Another process may sweep at the same time.
		if err := ip("netns", "del", name); err != nil && !gone(path) {
			return fmt.Errorf("remove what process %d left: %w", pid, err)
		}
	}
	return nil
}

func gone(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

// ip runs ip(8).
func ip(args ...string) error {
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err == nil {
		return nil
	}
	text := strings.TrimSpace(string(out))
	if strings.Contains(text, "Operation not permitted") {
		err = fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return fmt.Errorf("ip %s: %s: %w", strings.Join(args, " "), text, err)
}

// Close removes all nodes and their cables. Sockets and programs that are
// still in a node keep its namespace alive, without a name.
func (l *Lab) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, n := range l.nodes {
		errs = append(errs, n.ns.Close(), ip("netns", "del", n.name))
	}
	l.nodes = nil
	return errors.Join(errs...)
}

// Node is a network namespace: a machine with a network of its own.
type Node struct {
	name string // of the namespace
	ns   *os.File
}

// Node adds a machine, with nothing but a loopback interface. The name is
// part of the namespace's, see [Node.Namespace].
func (l *Lab) Node(name string) (*Node, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := &Node{name: l.prefix + name}
	if strings.ContainsAny(name, "/ ") || name == "" {
		return nil, fmt.Errorf("%q is no name of a node", name)
	}
	if err := ip("netns", "add", n.name); err != nil {
		return nil, err
	}
	var err error
	if n.ns, err = os.Open(filepath.Join(netnsFolder, n.name)); err != nil {
		return nil, errors.Join(err, ip("netns", "del", n.name))
	}
	l.nodes = append(l.nodes, n)
	if err := n.ip("link", "set", "lo", "up"); err != nil {
		return nil, err
	}
	// The kernel looks for local destinations first of all; BlockUDP has to
	// come before that.
	for _, family := range []string{"-4", "-6"} {
		err = errors.Join(err,
			n.ip(family, "rule", "add", "pref", "100", "lookup", "local"),
			n.ip(family, "rule", "del", "pref", "0"))
	}
	err = errors.Join(err,
		// Without it an address would take all younger ones of its network along.
		n.set("ipv4/conf/all/promote_secondaries", "1"),
		// The address that the kernel gives each end (link-local) shall be usable at
		// once too: what asks for neighbours comes from there (RFC 4861, 7.2.2).
		n.set("ipv6/conf/default/accept_dad", "0"))
	return n, err
}

// Namespace is the name of the node's namespace for ip(8).
func (n *Node) Namespace() string { return n.name }

// ip runs ip(8) for the node.
func (n *Node) ip(args ...string) error { return ip(append([]string{"-n", n.name}, args...)...) }

// Command returns a program to be run on the node.
func (n *Node) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", n.name, name}, args...)...)
}

// Do calls f on the node: sockets that f itself opens belong there for good,
// goroutines that it starts do not run there. For code that opens sockets on
// goroutines of its own, as pion does, there is [Node.Net].
func (n *Node) Do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		// The thread is of no use to others if it cannot go back: then it
		// stays locked, and ends with this goroutine.
		runtime.LockOSThread()
		home, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
		if err != nil {
			done <- err
			return
		}
		defer home.Close()
		if err := unix.Setns(int(n.ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter %s: %w", n.name, err)
			return
		}
		err = f()
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back == nil {
			runtime.UnlockOSThread()
		} else {
			err = errors.Join(err, fmt.Errorf("leave %s: %w", n.name, back))
		}
		done <- err
	}()
	return <-done
}

// Route sends what is for a destination through a gateway; the zero prefix is
// all of the gateway's family.
func (n *Node) Route(to netip.Prefix, via netip.Addr) error {
	where := "default"
	if to.IsValid() {
		where = to.String()
	}
	return n.ip("route", "replace", where, "via", via.String())
}

// Forward makes the node a router.
func (n *Node) Forward() error {
	return errors.Join(n.set("ipv4/ip_forward", "1"), n.set("ipv6/conf/all/forwarding", "1"))
}

// set changes a setting of the node's network (sysctl net.*).
func (n *Node) set(setting, value string) error {
	return n.Do(func() error { return os.WriteFile(filepath.Join("/proc/sys/net", setting), []byte(value), 0) })
}
