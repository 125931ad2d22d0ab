// Package netlab is an impaired network for tests and benchmarks: what a
// [Profile] says about loss, delay, jitter, order, rate and queue happens to
// packets, from a seed, and can change while they flow. The product does not
// contain it.
//
// Its heart is [Model], one direction of a link in pure virtual time; [Path] is
// both directions under a profile. Up is always from the terminal (or viewer) to
// the host. Everything else carries packets through them.
//
// [Net] is a transport.Net for pion, for tests within one process. It goes
// under the terminal, or under the host with [NewHostNet], never under both:
//
//	p, err := netlab.Find("wifi-busy")
//	n := netlab.NewNet(nil, 1, p) // nil: the kernel's sockets
//	defer n.Wait()                // after everything over it is closed
//	cfg.Net = n                   // client.Config
//	n.Blackout(time.Second)
//
// [Relay] carries the UDP of any viewer and any host through sockets of its
// own, by rewriting the candidates in their WHEP exchange; `shadow-lab relay`
// is the program around it:
//
//	r, err := netlab.NewRelay(netlab.RelayConfig{To: hostURL, Profile: p, Seed: 1})
//	g.Go(func() error { return r.Run(ctx) })
//	server := httptest.NewServer(r) // what viewers are given instead of hostURL
//
// [Lab] joins network namespaces by cables, where root is there, for what no
// relay can do: links that go down, addresses that change, no IPv4, no UDP. A
// [Hop] impairs everything between two of them, TCP too. Nodes run programs
// ([Node.Command]), functions ([Node.Do]) and peers of this process ([Node.Net]):
//
//	lab, err := netlab.NewLab() // wraps errors.ErrUnsupported without root
//	t.Cleanup(func() { lab.Close() })
//	terminal, err := lab.Node("terminal")
//	host, err := lab.Node("host")
//	cable, err := lab.Join(terminal, host)
//	cable.A.AddAddress(netlab.Address(0, 1))
//	cable.B.AddAddress(netlab.Address(0, 2))
//	cfg.Net = terminal.Net()
//	cable.Plug(false)
//
// [Replay] sends a recording (package rtpdump) through a Path into whatever
// receives it and answers its NACKs, in virtual time: the same seed gives the
// same figures. client/receive has a test that shows how.
//
// A Model imitates the path, not the machine: CPU load, socket buffers and the
// scheduler are the real ones, so real time adds what they add (Relay measures
// it). It has no model of Wi-Fi or LTE beyond the named conditions, no cross
// traffic and no ECN.
package netlab
