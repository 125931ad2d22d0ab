package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"syscall"
	"time"
)

// player is a program that shows a stream from its standard input.
type player struct {
	name string
	path string
	args []string
	env  []string
}

// players lists ours and its peers, each told to be as quick as it can. size
// is what fills the display.
func players(terminal string, width, height int) []player {
	size := fmt.Sprintf("%dx%d", width, height)
	mpv := []string{
		"--no-config", "--profile=low-latency", "--untimed", "--no-audio", "--no-osc", "--no-input-default-bindings", "--really-quiet",
		"--hwdec=no", "--no-border", "--geometry=" + size + "+0+0", "--no-keepaspect-window", "--idle=no", "--force-window=no",
	}
	with := func(more ...string) []string { return append(append([]string(nil), mpv...), append(more, "-")...) }
	return []player{
		{name: "shadow-terminal", path: terminal, args: []string{"selftest", "play", "--size", size, "--json", "-"}},
		{name: "mpv x11", path: "mpv", args: with("--vo=x11")},
		{name: "mpv gpu", path: "mpv", args: with("--vo=gpu", "--gpu-context=x11egl", "--gpu-sw=yes", "--opengl-swapinterval=0")},
		{name: "ffplay", path: "ffplay", args: []string{
			"-hide_banner", "-loglevel", "error", "-flags", "low_delay", "-framedrop", "-probesize", "32", "-analyzeduration", "0",
			"-sync", "ext", "-an", "-noborder", "-left", "0", "-top", "0", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), "-f", "matroska", "-i", "pipe:0",
		}, env: []string{"SDL_RENDER_DRIVER=software"}},
	}
}

// performance is how a player did, seen from outside.
type performance struct {
	Player     string
	FedToSeen  distribution // ms, from the last byte of a picture in the pipe to its sight
	Shown      int          // different pictures seen
	Fed        int
	CPUPerShow float64 // ms of all its threads for each picture seen
	Stdout     string
}

// distribution is sorted milliseconds.
type distribution []float64

// at returns a quantile, 0 to 1.
func (d distribution) at(q float64) float64 {
	if len(d) == 0 {
		return 0
	}
	return d[min(len(d)-1, int(q*float64(len(d))))]
}

// settleTime is the beginning of a run that is not counted: windows open,
// caches fill, and players that guess at timestamps find theirs.
const settleTime = 2 * time.Second

// perform feeds clip to a player at its rate and watches the display.
func (d *Display) perform(ctx context.Context, p player, clip *Clip) (*performance, error) {
	if err := Need(p.path); err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer write.Close()
	proc, err := Start(ctx, Command{Name: p.name, Path: p.path, Args: p.args, Env: append(d.Env(), p.env...), Stdin: read})
	read.Close()
	if err != nil {
		return nil, err
	}
	defer proc.Kill()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	type result struct {
		seen []sighting
		err  error
	}
	watched := make(chan result, 1)
	go func() {
		seen, err := d.watch(watching)
		watched <- result{seen, err}
	}()
	fed, cpu, err := feed(ctx, write, clip, proc)
	if err == nil {
		// The last picture needs a moment to be seen; players end with the stream.
		err = d.lastSeen(ctx)
	}
	stop()
	r := <-watched
	write.Close()
	_, _ = proc.Stop()
	if err = errors.Join(err, r.err); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", p.name, err, lastLines(proc.Stderr(), 3))
	}
	out := judge(fed, r.seen)
	out.Player, out.Stdout = p.name, proc.Stdout()
	if out.Shown > 0 {
		out.CPUPerShow = cpu.Seconds() * 1000 / float64(out.Shown)
	}
	return out, nil
}

// lastSeen gives the last picture fed time to appear.
func (d *Display) lastSeen(ctx context.Context) error {
	t := time.NewTimer(300 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// feed writes the clip at its rate. It returns when each picture was in the
// pipe, and the processor time that the player took after the settling.
func feed(ctx context.Context, w *os.File, clip *Clip, proc *Process) (fed []time.Time, cpu time.Duration, err error) {
	f := clip.writer(w)
	start := time.Now()
	var from time.Duration
	settled := int(settleTime.Seconds() * float64(clip.FPS))
	for i, unit := range clip.Units {
		pts := clip.at(i)
		select {
		case <-time.After(time.Until(start.Add(pts))):
		case <-proc.Done():
			return nil, 0, errors.New("it ended before the stream did")
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
		if i == settled {
			if from, err = cpuOf(proc.PID()); err != nil {
				return nil, 0, err
			}
		}
		if err := f.write(unit, i == 0, pts); err != nil {
			return nil, 0, fmt.Errorf("feed: %w", err)
		}
		fed = append(fed, time.Now())
	}
	to, err := cpuOf(proc.PID())
	return fed, to - from, err
}

// judge matches what was seen with what was fed, after the settling.
func judge(fed []time.Time, seen []sighting) *performance {
	p := &performance{}
	if len(fed) == 0 {
		return p
	}
	from := fed[0].Add(settleTime)
	for _, at := range fed {
		if !at.Before(from) {
			p.Fed++
		}
	}
	for _, s := range seen {
		i := int(s.frame) - 1
		if i < 0 || i >= len(fed) || fed[i].Before(from) {
			continue
		}
		p.Shown++
		p.FedToSeen = append(p.FedToSeen, float64(s.at.Sub(fed[i]).Microseconds())/1000)
	}
	sort.Float64s(p.FedToSeen)
	return p
}

// cpuOf returns the processor time of a process and its threads so far
// (proc(5), /proc/pid/stat, fields 14 and 15, in ticks of 1/100 s).
func cpuOf(pid int) (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("processor time: %w", err)
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("processor time: %w", syscall.EINVAL)
	}
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, fmt.Errorf("processor time: %w", err)
	}
	return time.Duration(user+system) * (time.Second / 100), nil
}
