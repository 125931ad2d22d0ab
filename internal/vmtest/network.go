package vmtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/blade-shadow/terminal/internal/vmtest/link"
)

// GuestAddress is the guest's own on its network card.
const GuestAddress = "10.0.2.15"

// Forward makes a TCP port of the guest reachable from this machine alone,
// through the guest's network card, and returns the address here. What listens
// in the guest must do so on all its addresses. There is no such way for
// datagrams, which QEMU lets in only where it also lets them out: see
// [VM.Expose].
func (vm *VM) Forward(port int) (string, error) {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	if address, ok := vm.forward[port]; ok {
		return address, nil
	}
	address, err := vm.addForward(port)
	if err != nil {
		return "", fmt.Errorf("forward port %d: %w", port, err)
	}
	vm.forward[port] = address
	return address, nil
}

func (vm *VM) addForward(port int) (string, error) {
	said, err := vm.monitor(fmt.Sprintf("hostfwd_add %s tcp:127.0.0.1:0-%s:%d", networkID, GuestAddress, port))
	if err != nil {
		return "", err
	}
	if said = strings.TrimSpace(said); said != "" {
		return "", errors.New(said)
	}
	table, err := vm.monitor("info usernet")
	if err != nil {
		return "", err
	}
	return findForward(table, port)
}

// findForward reads the line of QEMU's table about one forwarded port:
//
//	TCP[HOST_FORWARD]  14       127.0.0.1 40661       10.0.2.15    22     0     0
func findForward(table string, port int) (string, error) {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[0] != "TCP[HOST_FORWARD]" {
			continue
		}
		if fields[4] == GuestAddress && fields[5] == strconv.Itoa(port) {
			return net.JoinHostPort(fields[2], fields[3]), nil
		}
	}
	return "", fmt.Errorf("not in QEMU's table:\n%s", table)
}

// monitor gives a command to QEMU's monitor for people, and returns what it says.
func (vm *VM) monitor(command string) (string, error) {
	var said string
	err := vm.qmp.run("human-monitor-command", map[string]any{"command-line": command}, &said)
	return said, err
}

// Dial connects to a TCP port of the guest, through its network card.
func (vm *VM) Dial(ctx context.Context, port int) (net.Conn, error) {
	address, err := vm.Forward(port)
	if err != nil {
		return nil, err
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", address)
}

// Expose makes an address of this machine reachable from the guest, as an
// address of the guest's: its programs connect to guest, such as
// "127.0.0.1:8080", and reach host. The network is "tcp" or "udp". It lasts
// until the machine ends. The way is the virtio-serial port, because the
// network card leads nowhere.
func (vm *VM) Expose(network, guest, host string) error {
	fail := func(err error) error { return fmt.Errorf("expose %s %s: %w", network, host, err) }
	ctx, cancel := context.WithCancel(context.Background())
	query := url.Values{"network": {network}, "address": {guest}}
	response, err := vm.request(ctx, http.MethodPost, link.ListenPath, query, nil)
	if err != nil {
		cancel()
		return fail(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		defer response.Body.Close()
		records := link.NewReader(response.Body)
		for {
			kind, id, err := records.Next()
			if err != nil {
				return
			}
			if kind == link.KindFlow {
				flow := string(id)
				all.Go(func() { vm.carry(ctx, network, host, flow) })
			}
		}
	})
	vm.mu.Lock()
	defer vm.mu.Unlock()
	vm.closers = append(vm.closers, func() { cancel(); all.Wait() })
	return nil
}

// carry connects one flow of the guest's to its goal, until either side ends
// it. A goal that does not answer ends the flow.
func (vm *VM) carry(ctx context.Context, network, host, id string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	body, toGuest := io.Pipe()
	// HTTP/2 does not look at the context while it reads a request's body.
	context.AfterFunc(ctx, func() { _ = body.CloseWithError(net.ErrClosed) })
	response, err := vm.request(ctx, http.MethodPost, link.FlowPath, url.Values{"id": {id}}, body)
	if err != nil {
		return
	}
	defer response.Body.Close()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, host)
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if network == "udp" {
		vm.carryDatagrams(conn, response.Body, link.NewWriter(toGuest, nil))
		return
	}
	var both sync.WaitGroup
	both.Go(func() { link.FromRecords(conn.(*net.TCPConn), response.Body) })
	link.ToRecords(link.NewWriter(toGuest, nil), conn)
	both.Wait()
}

// carryDatagrams passes datagrams until the guest ends the flow; a goal that
// refuses one may take the next.
func (vm *VM) carryDatagrams(conn net.Conn, from io.Reader, to *link.Writer) {
	var answers sync.WaitGroup
	answers.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil && to.Write(link.KindData, buf[:n]) != nil {
				return
			}
		}
	})
	in := link.NewReader(from)
	for {
		kind, datagram, err := in.Next()
		if err != nil {
			break
		}
		if kind == link.KindData {
			_, _ = conn.Write(datagram)
		}
	}
	_ = conn.Close()
	answers.Wait()
}
