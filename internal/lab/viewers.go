package lab

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
)

// What foreign viewers run.
var (
	//go:embed viewers/page.html
	viewerPage []byte
	//go:embed viewers/player.py
	viewerScript []byte
)

// viewer is a program that shows a host in the upper left corner of a display.
type viewer struct {
	name string
	// command says what to start on the display; site is where the host answers
	// under /whep and the browser's page under /viewer, dir the viewer's own.
	command func(d *Display, site, dir string) (Command, error)
	need    func() error
}

// viewers lists ours and its peers, each with its strongest settings: the
// browser without jitter target and with playout delay 0, GStreamer without
// the probation of new RTP sources, which swallows the first repairs.
func viewers(terminal string) []viewer {
	return []viewer{
		{name: ownViewer, need: func() error { return Need(terminal) }, command: func(d *Display, site, dir string) (Command, error) {
			return Command{Path: terminal, Env: append(d.Env(), "SDL_AUDIODRIVER=dummy"), Args: []string{
				"connect", site + "/whep", "--json", "--codec", "h264", "--display", "window", "--size", "1280x720", "--state-dir", dir,
			}}, nil
		}},
		{name: "chromium", need: func() error { return Need("chromium") }, command: func(d *Display, site, dir string) (Command, error) {
			return Command{Path: "chromium", Env: d.Env(), Args: append(ChromiumArgs(dir),
				"--window-position=0,0", "--window-size=1280,720", "--kiosk", "--app="+site+"/viewer")}, nil
		}},
		{name: "gstreamer", need: func() error { return NeedGStreamer("avdec_h264", "ximagesink") }, command: func(d *Display, site, dir string) (Command, error) {
			c, err := GStreamerPlayer(dir, site+"/whep", "--window", "--session", "probation=0")
			c.Env = d.Env()
			return c, err
		}},
	}
}

// ChromiumArgs are the flags under which Chromium takes part in sessions on
// this machine without a GPU, without asking, and without anything of its own
// in the background; profile is its folder. There is no sandbox, because tests
// and benchmarks may run as root.
func ChromiumArgs(profile string) []string {
	return []string{
		"--no-sandbox", "--user-data-dir=" + profile, "--no-first-run", "--disable-gpu", "--autoplay-policy=no-user-gesture-required",
		"--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
		"--disable-component-update", "--disable-background-networking", "--disable-sync", "--disable-default-apps", "--disable-extensions",
		"--disable-features=WebRtcHideLocalIpsWithMdns,CalculateNativeWinOcclusion,Translate", "--allow-loopback-in-peer-connection", "--hide-scrollbars",
	}
}

// Python is Debian's interpreter: its GStreamer modules are not in another one.
const Python = "/usr/bin/python3"

// NeedGStreamer returns nil when Python can drive webrtcbin and the elements
// named. The error wraps errors.ErrUnsupported.
func NeedGStreamer(elements ...string) error {
	const probe = `import sys, gi
gi.require_version('Gst', '1.0'); gi.require_version('GstWebRTC', '1.0'); gi.require_version('GstSdp', '1.0')
from gi.repository import Gst, GstWebRTC, GstSdp
Gst.init(None)
missing = [n for n in sys.argv[1:] if not Gst.ElementFactory.find(n)]
raise SystemExit('no elements ' + ', '.join(missing) if missing else 0)`
	args := append([]string{"-c", probe, "webrtcbin", "nicesrc"}, elements...)
	if out, err := exec.Command(Python, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("install the GStreamer packages that .ci/deps lists (%s): %w", lastLines(string(out), 1), errors.ErrUnsupported)
	}
	return nil
}

// GStreamerPlayer says how to start GStreamer's webrtcbin as a viewer of the
// WHEP endpoint url; args are those of viewers/player.py, which it writes into
// the folder dir.
func GStreamerPlayer(dir, url string, args ...string) (Command, error) {
	script := filepath.Join(dir, "player.py")
	if err := os.WriteFile(script, viewerScript, 0o600); err != nil {
		return Command{}, err
	}
	return Command{Name: "gstreamer", Path: Python, Args: append([]string{script, url}, args...)}, nil
}

// startViewer starts a viewer with a folder of its own, which close removes.
func startViewer(ctx context.Context, v viewer, d *Display, site string) (p *Process, closeFn func() error, err error) {
	if err := v.need(); err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "shadow-lab-viewer-")
	if err != nil {
		return nil, nil, err
	}
	command, err := v.command(d, site, dir)
	if err == nil {
		command.Name = v.name
		p, err = Start(ctx, command)
	}
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return p, func() error { return errors.Join(p.Kill(), os.RemoveAll(dir)) }, nil
}

// withPage serves the browser's page beside what next answers.
func withPage(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /viewer", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(viewerPage) // a browser that is gone needs none
	})
	mux.Handle("/", next)
	return mux
}
