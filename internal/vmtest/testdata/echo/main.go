// Command echo is both ends of a conversation over the network, for the tests
// of package vmtest: "echo serve NETWORK ADDRESS" repeats what it is told,
// "echo ask NETWORK ADDRESS TEXT" says something and prints the answer.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

func main() {
	var err error
	switch {
	case len(os.Args) == 4 && os.Args[1] == "serve":
		err = serve(os.Args[2], os.Args[3])
	case len(os.Args) == 5 && os.Args[1] == "ask":
		err = ask(os.Args[2], os.Args[3], os.Args[4])
	default:
		err = fmt.Errorf("arguments %q", os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "echo: error:", err)
		os.Exit(1)
	}
}

func serve(network, address string) error {
	if network == "udp" {
		return serveUDP(address)
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	fmt.Println("listening")
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			_, _ = io.Copy(conn, conn)
		}()
	}
}

func serveUDP(address string) error {
	socket, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	fmt.Println("listening")
	buf := make([]byte, 64<<10)
	for {
		n, from, err := socket.ReadFrom(buf)
		if err != nil {
			return err
		}
		if _, err := socket.WriteTo(buf[:n], from); err != nil {
			return err
		}
	}
}

func ask(network, address, text string) error {
	conn, err := net.DialTimeout(network, address, 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, text); err != nil {
		return err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		if err := tcp.CloseWrite(); err != nil {
			return err
		}
		_, err := io.Copy(os.Stdout, conn)
		return err
	}
	buf := make([]byte, 64<<10)
	n, err := conn.Read(buf)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(buf[:n])
	return err
}
