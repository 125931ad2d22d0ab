package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/netlab"
	"github.com/blade-shadow/terminal/internal/program"
)

func TestRelayRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"relay":                                   "--to",
		"relay --to nowhere":                      "no URL",
		"relay --to http://x/ --profile 5g":       "wifi-busy",
		"relay --to http://x/ --listen here":      "127.0.0.1:0",
		"relay --to http://x/ --host-facing me":   "no IP address",
		"relay --to http://x/ --viewer-facing me": "no IP address",
		"relay --to http://x/ --viewer-facing ::": "can reach",
		"relay --to http://x/ --for -1s":          "in the past",
		"relay --to http://x/ more":               "no arguments",
	} {
		root := newRoot()
		root.SetArgs(strings.Fields(args))
		err := root.ExecuteContext(context.Background())
		if usage, ok := errors.AsType[program.UsageError](err); !ok || !strings.Contains(usage.Error(), want) || strings.Contains(usage.Error(), "\n") {
			t.Errorf("%s = %v; want one line of a usage error with %q", args, err, want)
		}
	}
}

// TestRelayObeys drives the program by its standard input and output.
func TestRelayObeys(t *testing.T) {
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "page "+r.URL.Path)
	}))
	defer host.Close()
	in, commands := io.Pipe()
	results, out := io.Pipe()
	var complaints bytes.Buffer
	root := newRoot()
	root.SetArgs([]string{"relay", "--to", host.URL + "/whep", "--profile", "4g", "--seed", "7"})
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(&complaints)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		err := root.ExecuteContext(ctx)
		_ = out.Close()
		done <- err
	}()
	lines := bufio.NewScanner(results)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "http://127.0.0.1:") || !strings.HasSuffix(lines.Text(), "/whep") {
		t.Fatalf("first line = %q; want the URL for viewers", lines.Text())
	}
	resp, err := http.Get(strings.TrimSuffix(lines.Text(), "whep") + "page")
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if string(page) != "page /page" {
		t.Errorf("page = %q; want the host's", page)
	}
	stats := func() (s netlab.RelayStats) {
		t.Helper()
		if !lines.Scan() {
			t.Fatal("no statistics")
		}
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		return s
	}
	for _, command := range []string{"blackout 1ms", "set up loss=0.1 rate=5M", "set both delay=1ms", "stats"} {
		_, _ = io.WriteString(commands, command+"\n")
	}
	if s := stats(); s.Profile != "4g" || s.Seed != 7 {
		t.Errorf("statistics = %+v; want those of 4g with seed 7", s)
	}
	for _, command := range []string{"", "sing", "set sideways loss=1", "set up loss=7", "blackout soon", "profile 5g", "profile adsl", "quit"} {
		_, _ = io.WriteString(commands, command+"\n")
	}
	if s := stats(); s.Profile != "adsl" {
		t.Errorf("last statistics = %+v; want the profile that was set", s)
	}
	if err := <-done; err != nil {
		t.Errorf("relay = %v", err)
	}
	for _, want := range []string{`"sing" is no command`, `"sideways" is no direction`, "loss is a share", `"soon" is no time`, `"5g"`} {
		if !strings.Contains(complaints.String(), want) {
			t.Errorf("complaints:\n%s\nwant one with %q", &complaints, want)
		}
	}
}
