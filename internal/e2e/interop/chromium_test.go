//go:build linux && !nonative

package interop_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/blade-shadow/terminal/internal/lab"
)

// browser is a Chromium of our own, driven by its DevTools protocol over two
// pipes: messages of JSON, each with a zero byte after it.
type browser struct {
	bench
	commands *os.File
	session  string // of the page

	mu      sync.Mutex // guards below
	next    int
	waiting map[int]chan reply
	console []string // what pages said, and what went wrong in them
	gone    error
}

type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// chromium starts a browser with one empty page.
func (b bench) chromium() *browser {
	b.Helper()
	theirs, ours, err := os.Pipe()
	b.ok(err)
	answers, writes, err := os.Pipe()
	b.ok(err)
	args := append(lab.ChromiumArgs(b.TempDir()),
		"--headless=new", "--remote-debugging-pipe", "--disable-dev-shm-usage", "--window-size=1280,800", "about:blank")
	b.start(lab.Command{
		Name: "chromium", Path: "chromium", Args: args, Files: []*os.File{theirs, writes},
		Env: []string{"HOME=" + b.TempDir(), "XDG_CONFIG_HOME=", "XDG_CACHE_HOME="},
	})
	b.ok(errors.Join(theirs.Close(), writes.Close()))
	c := &browser{bench: b, commands: ours, waiting: make(map[int]chan reply)}
	done := make(chan struct{})
	go func() { defer close(done); c.read(answers) }()
	b.Cleanup(func() {
		_ = ours.Close()
		_ = answers.Close()
		<-done
		if b.Failed() {
			b.Logf("pages said: %q", c.said())
		}
	})
	c.attach()
	return c
}

// read hands answers to who waits for them, until the browser is gone.
func (c *browser) read(answers *os.File) {
	r := bufio.NewReaderSize(answers, 1<<16)
	for {
		message, err := r.ReadBytes(0)
		if err != nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.gone = fmt.Errorf("the browser is gone: %w", err)
			for _, w := range c.waiting {
				close(w)
			}
			c.waiting = nil
			return
		}
		c.take(message[:len(message)-1])
	}
}

func (c *browser) take(message []byte) {
	var m struct {
		ID     int
		Method string
		Params json.RawMessage
		reply
	}
	if json.Unmarshal(message, &m) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case m.ID != 0:
		if w := c.waiting[m.ID]; w != nil {
			w <- m.reply
		}
		delete(c.waiting, m.ID)
	case m.Method == "Runtime.consoleAPICalled", m.Method == "Runtime.exceptionThrown", m.Method == "Log.entryAdded":
		if len(c.console) < 200 {
			c.console = append(c.console, string(m.Params[:min(len(m.Params), 600)]))
		}
	}
}

func (c *browser) said() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.console...)
}

// try sends a command and returns what it gave.
func (c *browser) try(ctx context.Context, method string, params any) (json.RawMessage, error) {
	c.mu.Lock()
	if c.gone != nil {
		c.mu.Unlock()
		return nil, c.gone
	}
	c.next++
	id, answer := c.next, make(chan reply, 1)
	c.waiting[id] = answer
	c.mu.Unlock()
	message := map[string]any{"id": id, "method": method, "params": params}
	if c.session != "" {
		message["sessionId"] = c.session
	}
	b, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	if _, err := c.commands.Write(append(b, 0)); err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	select {
	case r, ok := <-answer:
		if !ok {
			return nil, fmt.Errorf("%s: the browser is gone", method)
		}
		if r.Error != nil {
			return nil, fmt.Errorf("%s: %s", method, r.Error.Message)
		}
		return r.Result, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// call is try for what must work.
func (c *browser) call(method string, params any) json.RawMessage {
	c.Helper()
	r, err := c.try(c.soon(), method, params)
	c.ok(err)
	return r
}

// attach makes a page and listens to it.
func (c *browser) attach() {
	c.Helper()
	var target struct{ TargetID string }
	c.ok(json.Unmarshal(c.call("Target.createTarget", map[string]any{"url": "about:blank"}), &target))
	var attached struct{ SessionID string }
	c.ok(json.Unmarshal(c.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}), &attached))
	c.session = attached.SessionID
	for _, domain := range []string{"Runtime.enable", "Log.enable", "Page.enable"} {
		c.call(domain, struct{}{})
	}
}

// open goes to a page and waits until its scripts have run.
func (c *browser) open(url string) {
	c.Helper()
	c.call("Page.navigate", map[string]any{"url": url})
	c.wait("page "+url, func() error {
		var state string
		if err := c.tryEval(`location.href + ' ' + document.readyState`, &state); err != nil {
			return err
		}
		if state != url+" complete" {
			return fmt.Errorf("it is %s", state)
		}
		return nil
	})
}

// tryEval evaluates an expression, waits for a promise, and reads the value.
func (c *browser) tryEval(expression string, into any) error {
	raw, err := c.try(c.soon(), "Runtime.evaluate", map[string]any{
		"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true,
	})
	if err != nil {
		return err
	}
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return err
	}
	if e := r.ExceptionDetails; e != nil {
		return fmt.Errorf("%s: %s %s", expression[:min(len(expression), 80)], e.Text, e.Exception.Description)
	}
	if into == nil || len(r.Result.Value) == 0 {
		return nil
	}
	return json.Unmarshal(r.Result.Value, into)
}

// eval is tryEval for what must work.
func (c *browser) eval(expression string, into any) {
	c.Helper()
	c.ok(c.tryEval(expression, into))
}

// screenshot leaves a picture of the page in build/pictures.
func (c *browser) screenshot(name string) {
	c.Helper()
	var shot struct{ Data string }
	c.ok(json.Unmarshal(c.call("Page.captureScreenshot", map[string]any{"format": "png"}), &shot))
	content, err := base64.StdEncoding.DecodeString(shot.Data)
	c.ok(err)
	c.keep(name, content)
}

// key presses or releases a key as a keyboard would.
func (c *browser) key(kind, code, key string, windowsCode int) {
	c.Helper()
	c.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "code": code, "key": key, "windowsVirtualKeyCode": windowsCode})
}

// mouse moves, presses, releases or turns the wheel.
func (c *browser) mouse(kind string, x, y int, more map[string]any) {
	c.Helper()
	params := map[string]any{"type": kind, "x": x, "y": y}
	for k, v := range more {
		params[k] = v
	}
	c.call("Input.dispatchMouseEvent", params)
}
