package peer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
)

// Bounds of what names servers.
const (
	maxServers    = 16
	maxLink       = 4096 // bytes of one Link header
	maxServerFile = 64 << 10
)

// Server is a STUN or TURN server (RFC 7064, RFC 7065).
type Server struct {
	URLs                 []string
	Username, Credential string // of TURN; never logged
}

// LogValue leaves out what nobody else may know.
func (s Server) LogValue() slog.Value { return slog.AnyValue(s.URLs) }

// String does so for everything else that prints.
func (s Server) String() string { return strings.Join(s.URLs, " ") }

// Equal reports whether nothing tells them apart.
func (s Server) Equal(o Server) bool {
	return slices.Equal(s.URLs, o.URLs) && s.Username == o.Username && s.Credential == o.Credential
}

// Check reports what ICE could not use.
func (s Server) Check() error {
	if len(s.URLs) == 0 {
		return errors.New("an ICE server has no URL")
	}
	for _, raw := range s.URLs {
		u, err := stun.ParseURI(raw)
		if err != nil {
			return fmt.Errorf("%q is no URL of a STUN or TURN server, like turn:turn.example:3478?transport=udp", raw)
		}
		relay := u.Scheme == stun.SchemeTypeTURN || u.Scheme == stun.SchemeTypeTURNS
		if relay && (s.Username == "" || s.Credential == "") {
			return fmt.Errorf("TURN server %s needs a user name and a credential", u.Host)
		}
	}
	return nil
}

// Servers puts them into pion's form. Those that fail Check are left out.
func Servers(all []Server) []webrtc.ICEServer {
	var out []webrtc.ICEServer
	for _, s := range all {
		if s.Check() == nil && len(out) < maxServers {
			out = append(out, webrtc.ICEServer{URLs: s.URLs, Username: s.Username, Credential: s.Credential})
		}
	}
	return out
}

// Union puts lists into one. A server that is in two, with the same name and
// credential, is asked once; the first lists go first where that is too many.
func Union(lists ...[]Server) []Server {
	var all []Server
	for _, s := range slices.Concat(lists...) {
		if !slices.ContainsFunc(all, s.Equal) {
			all = append(all, s)
		}
	}
	return all
}

// ReadServers reads a file with one server a line: its URL, for TURN a user
// name and a credential after it, 16 at most. Lines with # are comments. The
// file holds passwords: one that everybody can read is refused.
func ReadServers(path string) ([]Server, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if perm := st.Mode().Perm(); perm&0o007 != 0 {
		return nil, fmt.Errorf("file %s can be used by every user (mode %04o): chmod 600 it", path, perm)
	}
	var all []Server
	lines := bufio.NewScanner(io.LimitReader(f, maxServerFile))
	for n := 1; lines.Scan(); n++ {
		w := strings.Fields(lines.Text())
		if len(w) == 0 || strings.HasPrefix(w[0], "#") {
			continue
		}
		if len(w) != 1 && len(w) != 3 {
			return nil, fmt.Errorf("%s:%d: write URL, or URL, user name and credential, in one line", path, n)
		}
		s := Server{URLs: w[:1]}
		if len(w) == 3 {
			s.Username, s.Credential = w[1], w[2]
		}
		if err := s.Check(); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		if len(all) == maxServers {
			return nil, fmt.Errorf("%s:%d: more than %d servers", path, n, maxServers)
		}
		all = append(all, s)
	}
	return all, lines.Err()
}

// Links are the Link headers that name servers to a WHEP client
// (draft-ietf-wish-whep, 4.5; RFC 9725, 4.6).
func Links(all []Server) []string {
	var out []string
	for _, s := range all {
		for _, url := range s.URLs {
			link := fmt.Sprintf(`<%s>; rel="ice-server"`, url)
			if s.Username != "" {
				link += fmt.Sprintf(`; username=%s; credential=%s; credential-type="password"`, quote(s.Username), quote(s.Credential))
			}
			out = append(out, link)
		}
	}
	return out
}

// quote writes a quoted-string (RFC 9110, 5.6.4).
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// Link is one link of a Link header (RFC 8288).
type Link struct {
	Target string
	Params map[string]string // by name in lower case; the first of each counts
}

// ParseLinks reads Link headers and stops at what is none.
func ParseLinks(headers []string) []Link {
	var all []Link
	for _, h := range headers {
		if len(h) > maxLink {
			continue
		}
		for len(all) < 2*maxServers {
			l, rest, ok := cutLink(strings.TrimLeft(h, " \t,"))
			if !ok {
				break
			}
			all = append(all, l)
			h = rest
		}
	}
	return all
}

// cutLink cuts one link off the front.
func cutLink(s string) (l Link, rest string, ok bool) {
	if !strings.HasPrefix(s, "<") {
		return l, "", false
	}
	l.Target, s, ok = strings.Cut(s[1:], ">")
	l.Params = make(map[string]string)
	for ok {
		s = strings.TrimLeft(s, " \t")
		if !strings.HasPrefix(s, ";") {
			return l, s, true
		}
		var name, value string
		s = strings.TrimLeft(s[1:], " \t;")
		end := strings.IndexAny(s, "=;, \t")
		if end < 0 {
			end = len(s)
		}
		name, s = s[:end], strings.TrimLeft(s[end:], " \t")
		if strings.HasPrefix(s, "=") {
			value, s, ok = cutValue(strings.TrimLeft(s[1:], " \t"))
		}
		if name = strings.ToLower(name); name != "" {
			if _, twice := l.Params[name]; !twice {
				l.Params[name] = value
			}
		}
	}
	return l, "", false
}

// cutValue cuts a token or a quoted-string off the front.
func cutValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ";, \t")
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:], true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// ServersOf picks the usable ICE servers out of links.
func ServersOf(links []Link) []Server {
	var all []Server
	for _, l := range links {
		s := Server{URLs: []string{l.Target}, Username: l.Params["username"], Credential: l.Params["credential"]}
		if strings.EqualFold(l.Params["rel"], "ice-server") && s.Check() == nil && len(all) < maxServers {
			all = append(all, s)
		}
	}
	return all
}
