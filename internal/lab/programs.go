package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Programs are the paths of the two programs.
type Programs struct{ Host, Terminal string }

// ProgramsIn returns the programs in a folder.
func ProgramsIn(dir string) Programs {
	return Programs{Host: filepath.Join(dir, "shadow-host"), Terminal: filepath.Join(dir, "shadow-terminal")}
}

// Build compiles the programs into a folder, from any folder of the module.
func Build(ctx context.Context, dir string) (Programs, error) {
	gomod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return Programs{}, fmt.Errorf("find the module: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", dir+string(os.PathSeparator), "./cmd/shadow-host", "./cmd/shadow-terminal")
	cmd.Dir = filepath.Dir(strings.TrimSpace(string(gomod)))
	if out, err := cmd.CombinedOutput(); err != nil {
		return Programs{}, fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return ProgramsIn(dir), nil
}

// HostConfig says what shadow-host shall stream.
type HostConfig struct {
	Source     string   // "testcard", "desktop" or the path of a film
	Busy       bool     // the test card with noise
	Display    *Display // the desktop, and where input goes; nil: this process's
	Screens    int      // default 1 of the test card, all monitors of the desktop
	Size       string   // of the test card, WxH
	BitrateBps int      // a screen; 0: the host's own default
	Listen     string   // default: a free port on loopback
	Audio      string   // default: the host's own, what the source has
	TokenFile  string
	Args       []string  // further flags
	Log        io.Writer // standard error as it comes; may be nil
}

func (c HostConfig) args() []string {
	args := []string{"--json", "--listen", c.Listen}
	switch c.Source {
	case "testcard", "desktop":
		args = append(args, "--source", c.Source)
	default:
		args = append(args, "--source", "file", "--file", c.Source)
	}
	flag := func(name, value string) {
		if value != "" {
			args = append(args, name, value)
		}
	}
	if c.Display != nil {
		flag("--display", c.Display.Name())
	}
	if c.Source == "testcard" {
		flag("--size", c.Size)
		if c.Busy {
			args = append(args, "--busy")
		}
	}
	flag("--audio", c.Audio)
	if c.Screens > 0 {
		flag("--screens", strconv.Itoa(c.Screens))
	}
	if c.BitrateBps > 0 {
		flag("--bitrate", strconv.Itoa(c.BitrateBps))
	}
	flag("--token-file", c.TokenFile)
	return append(args, c.Args...)
}

// Host is a running shadow-host.
type Host struct {
	*Process
	URL string // of its WHEP endpoint
}

// Address returns the host's listening address, for a host that shall come
// back at the same place.
func (h *Host) Address() (string, error) {
	u, err := url.Parse(h.URL)
	if err != nil {
		return "", fmt.Errorf("address of the host: %w", err)
	}
	return u.Host, nil
}

// hostStart bounds how long a host may take until it listens: proving the
// encoders takes a while on a busy machine.
const hostStart = 30 * time.Second

// StartHost starts shadow-host and returns once it listens. It is killed when
// ctx ends.
func (p Programs) StartHost(ctx context.Context, cfg HostConfig) (*Host, error) {
	if cfg.Listen == "" {
		cfg.Listen = net.JoinHostPort("127.0.0.1", "0")
	}
	command := Command{Name: "shadow-host", Path: p.Host, Args: cfg.args(), Log: cfg.Log}
	if cfg.Display != nil {
		command.Env = cfg.Display.Env()
	}
	process, err := Start(ctx, command)
	if err != nil {
		return nil, err
	}
	waitCtx, cancel := context.WithTimeout(ctx, hostStart)
	defer cancel()
	line, err := process.WaitLine(waitCtx, "listening")
	if err != nil {
		_ = process.Kill() // the error to tell is the first
		return nil, err
	}
	for field := range strings.FieldsSeq(line) {
		if address, ok := strings.CutPrefix(field, "url="); ok {
			return &Host{Process: process, URL: strings.Trim(address, `"`)}, nil
		}
	}
	_ = process.Kill()
	return nil, fmt.Errorf("start shadow-host: no url= in %q", line)
}

// TerminalConfig says how shadow-terminal shall connect.
type TerminalConfig struct {
	URL       string
	File      string   // configuration file: `run` instead of `connect`; of the rest only Display, Args, Env and Log count then
	Display   *Display // nil: this process's
	Screens   int      // default 1
	Codec     string   // default: the terminal's own preference
	Size      string   // of each window, WxH; default: the stream's
	Duration  time.Duration
	TokenFile string
	Overlay   bool
	Args      []string  // further flags
	Env       []string  // KEY=value, over the display's
	Log       io.Writer // standard error as it comes; may be nil
}

func (c TerminalConfig) args() []string {
	if c.File != "" {
		return append([]string{"run", "--config", c.File, "--json"}, c.Args...)
	}
	args := []string{"connect", c.URL, "--json"}
	if c.Screens > 0 {
		args = append(args, "--screens", strconv.Itoa(c.Screens))
	}
	if c.Codec != "" {
		args = append(args, "--codec", c.Codec)
	}
	if c.Size != "" {
		args = append(args, "--size", c.Size)
	}
	if c.Duration > 0 {
		args = append(args, "--duration", c.Duration.String())
	}
	if c.TokenFile != "" {
		args = append(args, "--token-file", c.TokenFile)
	}
	if c.Overlay {
		args = append(args, "--overlay")
	}
	return append(args, c.Args...)
}

// StartTerminal starts shadow-terminal. It is killed when ctx ends.
func (p Programs) StartTerminal(ctx context.Context, cfg TerminalConfig) (*Process, error) {
	var env []string
	if cfg.Display != nil {
		env = cfg.Display.Env()
	}
	if !soundServer() {
		// SDL would wait for a sound server before it gave up.
		env = append(env, "SDL_AUDIODRIVER=dummy")
	}
	return Start(ctx, Command{Name: "shadow-terminal", Path: p.Terminal, Args: cfg.args(), Env: append(env, cfg.Env...), Log: cfg.Log})
}

// soundServer reports whether this user has PulseAudio, or PipeWire in its
// place, or at least a sound card.
func soundServer() bool {
	if os.Getenv("PULSE_SERVER") != "" {
		return true
	}
	runtime := os.Getenv("XDG_RUNTIME_DIR")
	for _, path := range []string{filepath.Join(runtime, "pulse", "native"), filepath.Join(runtime, "pipewire-0"), "/dev/snd/pcmC0D0p"} {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}
