package lab

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"os"
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
	// command starts it on the display; site is where the host answers under
	// /whep and the browser's page under /viewer.
	command func(d *Display, site, dir string) Command
	needs   []string
}

// systemPython is Debian's: its GStreamer modules are not in another one.
const systemPython = "/usr/bin/python3"

// viewers lists ours and its peers, each with its strongest settings: the
// browser without jitter target and with playout delay 0, GStreamer without
// the probation of new RTP sources, which swallows the first repairs.
func viewers(terminal string) []viewer {
	return []viewer{
		{name: "shadow-terminal", needs: []string{terminal}, command: func(d *Display, site, dir string) Command {
			return Command{Path: terminal, Env: append(d.Env(), "SDL_AUDIODRIVER=dummy"), Args: []string{
				"connect", site + "/whep", "--json", "--codec", "h264", "--display", "window", "--size", "1280x720", "--state-dir", dir,
			}}
		}},
		{name: "chromium", needs: []string{"chromium"}, command: func(d *Display, site, dir string) Command {
			return Command{Path: "chromium", Env: d.Env(), Args: append(chromiumArgs(dir), "--window-position=0,0", "--window-size=1280,720", "--kiosk", "--app="+site+"/viewer")}
		}},
		{name: "gstreamer", needs: []string{systemPython}, command: func(d *Display, site, dir string) Command {
			return Command{Path: systemPython, Env: d.Env(), Args: []string{filepath.Join(dir, "player.py"), site + "/whep", "200", "probation=0"}}
		}},
	}
}

// chromiumArgs are the flags under which Chromium shows streams of this
// machine, on a display without a GPU, without asking and without anything in
// the background.
func chromiumArgs(profile string) []string {
	return []string{
		"--no-sandbox", "--user-data-dir=" + profile, "--no-first-run", "--disable-gpu", "--autoplay-policy=no-user-gesture-required",
		"--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
		"--disable-component-update", "--disable-background-networking", "--disable-sync", "--disable-default-apps", "--disable-extensions",
		"--disable-features=WebRtcHideLocalIpsWithMdns,CalculateNativeWinOcclusion,Translate", "--allow-loopback-in-peer-connection", "--hide-scrollbars",
	}
}

// startViewer starts a viewer with a folder of its own, which close removes.
func startViewer(ctx context.Context, v viewer, d *Display, site string) (p *Process, closeFn func() error, err error) {
	if err := Need(v.needs...); err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "shadow-lab-viewer-")
	if err != nil {
		return nil, nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "player.py"), viewerScript, 0o600); err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	command := v.command(d, site, dir)
	command.Name = v.name
	if p, err = Start(ctx, command); err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return p, func() error { return errors.Join(p.Kill(), os.RemoveAll(dir)) }, nil
}

// withPage serves the browser's page beside what next answers.
func withPage(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /viewer", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "%s", viewerPage)
	})
	mux.Handle("/", next)
	return mux
}
