package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/program"
	"github.com/blade-shadow/terminal/peripherals/network/dongle"
	"github.com/blade-shadow/terminal/peripherals/network/manager"
)

// networkPatience is how long NetworkManager may take to say what there is.
const networkPatience = 5 * time.Second

// networks is what the network command prints.
type networks struct {
	manager.State
	Advice []advice `json:"advice"`
}

// advice is what is wrong with a Wi-Fi device.
type advice struct {
	Interface string `json:"interface,omitempty"`
	Severity  string `json:"severity"`
	Code      string `json:"code"`
	Text      string `json:"text"`
	Advice    string `json:"advice"`
}

func newNetwork() *cobra.Command {
	var asJSON, scan bool
	cmd := &cobra.Command{
		Use:   "network",
		Short: "Show this machine's networks, join and forget them",
		Long: `Network shows what NetworkManager knows: cables, Wi-Fi, modems and phones, the
networks in range and those that are joined by themselves, how far they lead, and
what is wrong with a Wi-Fi dongle: chip, band, signal, a USB 3 plug beside it.`,
		Example: `  shadow-terminal network
  shadow-terminal network --scan
  shadow-terminal network join "My Wi-Fi"
  shadow-terminal network forget "My Wi-Fi"`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withNetworks(cmd.Context(), nil, func(ctx context.Context, m *manager.Manager) error {
				if scan {
					if err := m.Scan(ctx); err != nil {
						return err
					}
				}
				return printNetworks(cmd.OutOrStdout(), m.State(), asJSON)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print JSON on stdout")
	f.BoolVar(&scan, "scan", false, "look for Wi-Fi networks first")
	cmd.AddCommand(newJoin(), newForget())
	return cmd
}

// withNetworks runs do beside a manager that knows what there is.
func withNetworks(parent context.Context, ask func(context.Context, manager.Question) (manager.Secret, bool), do func(context.Context, *manager.Manager) error) error {
	ctx, cancel := context.WithCancel(parent)
	known := make(chan struct{}, 1)
	m := manager.New(manager.Config{Ask: ask, OnChange: func(s manager.State) {
		if s.Service {
			select {
			case known <- struct{}{}:
			default:
			}
		}
	}})
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	defer func() {
		cancel()
		<-done
	}()
	patience := time.NewTimer(networkPatience)
	defer patience.Stop()
	select {
	case <-known:
	case <-ctx.Done():
		return ctx.Err()
	case <-patience.C:
		return fmt.Errorf("NetworkManager does not answer: it is not installed or not running: %w", errors.ErrUnsupported)
	}
	return do(ctx, m)
}

// adviseAll says what is wrong with the Wi-Fi devices.
func adviseAll(s manager.State) []advice {
	source := dongle.Source{}
	var facts []dongle.Facts
	for _, d := range s.Devices {
		if d.Kind != manager.KindWiFi {
			continue
		}
		f, err := source.Read(d.Name)
		if err != nil {
			continue // it has just gone
		}
		f.RateMbps = d.Mbps
		for _, n := range s.Nearby {
			if n.Active && n.SSID == d.SSID {
				f.HigherBand = d.Band == manager.Band24 && slices.ContainsFunc(n.Bands, func(b manager.Band) bool { return b != manager.Band24 })
			}
		}
		facts = append(facts, f)
	}
	all := []advice{} // [] in JSON
	for _, f := range append(facts, source.Without()...) {
		for _, g := range dongle.Advise(f) {
			all = append(all, advice{f.Interface, g.Severity.String(), string(g.Code), g.Text, g.Advice})
		}
	}
	return all
}

func printNetworks(w io.Writer, s manager.State, asJSON bool) error {
	n := networks{s, adviseAll(s)}
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(n)
	}
	fmt.Fprintf(w, "NetworkManager %s; the Internet: %s\n", s.Version, s.Connectivity)
	if s.Connectivity == manager.ConnectivityPortal {
		fmt.Fprintf(w, "This network wants a login first: %s\n", s.Portal)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nDEVICE\tKIND\tSTATE\tNETWORK\tADDRESSES")
	for _, d := range s.Devices {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", d.Name, d.Kind, phaseOf(d), describeLink(d), strings.Join(texts(d.Addresses), " "))
	}
	if len(s.Nearby) > 0 {
		fmt.Fprintln(t, "\nWI-FI\tSECURITY\tSIGNAL\tBANDS\t")
		for _, a := range s.Nearby {
			mark := ""
			switch {
			case a.Active:
				mark = "connected"
			case a.Profile != "":
				mark = "known"
			}
			fmt.Fprintf(t, "%v\t%s\t%d %%\t%s\t%s\n", a.SSID, a.Security, a.Signal, strings.Join(texts(a.Bands), ", "), mark)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, a := range n.Advice {
		if _, err := fmt.Fprintf(w, "\n%s: %s: %s %s\n", a.Severity, a.Interface, a.Text, a.Advice); err != nil {
			return err
		}
	}
	return nil
}

func phaseOf(d manager.Device) string {
	if d.Reason != "" && d.Phase != manager.PhaseConnected {
		return fmt.Sprintf("%s: %s", d.Phase, d.Reason)
	}
	return string(d.Phase)
}

// describeLink is what a device is connected with.
func describeLink(d manager.Device) string {
	var parts []string
	if d.SSID != "" {
		parts = append(parts, fmt.Sprintf("%v, %d %%, %s", d.SSID, d.Signal, d.Band))
	}
	if d.Mbps > 0 {
		parts = append(parts, fmt.Sprintf("%d Mb/s", d.Mbps))
	}
	if d.Primary {
		parts = append(parts, "in use")
	}
	if d.Metered {
		parts = append(parts, "metered")
	}
	return strings.Join(parts, ", ")
}

func texts[T any](all []T) (out []string) {
	for _, v := range all {
		out = append(out, fmt.Sprint(v))
	}
	return out
}

// joinOptions is the command line of join.
type joinOptions struct {
	device, security, passwordFile string
	hidden                         bool
	user, login, ca, domain        string
	addresses, dns                 []string
	gateway, proxy, script, apn    string
	metered                        string
	priority                       int
	cable, mobile                  bool
}

func newJoin() *cobra.Command {
	var o joinOptions
	cmd := &cobra.Command{
		Use:   "join NETWORK",
		Short: "Join a network and keep it",
		Long: `Join connects with a Wi-Fi network, or with --cable or --mobile changes how those are
used, and has NetworkManager keep that. A password is asked for on the terminal, or
read from a file; it is never given on the command line.

With --login the network wants a name and a password of each person (802.1X). Then say
how its server is known: --ca with its authority's certificate, and --domain.`,
		Example: `  shadow-terminal network join "My Wi-Fi"
  shadow-terminal network join "My Wi-Fi" --hidden --password-file wifi.txt --priority 10
  shadow-terminal network join office --login peap --user ann --ca /etc/office.pem --domain radius.office.example
  shadow-terminal network join desk --cable --address 192.0.2.7/24 --gateway 192.0.2.1 --dns 192.0.2.1`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := o.network(args[0])
			if err != nil {
				return program.UsageError{Err: err}
			}
			if o.passwordFile != "" {
				if n, err = o.withPassword(n); err != nil {
					return err
				}
			}
			return withNetworks(cmd.Context(), askPassword(cmd.ErrOrStderr()), func(ctx context.Context, m *manager.Manager) error {
				return join(ctx, cmd.OutOrStdout(), m, n)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.device, "device", "", "network device to join with (default the first that can)")
	f.BoolVar(&o.cable, "cable", false, "NETWORK is the name of a profile for a cable")
	f.BoolVar(&o.mobile, "mobile", false, "NETWORK is the name of a profile for a modem")
	f.StringVar(&o.security, "security", "", "open, wpa2, wpa3 or mixed (default what is seen; needed for a hidden network without a password)")
	f.BoolVar(&o.hidden, "hidden", false, "the network does not tell its name")
	f.StringVar(&o.passwordFile, "password-file", "", "file with the password in its first line, not readable by others (default it is asked for)")
	f.StringVar(&o.login, "login", "", "802.1X: peap, ttls or tls")
	f.StringVar(&o.user, "user", "", "802.1X: name of the person")
	f.StringVar(&o.ca, "ca", "", "802.1X: PEM file of the authority that the network's server is certified by")
	f.StringVar(&o.domain, "domain", "", "802.1X: what the name of the network's server ends with")
	f.StringSliceVar(&o.addresses, "address", nil, "address with prefix length instead of DHCP, IPv4 or IPv6; may be repeated")
	f.StringVar(&o.gateway, "gateway", "", "gateway that goes with --address")
	f.StringSliceVar(&o.dns, "dns", nil, "DNS servers instead of the network's")
	f.StringVar(&o.proxy, "proxy", "", "proxy for the web, host:port")
	f.StringVar(&o.script, "proxy-script", "", "URL of a proxy auto-configuration file")
	f.StringVar(&o.apn, "apn", "", "access point name of a mobile network (default the operator's)")
	f.StringVar(&o.metered, "metered", "", "whether what goes over it is paid for by amount: yes or no (default guessed)")
	f.IntVar(&o.priority, "priority", 0, "which of several networks in range is joined, the highest first, -999 to 999")
	return cmd
}

// network makes of the command line what is joined.
func (o *joinOptions) network(name string) (n manager.Network, err error) {
	n = manager.Network{
		Kind: manager.KindWiFi, Name: name, Device: o.device, Hidden: o.hidden,
		Proxy: manager.Proxy{Address: o.proxy, Script: o.script}, Metered: manager.Choice(o.metered), Priority: o.priority,
		Mobile: manager.Mobile{APN: o.apn},
	}
	switch {
	case o.cable && o.mobile:
		return n, errors.New("--cable or --mobile, not both")
	case o.cable:
		n.Kind = manager.KindCable
	case o.mobile:
		n.Kind = manager.KindMobile
	default:
		n.SSID = manager.SSID(name)
	}
	securities := map[string]manager.Security{"": "", "open": manager.Open, "wpa2": manager.WPA2, "wpa3": manager.WPA3, "mixed": manager.Mixed}
	known := false
	if n.Security, known = securities[o.security]; !known {
		return n, fmt.Errorf("--security %s is not known: use open, wpa2, wpa3 or mixed", o.security)
	}
	if o.login != "" {
		n.Login = &manager.Login{Method: manager.LoginMethod(o.login), User: o.user, CA: o.ca, Domain: o.domain, SystemCA: o.ca == "" && o.domain != ""}
		if n.Kind == manager.KindWiFi {
			n.Security = manager.Enterprise
		}
	}
	if err := o.numbers(&n); err != nil {
		return n, err
	}
	return n, nil
}

// numbers are the addresses of the command line.
func (o *joinOptions) numbers(n *manager.Network) error {
	for _, text := range o.addresses {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("--address %q: give it with the length of its network, for example 192.0.2.7/24", text)
		}
		to := &n.IPv4
		if p.Addr().Is6() {
			to = &n.IPv6
		}
		to.Static = append(to.Static, p)
	}
	if o.gateway != "" {
		g, err := netip.ParseAddr(o.gateway)
		if err != nil {
			return fmt.Errorf("--gateway %q is no address", o.gateway)
		}
		if g.Is6() {
			n.IPv6.Gateway = g
		} else {
			n.IPv4.Gateway = g
		}
	}
	for _, text := range o.dns {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return fmt.Errorf("--dns %q is no address", text)
		}
		n.DNS = append(n.DNS, a)
	}
	return nil
}

// withPassword reads the password from the file.
func (o *joinOptions) withPassword(n manager.Network) (manager.Network, error) {
	f, err := os.Open(o.passwordFile)
	if err != nil {
		return n, fmt.Errorf("password file: %w", err)
	}
	defer f.Close()
	if i, err := f.Stat(); err != nil || i.Mode().Perm()&0o007 != 0 {
		return n, fmt.Errorf("password file %s: others can read it: chmod 600", o.passwordFile)
	}
	line, err := bufio.NewReader(io.LimitReader(f, 1024)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("password file: %w", err)
	}
	secret := manager.NewSecret(strings.TrimRight(line, "\r\n"))
	if secret.Empty() {
		return n, fmt.Errorf("password file %s: its first line is empty", o.passwordFile)
	}
	if n.Login != nil {
		n.Login.Password = secret
	} else {
		n.Password = secret
	}
	return n, nil
}

// join joins with the first device that can.
func join(ctx context.Context, w io.Writer, m *manager.Manager, n manager.Network) error {
	s := m.State()
	i := slices.IndexFunc(s.Devices, func(d manager.Device) bool {
		return d.Kind == n.Kind && (n.Device == "" || d.Name == n.Device)
	})
	if i < 0 {
		what := string(n.Kind)
		if n.Device != "" {
			what += " called " + n.Device
		}
		return fmt.Errorf("there is no device for %s: shadow-terminal network lists those that there are", what)
	}
	d := s.Devices[i]
	if n.Kind == manager.KindWiFi && n.Security == "" {
		at := slices.IndexFunc(s.Nearby, func(a manager.Nearby) bool { return a.SSID == n.SSID })
		if at >= 0 {
			n.Security = s.Nearby[at].Security
		} else if !n.Password.Empty() {
			n.Security = manager.Mixed
		}
	}
	if err := n.Check(); err != nil {
		return err
	}
	if _, err := m.Join(ctx, d.ID, n); err != nil {
		return fmt.Errorf("join %q: %w", n.Name, err)
	}
	_, err := fmt.Fprintf(w, "%s is connected with %q\n", d.Name, n.Name)
	return err
}

func newForget() *cobra.Command {
	return &cobra.Command{
		Use:     "forget NETWORK",
		Short:   "Forget a network and its password",
		Example: `  shadow-terminal network forget "My Wi-Fi"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withNetworks(cmd.Context(), nil, func(ctx context.Context, m *manager.Manager) error {
				found := false
				for _, p := range m.State().Profiles {
					if p.Name != args[0] && p.SSID != manager.SSID(args[0]) {
						continue
					}
					found = true
					if err := m.Forget(ctx, p.ID); err != nil {
						return err
					}
				}
				if !found {
					return fmt.Errorf("no network called %q is known", args[0])
				}
				return nil
			})
		},
	}
}

// askPassword asks on the terminal that the program was started from, without an
// echo; what is no terminal is not asked.
func askPassword(w io.Writer) func(context.Context, manager.Question) (manager.Secret, bool) {
	return func(ctx context.Context, q manager.Question) (manager.Secret, bool) {
		tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
		if err != nil {
			fmt.Fprintf(w, "the %s of %q is needed: give --password-file\n", q.Want, q.Name)
			return manager.Secret{}, false
		}
		defer tty.Close()
		fd := int(tty.Fd())
		was, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return manager.Secret{}, false
		}
		quiet := *was
		quiet.Lflag &^= unix.ECHO
		if err := unix.IoctlSetTermios(fd, unix.TCSETS, &quiet); err != nil {
			return manager.Secret{}, false
		}
		restore := func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, was) } // as it was, or the terminal is gone
		stop := context.AfterFunc(ctx, restore)
		defer stop()
		defer restore()
		if q.Again {
			fmt.Fprintln(tty, "That was wrong.")
		}
		fmt.Fprintf(tty, "%s of %s: ", q.Want, q.Name)
		line, err := bufio.NewReader(io.LimitReader(tty, 1024)).ReadString('\n')
		fmt.Fprintln(tty)
		if err != nil {
			return manager.Secret{}, false
		}
		return manager.NewSecret(strings.TrimRight(line, "\r\n")), true
	}
}
