package netlab

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
)

const (
	maxBody       = 256 << 10 // bytes of SDP that are rewritten
	maxCandidates = 32        // of one body that are; the rest is left out
)

// RewriteViewer returns a description, or a fragment of one (RFC 8840), from
// the viewer as the host may see it: its candidates are the relay's. It is for
// signalling other than WHEP, which ServeHTTP does.
func (r *Relay) RewriteViewer(sdp []byte) ([]byte, error) { return r.rewrite(viewer, sdp) }

// RewriteHost is [Relay.RewriteViewer] for what the host says.
func (r *Relay) RewriteHost(sdp []byte) ([]byte, error) { return r.rewrite(host, sdp) }

// rewrite replaces what one side says about its addresses by the relay's.
func (r *Relay) rewrite(from side, sdp []byte) ([]byte, error) {
	if len(sdp) > maxBody {
		return nil, fmt.Errorf("description is longer than %d bytes", maxBody)
	}
	w := rewriter{relay: r, from: from}
	var out bytes.Buffer
	for line := range bytes.Lines(sdp) {
		text := strings.TrimRight(string(line), "\r\n")
		ending := line[len(text):]
		changed, keep, err := w.line(text)
		if err != nil {
			return nil, err
		}
		if keep {
			out.WriteString(changed)
			out.Write(ending)
		}
	}
	return out.Bytes(), nil
}

// rewriter goes through one description.
type rewriter struct {
	relay *Relay
	from  side
	n     int  // candidates so far
	named bool // this section has the reserved address already
}

// line returns what takes the place of a line, and whether anything does.
func (w *rewriter) line(s string) (changed string, keep bool, err error) {
	switch {
	case strings.HasPrefix(s, "a=candidate:"):
		return w.candidate(s)
	case strings.HasPrefix(s, "a=remote-candidates:"):
		return "", false, nil
	case strings.HasPrefix(s, "m="):
		w.named = false
		// The port of the default candidate; 0 is a rejected section (RFC 8866, 5.14).
		if f := strings.SplitN(s, " ", 3); len(f) == 3 && f[1] != "0" {
			return f[0] + " 9 " + f[2], true, nil
		}
	case strings.HasPrefix(s, "c=IN IP6"):
		return "c=IN IP6 ::", true, nil
	case strings.HasPrefix(s, "c=IN "):
		return "c=IN IP4 0.0.0.0", true, nil
	case strings.HasPrefix(s, "a=rtcp:"):
		return "a=rtcp:9 IN IP4 0.0.0.0", true, nil
	}
	return s, true, nil
}

// candidate rewrites a candidate (RFC 8839, 5.1):
//
//	a=candidate:FOUNDATION COMPONENT TRANSPORT PRIORITY ADDRESS PORT typ TYPE ...
func (w *rewriter) candidate(s string) (changed string, keep bool, err error) {
	f := strings.Fields(s)
	w.n++
	if len(f) < 8 || w.n > maxCandidates || !strings.EqualFold(f[2], "udp") || f[6] != "typ" {
		return "", false, nil
	}
	var standIn *standIn
	peer, err := netip.ParseAddrPort(joinHostPort(f[4], f[5]))
	facing := w.from.other()
	switch {
	case err == nil && unmap(peer).Addr().Is4() != w.relay.address(w.from).Is4():
		return "", false, nil // the relay could not reach it
	case err == nil:
		standIn, err = w.relay.standInFor(facing, unmap(peer), true)
	case w.named:
		return "", false, nil
	default: // a name, such as mDNS's: whom it means shows when it sends
		w.named = true
		standIn, err = w.relay.reserve(facing)
	}
	if err != nil {
		return "", false, err
	}
	f[4], f[5] = standIn.local.Addr().String(), fmt.Sprint(standIn.local.Port())
	// What the relay offers is a host candidate; it has no related address.
	kept := append(f[:7:7], "host")
	for rest := f[8:]; len(rest) >= 2; rest = rest[2:] {
		if rest[0] != "raddr" && rest[0] != "rport" {
			kept = append(kept, rest[0], rest[1])
		}
	}
	return strings.Join(kept, " "), true, nil
}

func joinHostPort(address, port string) string {
	if strings.Contains(address, ":") {
		return "[" + address + "]:" + port
	}
	return address + ":" + port
}
