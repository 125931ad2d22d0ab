package peer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/peer"
)

func TestLinks(t *testing.T) {
	all := []peer.Server{
		{URLs: []string{"stun:stun.example:3478"}},
		{URLs: []string{"turn:turn.example?transport=udp"}, Username: `me"\,;`, Credential: "a b=c"},
		{URLs: []string{"turns:turn.example:443?transport=tcp"}, Username: "1700000000:me", Credential: "c2VjcmV0/+="},
	}
	headers := peer.Links(all)
	for _, written := range [][]string{headers, {strings.Join(headers, ", ")}} {
		if got := peer.ServersOf(peer.ParseLinks(written)); !reflect.DeepEqual(got, all) {
			t.Errorf("ServersOf(%q) = %+v; want what was written", written, got)
		}
	}
	if s := fmt.Sprintf("%v %s %+v", all[1], all[1], all); strings.Contains(s, "a b=c") || strings.Contains(s, "c2Vj") {
		t.Errorf("a printed server = %s; want no credential in it", s)
	}
}

func TestParseLinks(t *testing.T) {
	tests := []struct {
		header string
		want   string // targets and relations
	}{
		{`</s/1>; rel="urn:x"`, "/s/1 urn:x|"},
		{`</s/1>;rel=a;REL=b , <2>;rel="c;,"`, "/s/1 a|2 c;,|"},
		{`<a>, <b>; x; rel=r`, "a |b r|"},
		{"", ""},
		{"<", ""},
		{`<a>; rel="open`, ""},
		{`<a>; rel="\`, ""},
		{"rel=a", ""},
		{strings.Repeat("<a>,", 2000), ""},
	}
	for _, tt := range tests {
		got := ""
		for _, l := range peer.ParseLinks([]string{tt.header}) {
			got += l.Target + " " + l.Params["rel"] + "|"
		}
		if got != tt.want {
			t.Errorf("ParseLinks(%.40q) = %q; want %q", tt.header, got, tt.want)
		}
	}
	if n := len(peer.ParseLinks([]string{strings.Repeat("<a>,", 1000)})); n > 32 {
		t.Errorf("ParseLinks(1000 links) keeps %d; want at most 32", n)
	}
}

func TestReadServers(t *testing.T) {
	write := func(text string, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "ice")
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	all, err := peer.ReadServers(write("# ours\nstun:s.example\n\nturn:t.example:3478?transport=tcp me secret\n", 0o600))
	if err != nil || len(all) != 2 || all[1].Credential != "secret" || len(peer.Servers(all)) != 2 {
		t.Errorf("ReadServers() = %v, %v; want two servers", all, err)
	}
	for name, path := range map[string]string{
		"everybody reads": write("stun:s.example\n", 0o644),
		"two words":       write("turn:t.example me\n", 0o600),
		"no password":     write("turn:t.example\n", 0o600),
		"not a server":    write("http://t.example\n", 0o600),
		"too many":        write(strings.Repeat("stun:s.example\n", 17), 0o600),
		"absent":          filepath.Join(t.TempDir(), "absent"),
	} {
		if all, err := peer.ReadServers(path); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("ReadServers(%s) = %v, %v; want a refusal", name, all, err)
		}
	}
}

func FuzzParseLinks(f *testing.F) {
	f.Add(`<turn:t.example?transport=udp>; rel="ice-server"; username="u"; credential="p"; credential-type="password"`)
	f.Add(`</s/1>;rel=a;REL=b , <2>;rel="c;,\""`)
	f.Fuzz(func(t *testing.T, header string) {
		servers := peer.ServersOf(peer.ParseLinks([]string{header}))
		for _, s := range servers {
			if s.Check() != nil {
				t.Errorf("ServersOf(%q) = %v; want usable ones", header, s)
			}
		}
		again := peer.ServersOf(peer.ParseLinks(peer.Links(servers)))
		if len(again) != len(servers) {
			t.Errorf("ServersOf(Links(%v)) = %v; want the same", servers, again)
		}
	})
}

func TestUnion(t *testing.T) {
	a := peer.Server{URLs: []string{"turn:a"}, Username: "me", Credential: "old"}
	newer := peer.Server{URLs: []string{"turn:a"}, Username: "me", Credential: "new"}
	b := peer.Server{URLs: []string{"stun:b"}}
	got := peer.Union([]peer.Server{a, b}, nil, []peer.Server{b, newer}, []peer.Server{a})
	if want := []peer.Server{a, b, newer}; !reflect.DeepEqual(got, want) {
		t.Errorf("Union() = %v; want each once, in order, also with another credential", got)
	}
}
