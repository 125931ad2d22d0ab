//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/vmtest/link"
)

// openPort finds the virtio-serial port by its name and opens it.
func openPort() (*os.File, error) {
	ports, err := filepath.Glob("/sys/class/virtio-ports/*")
	if err != nil {
		return nil, err
	}
	for _, port := range ports {
		name, err := os.ReadFile(filepath.Join(port, "name"))
		if err != nil || strings.TrimSpace(string(name)) != link.Port {
			continue
		}
		return os.OpenFile(filepath.Join("/dev", filepath.Base(port)), os.O_RDWR|unix.O_NONBLOCK, 0)
	}
	return nil, fmt.Errorf("no virtio-serial port %s among %d", link.Port, len(ports))
}

// portConn is the port as net/http wants to see it.
type portConn struct{ *os.File }

func (portConn) LocalAddr() net.Addr  { return portAddr{} }
func (portConn) RemoteAddr() net.Addr { return portAddr{} }

type portAddr struct{}

func (portAddr) Network() string { return "virtio" }
func (portAddr) String() string  { return link.Port }

// oneConn is a listener with a single connection.
type oneConn struct {
	conn  chan net.Conn // holds the one until it is accepted
	ended chan struct{} // closed by Close
}

func (l oneConn) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conn:
		return conn, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (l oneConn) Close() error { close(l.ended); return nil }

func (oneConn) Addr() net.Addr { return portAddr{} }

// serve answers the host until the machine ends.
func serve(port *os.File) error {
	processes := newProcesses()
	go processes.reap()
	flows := newFlows()
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+link.ProcessPath, processes.serve)
	mux.HandleFunc("PUT "+link.SignalPath, processes.signal)
	mux.HandleFunc("GET "+link.FilePath, getFile)
	mux.HandleFunc("PUT "+link.FilePath, putFile)
	mux.HandleFunc("PUT "+link.ClockPath, setClock)
	mux.HandleFunc("POST "+link.ListenPath, flows.listen)
	mux.HandleFunc("POST "+link.FlowPath, flows.serve)
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	server := http.Server{
		Handler:   mux,
		Protocols: &protocols,
		HTTP2:     &http.HTTP2Config{MaxConcurrentStreams: 1000, MaxReceiveBufferPerConnection: 4 << 20, MaxReceiveBufferPerStream: 1 << 20},
	}
	conn := make(chan net.Conn, 1)
	conn <- portConn{port}
	return server.Serve(oneConn{conn, make(chan struct{})})
}

// answer ends a request that has no stream: with the error, or well.
func answer(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, os.ErrNotExist):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func getFile(w http.ResponseWriter, r *http.Request) {
	file, err := os.Open(r.URL.Query().Get("path"))
	if err != nil {
		answer(w, err)
		return
	}
	defer file.Close()
	// A file of the kernel's has no size, and an error in its middle must not
	// look like its end.
	if _, err := io.Copy(w, file); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func putFile(w http.ResponseWriter, r *http.Request) {
	answer(w, func() error {
		mode, err := strconv.ParseUint(r.URL.Query().Get("mode"), 8, 32)
		if err != nil {
			return err
		}
		path := r.URL.Query().Get("path")
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, os.FileMode(mode))
		if err != nil {
			return err
		}
		_, err = io.Copy(file, r.Body)
		return errors.Join(err, file.Close())
	}())
}

func setClock(w http.ResponseWriter, r *http.Request) {
	answer(w, func() error {
		text, err := io.ReadAll(io.LimitReader(r.Body, 32))
		if err != nil {
			return err
		}
		nanoseconds, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil {
			return err
		}
		return settime(time.Unix(0, nanoseconds))
	}())
}

func settime(now time.Time) error {
	spec, err := unix.TimeToTimespec(now)
	if err != nil {
		return err
	}
	return unix.ClockSettime(unix.CLOCK_REALTIME, &spec)
}
