package broker_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/broker"
)

const me = `"terminal":{"name":"shadow-terminal","version":"1.0","screens":1}`

// refused are answers that the package and the document both refuse.
var refused = []struct{ name, body, want string }{
	{"no state", `{}`, "state"},
	{"other state", `{"state":"exploded"}`, "not known"},
	{"progress", `{"state":"starting","progress":101}`, "progress is 101"},
	{"half a progress", `{"state":"starting","progress":1.5}`, "wrong type"},
	{"negative wait", `{"state":"asleep","retry_after":-1}`, "retry_after"},
	{"long wait", `{"state":"asleep","retry_after":3601}`, "retry_after"},
	{"wait in words", `{"state":"asleep","retry_after":"soon"}`, "wrong type"},
	{"no address", `{"state":"ready"}`, "whep_url"},
	{"address with a line feed", `{"state":"ready","whep_url":"/whep\n"}`, "whep_url"},
	{"long address", `{"state":"ready","whep_url":"/` + strings.Repeat("w", broker.MaxURL) + `"}`, "whep_url"},
	{"token for ever", `{"state":"ready","whep_url":"/w","token":"abc"}`, "together"},
	{"expiry of nothing", `{"state":"ready","whep_url":"/w","expires_in":5}`, "together"},
	{"expired token", `{"state":"ready","whep_url":"/w","token":"abc","expires_in":0}`, "together"},
	{"token with a space", `{"state":"ready","whep_url":"/w","token":"a b","expires_in":5}`, "token"},
	{"ice of nothing", `{"state":"ready","whep_url":"/w","ice_servers":[{"urls":[]}]}`, "urls"},
	{"ice over http", `{"state":"ready","whep_url":"/w","ice_servers":[{"urls":["http://a"]}]}`, "scheme"},
	{"too much ice", `{"state":"ready","whep_url":"/w","ice_servers":[` + strings.Repeat(`{"urls":["stun:a"]},`, 8) + `{"urls":["stun:a"]}]}`, "ice_servers"},
	{"moved nowhere", `{"state":"moved"}`, "moved_to"},
	{"end", `{"state":"maintenance","ends_in":2592001}`, "ends_in"},
	{"message", `{"state":"asleep","message":"` + strings.Repeat("m", 501) + `"}`, "message"},
	{"not an object", `["ready"]`, "not a JSON object"},
}

func TestResponseRefused(t *testing.T) {
	_, response := schemas(t)
	for _, tt := range refused {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := broker.ParseResponse([]byte(tt.body)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ParseResponse(%.80s) = %v; want %q", tt.body, err, tt.want)
			}
			if err := described(response, []byte(tt.body)); err == nil {
				t.Errorf("the document allows %.80s; want it refused", tt.body)
			}
		})
	}
}

// What JSON itself leaves open is refused before the document counts.
func TestNotOneObject(t *testing.T) {
	for _, body := range []string{
		"", " ", "null", `"ready"`, `{`, `{"state":"asleep"}}`, `{"state":"asleep"} {}`, `{"state":"asleep"`, "\xff",
		`{"state":"asleep","state":"ready","whep_url":"/w"}`, `{"state":"asleep","State":"ready"}`, `{"ſtate":"asleep"}`,
		`{"state":"asleep","x":[[[[[[[[]]]]]]]]}`, `{"state":"ready","whep_url":"/w","ice_servers":[{"urls":["stun:a"],"urls":["stun:b"]}]}`,
		`{"state":"asleep","message":"` + strings.Repeat("m", broker.MaxResponse) + `"}`,
	} {
		if r, err := broker.ParseResponse([]byte(body)); err == nil {
			t.Errorf("ParseResponse(%.60q) = %+v; want an error", body, r)
		}
	}
}

func TestResponseKeepsWhatItsStateHas(t *testing.T) {
	const all = `,"progress":7,"whep_url":"/w","token":"t","expires_in":5,"ice_servers":[{"urls":["stun:a"]}],"moved_to":"/m","ends_in":9,"retry_after":3,"message":" a\nb\u202e ","new":[{"a":null}]}`
	ice := []broker.ICEServer{{URLs: []string{"stun:a"}}}
	for state, want := range map[broker.State]broker.Response{
		broker.Starting:    {Progress: 7},
		broker.Ready:       {WHEPURL: "/w", Token: "t", ExpiresIn: 5, ICEServers: ice},
		broker.Asleep:      {},
		broker.Moved:       {MovedTo: "/m"},
		broker.Maintenance: {EndsIn: 9},
		broker.Revoked:     {},
	} {
		want.State, want.RetryAfter, want.Message = state, 3, "a b"
		got, err := broker.ParseResponse([]byte(`{"state":"` + string(state) + `"` + all))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ParseResponse(%s with everything) = %+v, %v; want %+v", state, got, err, want)
		}
	}
}

func TestRequestRefused(t *testing.T) {
	request, _ := schemas(t)
	for _, body := range []string{
		`{}`, `{"terminal":{}}`, `{"terminal":{"name":"","version":"1","screens":1}}`, `{"terminal":{"name":"a","version":"1"}}`,
		`{"terminal":{"name":"a","version":"1","screens":5}}`, `{"terminal":{"name":"a","version":"1","screens":1},"wake":1}`,
		`{"terminal":{"name":"a\n","version":"1","screens":1}}`, `{"terminal":{"name":"a","version":"1","screens":1,"device":"` + strings.Repeat("d", 65) + `"}}`,
	} {
		if r, err := broker.ParseRequest([]byte(body)); err == nil {
			t.Errorf("ParseRequest(%.60s) = %+v; want an error", body, r)
		}
		if described(request, []byte(body)) == nil {
			t.Errorf("the document allows %.60s; want it refused", body)
		}
	}
	got, err := broker.ParseRequest([]byte(`{` + me + `,"wake":true,"colour":"blue"}`))
	want := broker.Request{Terminal: broker.Terminal{Name: "shadow-terminal", Version: "1.0", Screens: 1}, Wake: true}
	if err != nil || got != want {
		t.Errorf("ParseRequest() = %+v, %v; want %+v", got, err, want)
	}
}

func FuzzResponse(f *testing.F) {
	for _, tt := range refused {
		f.Add([]byte(tt.body))
	}
	f.Add([]byte(`{"state":"ready","whep_url":"/w","ice_servers":[]}`))
	_, response := schemas(f)
	for _, e := range response.Examples {
		raw, err := json.Marshal(e.Value.Value)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := broker.ParseResponse(bytes.Clone(raw))
		if err != nil {
			return
		}
		written, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := broker.ParseResponse(written)
		// Marshal may escape more than there was, never less than is allowed.
		if err != nil && len(written) <= broker.MaxResponse || err == nil && !reflect.DeepEqual(r, again) {
			t.Errorf("ParseResponse(%s) = %+v, %v; want %+v", written, again, err, r)
		}
		if err := described(response, written); err != nil {
			t.Errorf("the document refuses %s: %v", written, err)
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{` + me + `}`))
	f.Add([]byte(`{` + me + `,"wake":true}`))
	f.Add([]byte(`{"terminal":{"name":"a","version":"1","screens":1,"device":"ä"}}`))
	request, _ := schemas(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := broker.ParseRequest(raw)
		if err != nil {
			return
		}
		written, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := broker.ParseRequest(written); err != nil || again != r {
			t.Errorf("ParseRequest(%s) = %+v, %v; want %+v", written, again, err, r)
		}
		if err := described(request, written); err != nil {
			t.Errorf("the document refuses %s: %v", written, err)
		}
	})
}
