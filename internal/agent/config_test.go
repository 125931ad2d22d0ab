package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/agent"
	"github.com/blade-shadow/terminal/internal/media"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	token := write("token", "abc123\n")
	good := write("good.toml", "url = \"https://pc:8089\"\ntoken_file = \""+token+"\"\nscreens = 2\ncodecs = [\"hevc\"]\nbitrate = \"12.5M\"\n")

	cfg, err := agent.Load(good)
	if err != nil {
		t.Fatalf("Load(good) = %v; want a configuration", err)
	}
	if cfg.URL != "https://pc:8089" || cfg.Token != "abc123" || cfg.TokenFile != token || cfg.Screens != 2 || cfg.BitrateBps != 12_500_000 ||
		len(cfg.Codecs) != 1 || cfg.Codecs[0] != media.CodecHEVC || !cfg.Fullscreen {
		t.Errorf("Load(good) = %+v; want what the file says, full screen by default", cfg)
	}

	asking := write("asking.toml", "broker = \"https://b\"\nbroker_token_file = \""+token+"\"\n")
	if cfg, err = agent.Load(asking); err != nil || cfg.Broker != "https://b" || cfg.BrokerToken != "abc123" || cfg.BrokerTokenFile != token || cfg.URL != "" || cfg.Wake {
		t.Errorf("Load(asking) = %+v, %v; want the broker and its token, and nobody woken", cfg, err)
	}

	relayed := write("relayed.toml", "url = \"https://pc\"\nice_servers = \""+write("relays", "stun:s.example\nturn:t.example me abc123\n")+"\"\n")
	if cfg, err = agent.Load(relayed); err != nil || len(cfg.ICEServers) != 2 || cfg.ICEServers[1].Credential != "abc123" {
		t.Errorf("Load(relayed) = %v, %v; want two ICE servers", cfg.ICEServers, err)
	}

	tests := []struct{ name, text, want string }{
		{"no ICE servers", "url = \"http://pc\"\nice_servers = \"" + dir + "/none\"\n", "ice_servers: open"},
		{"half a relay", "url = \"http://pc\"\nice_servers = \"" + write("half", "turn:t.example\n") + "\"\n", "needs a user name and a credential"},
		{"unknown key", "url = \"http://pc\"\nscrens = 2\n", ":2: key \"screns\" is not known"},
		{"syntax", "url = \n", ":1:"},
		{"type", "url = \"http://pc\"\nscreens = \"two\"\n", ":2:"},
		{"no url", "screens = 1\n", "url is missing"},
		{"url and broker", "url = \"http://pc\"\nbroker = \"https://b\"\n", "give one of them"},
		{"token and broker", "broker = \"https://b\"\ntoken_file = \"" + token + "\"\n", "broker gives that token"},
		{"half a certificate", "broker = \"https://b\"\ndevice_key = \"" + token + "\"\n", "needed together"},
		{"no broker's token", "broker = \"https://b\"\nbroker_token_file = \"" + dir + "/none\"\n", "broker_token_file: open"},
		{"three screens", "url = \"http://pc\"\nscreens = 3\n", "use 1 or 2"},
		{"codec", "url = \"http://pc\"\ncodecs = [\"vp9\"]\n", "use h264 or hevc"},
		{"bitrate", "url = \"http://pc\"\nbitrate = \"fast\"\n", "not a bit rate"},
		{"tiny bitrate", "url = \"http://pc\"\nbitrate = \"10\"\n", "not between"},
		{"half a size", "url = \"http://pc\"\nwidth = 640\n", "give both"},
		{"no token", "url = \"http://pc\"\ntoken_file = \"" + dir + "/none\"\n", "no such file"},
		{"empty token", "url = \"http://pc\"\ntoken_file = \"" + write("empty", "\n") + "\"\n", "holds no token"},
		{"no certificate", "url = \"http://pc\"\nca_file = \"" + token + "\"\n", "no PEM certificate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := write("bad.toml", tt.text)
			_, err := agent.Load(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Load(%q) = %v; want %q and the file's name", tt.text, err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "abc123") || strings.Contains(err.Error(), "\n")) {
				t.Errorf("Load(%q) = %q; want one line without the token", tt.text, err)
			}
		})
	}
}
