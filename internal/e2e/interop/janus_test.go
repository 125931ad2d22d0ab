//go:build linux && !nonative

package interop_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/sdp/v3"

	"github.com/blade-shadow/terminal/internal/lab"
)

// The payload types of H.264's baseline and its repairs in the terminal's offer.
// Janus is told to use the one, and takes the next for the other.
const (
	janusFormat = "106"
	repairs     = "107"
)

// janus is a Janus with one stream, that ffmpeg feeds.
type janus struct {
	bench
	api string
}

// janusFolder is where Debian keeps a part of Janus, whatever the processor.
func janusFolder(part string) string {
	found, _ := filepath.Glob("/usr/lib/*/janus/" + part) // the pattern is a good one
	return strings.Join(found, "")
}

// janusConfig is the files of a Janus on loopback. It is ICE-lite, as servers
// on the open network are, so that it does not insist on the role of the side
// that made the offer.
func janusConfig(dir string, port, video int) map[string]string {
	return map[string]string{
		"janus.jcfg": fmt.Sprintf(`general: {
	configs_folder = %q
	plugins_folder = %q
	transports_folder = %q
	events_folder = %q
	loggers_folder = %q
	debug_level = 4
	debug_colors = false
}
nat: { ice_lite = true }
plugins: { disable = "libjanus_audiobridge.so,libjanus_duktape.so,libjanus_echotest.so,libjanus_lua.so,libjanus_nosip.so,libjanus_recordplay.so,libjanus_sip.so,libjanus_textroom.so,libjanus_videocall.so,libjanus_videoroom.so,libjanus_voicemail.so" }
transports: { disable = "libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,libjanus_rabbitmq.so,libjanus_websockets.so" }
`, dir, janusFolder("plugins"), janusFolder("transports"), dir, dir),
		"janus.transport.http.jcfg": fmt.Sprintf(`general: {
	json = "plain"
	base_path = "/janus"
	http = true
	port = %d
	ip = "127.0.0.1"
	https = false
}
admin: { admin_http = false }
`, port),
		"janus.plugin.streaming.jcfg": fmt.Sprintf(`film: {
	type = "rtp"
	id = 1
	media = ({
		type = "video"
		mid = "v"
		port = %d
		iface = "127.0.0.1"
		pt = %s
		codec = "h264"
		fmtp = "profile-level-id=42e034;packetization-mode=1;level-asymmetry-allowed=1"
		bufferkf = true
	})
}
`, video, janusFormat),
	}
}

// freePort returns a port that was free a moment ago: Janus takes none itself.
func (b bench) freePort(network string) int {
	b.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		b.ok(err)
		defer c.Close()
		return c.LocalAddr().(*net.UDPAddr).Port
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	b.ok(err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// startJanus starts Janus and what it streams.
func (b bench) startJanus() *janus {
	b.Helper()
	dir, port, video := b.TempDir(), b.freePort("tcp"), b.freePort("udp")
	for name, content := range janusConfig(dir, port, video) {
		b.ok(os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	b.start(lab.Command{Name: "janus", Path: "janus", Args: []string{"--configs-folder=" + dir, "--config=" + filepath.Join(dir, "janus.jcfg")}})
	b.start(lab.Command{Name: "ffmpeg", Path: "ffmpeg", Args: []string{
		"-hide_banner", "-loglevel", "warning", "-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30", "-c:v", "libx264",
		"-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline", "-g", "30", "-b:v", "2M", "-bsf:v", "dump_extra=freq=keyframe",
		"-f", "rtp", "-payload_type", janusFormat, fmt.Sprintf("rtp://127.0.0.1:%d?pkt_size=1200", video),
	}})
	j := &janus{b, fmt.Sprintf("http://127.0.0.1:%d/janus", port)}
	b.wait("Janus", func() error {
		r, err := http.Get(j.api + "/info")
		if err != nil {
			return err
		}
		return r.Body.Close()
	})
	return j
}

// event is what Janus says, whatever the kind.
type event struct {
	Janus      string
	Data       struct{ ID int64 }
	Error      *struct{ Reason string }
	PluginData struct {
		Data struct {
			Error  string
			Result struct{ Status string }
		}
	}
	JSEP struct{ Type, SDP string }
}

// say sends a request of the Janus API and returns the first answer.
func (j *janus) say(path string, body map[string]any) (e event, err error) {
	body["transaction"] = "test"
	b, err := json.Marshal(body)
	if err != nil {
		return e, err
	}
	r, err := http.Post(j.api+path, "application/json", bytes.NewReader(b))
	if err != nil {
		return e, err
	}
	defer r.Body.Close()
	return e, errors.Join(json.NewDecoder(r.Body).Decode(&e), e.failure())
}

func (e event) failure() error {
	switch {
	case e.Error != nil:
		return fmt.Errorf("janus: %s", e.Error.Reason)
	case e.PluginData.Data.Error != "":
		return fmt.Errorf("janus: %s", e.PluginData.Data.Error)
	}
	return nil
}

// hear waits for an event that good says is the one.
func (j *janus) hear(session string, good func(event) bool) (event, error) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		r, err := http.Get(j.api + session + "?maxev=1")
		if err != nil {
			return event{}, err
		}
		var e event
		err = errors.Join(json.NewDecoder(r.Body).Decode(&e), r.Body.Close())
		if err = errors.Join(err, e.failure()); err != nil || good(e) {
			return e, err
		}
	}
	return event{}, errors.New("janus said nothing of it in time")
}

// answer makes Janus stream to who made the offer. Janus 1.1.2 takes no offers
// for its streams but makes its own, so each side gets the other's offer in the
// words of an answer: who opens DTLS and who leads ICE is all that they differ
// in. Media goes straight between the two.
func (j *janus) answer(offer string) (string, error) {
	session, err := j.say("", map[string]any{"janus": "create"})
	if err != nil {
		return "", err
	}
	at := fmt.Sprintf("/%d", session.Data.ID)
	handle, err := j.say(at, map[string]any{"janus": "attach", "plugin": "janus.plugin.streaming"})
	if err != nil {
		return "", err
	}
	plugin := fmt.Sprintf("%s/%d", at, handle.Data.ID)
	if _, err := j.say(plugin, map[string]any{"janus": "message", "body": map[string]any{"request": "watch", "id": 1}}); err != nil {
		return "", err
	}
	theirs, err := j.hear(at, func(e event) bool { return e.JSEP.Type == "offer" })
	if err != nil {
		return "", err
	}
	forViewer, forJanus, err := crossed(offer, theirs.JSEP.SDP)
	if err != nil {
		return "", err
	}
	_, err = j.say(plugin, map[string]any{
		"janus": "message", "body": map[string]any{"request": "start"},
		"jsep": map[string]any{"type": "answer", "sdp": forJanus, "trickle": false},
	})
	return forViewer, err
}

// crossed makes an answer for each of two sides that made an offer. Of the
// viewer's sections the first video is used and the others are refused.
func crossed(viewers, hosts string) (forViewer, forHost string, err error) {
	var v, h sdp.SessionDescription
	if err := errors.Join(v.UnmarshalString(viewers), h.UnmarshalString(hosts)); err != nil {
		return "", "", err
	}
	if len(h.MediaDescriptions) != 1 || v.MediaDescriptions[0].MediaName.Media != "video" {
		return "", "", errors.New("the offers have not one video section each where it is wanted")
	}
	ours, theirs := v.MediaDescriptions[0], h.MediaDescriptions[0]
	toViewer := side{ours, theirs, h.Attributes, "passive", "sendonly"}.section()
	toHost := side{theirs, ours, v.Attributes, "active", "recvonly"}.section()
	for _, m := range v.MediaDescriptions[1:] {
		mid, _ := m.Attribute("mid")
		refused := *m
		refused.MediaName.Port.Value = 0
		refused.Attributes = []sdp.Attribute{{Key: "mid", Value: mid}, {Key: "inactive"}}
		v.MediaDescriptions[slices.Index(v.MediaDescriptions, m)] = &refused
	}
	v.MediaDescriptions[0] = toViewer
	forViewer, err1 := written(h, v.MediaDescriptions)
	forHost, err2 := written(v, []*sdp.MediaDescription{toHost})
	return forViewer, forHost, errors.Join(err1, err2)
}

// side is a section of one side's offer on its way to become the other's
// answer to its own.
type side struct {
	offered, other *sdp.MediaDescription
	session        []sdp.Attribute // of the other side
	setup, way     string
}

// section is the other side's section with the numbers of the one offered, only
// the formats that both have, and no header extensions.
func (s side) section() *sdp.MediaDescription {
	m := *s.other
	m.MediaName.Port.Value = 9
	m.MediaName.Formats = slices.DeleteFunc(slices.Clone(m.MediaName.Formats), func(f string) bool {
		return !slices.Contains(s.offered.MediaName.Formats, f) || f != janusFormat && f != repairs
	})
	mid, _ := s.offered.Attribute("mid")
	m.Attributes = []sdp.Attribute{{Key: "mid", Value: mid}, {Key: "setup", Value: s.setup}, {Key: s.way}}
	for _, a := range append(slices.Clone(s.session), s.other.Attributes...) {
		number, _, _ := strings.Cut(a.Value, " ")
		switch a.Key {
		case "mid", "setup", "group", "extmap", "extmap-allow-mixed", "msid-semantic", "cryptex", "ice-options",
			"sendonly", "recvonly", "sendrecv", "inactive":
			continue
		case "rtpmap", "fmtp", "rtcp-fb":
			if !slices.Contains(m.MediaName.Formats, number) {
				continue
			}
		}
		m.Attributes = append(m.Attributes, a)
	}
	return &m
}

// written is a session with these sections, the first of them bundled.
func written(d sdp.SessionDescription, sections []*sdp.MediaDescription) (string, error) {
	mid, _ := sections[0].Attribute("mid")
	d.Attributes = []sdp.Attribute{{Key: "group", Value: "BUNDLE " + mid}}
	if _, lite := sections[0].Attribute("ice-lite"); lite {
		d.Attributes = append(d.Attributes, sdp.Attribute{Key: "ice-lite"})
	}
	d.MediaDescriptions = sections
	b, err := d.Marshal()
	return string(b), err
}

func needJanus() error { return lab.Need("janus", "ffmpeg") }

// Janus' streaming plugin as host, over a line that loses packets.
func TestJanusHosts(t *testing.T) {
	b := begin(t, needJanus())
	j := b.startJanus()
	server := b.whepServer(nil, func(offer string) (string, error) {
		answer, err := j.answer(offer)
		if err != nil {
			t.Log(err)
		}
		return answer, err
	})
	relay, viewers := b.relay(server.URL+"/whep", lossy(), ownAddress(), loopback())
	terminal := b.terminal(viewers, "--codec", "h264", "--duration", "8s", "--log-level", "debug")
	code, err := terminal.Wait(b.soon())
	b.ok(err)
	if code != 0 {
		t.Fatalf("shadow-terminal's exit status = %d; want 0 (stderr: %s)", code, terminal.Stderr())
	}
	var sum lab.TerminalSummary
	b.ok(terminal.Summary(&sum))
	s := sum.Screens[0]
	t.Logf("decoded %d, dropped %v, transport %+v, lost on the line %d", s.Decoded, s.Dropped, sum.Transport, relay.Stats().Down.Lost())
	if s.Codec != "H264" || s.Width != 640 || s.Height != 360 || s.Decoded < 120 {
		t.Errorf("screen is %s %dx%d with %d pictures; want H264 640x360 with 120 or more", s.Codec, s.Width, s.Height, s.Decoded)
	}
	if sum.Transport.Repaired == 0 {
		t.Errorf("transport = %+v; want repairs", sum.Transport)
	}
}
