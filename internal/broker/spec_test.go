package broker_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/blade-shadow/terminal/internal/broker"
)

// spec reads docs/broker.yaml.
func spec(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../../docs/broker.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Fatalf("docs/broker.yaml: %v", err)
	}
	return doc
}

// schemas returns what the document says of both bodies.
func schemas(t testing.TB) (request, response *openapi3.MediaType) {
	t.Helper()
	post := spec(t).Paths.Value(broker.Path).Post
	return post.RequestBody.Value.Content["application/json"],
		post.Responses.Status(http.StatusOK).Value.Content["application/json"]
}

// described reports whether the document allows a body.
func described(m *openapi3.MediaType, body []byte) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err
	}
	return m.Schema.Value.VisitJSON(v)
}

// Every example of the document is read, and what is read is the example.
func TestExamplesOfDocument(t *testing.T) {
	request, response := schemas(t)
	for name, e := range request.Examples {
		raw, err := json.Marshal(e.Value.Value)
		if err != nil {
			t.Fatal(err)
		}
		r, err := broker.ParseRequest(raw)
		if err != nil {
			t.Errorf("ParseRequest(example %s) = %v; want nil", name, err)
		}
		same(t, name, r, raw)
	}
	seen := make(map[broker.State]bool)
	for name, e := range response.Examples {
		raw, err := json.Marshal(e.Value.Value)
		if err != nil {
			t.Fatal(err)
		}
		r, err := broker.ParseResponse(raw)
		if err != nil {
			t.Errorf("ParseResponse(example %s) = %v; want nil", name, err)
		}
		seen[r.State] = true
		same(t, name, r, raw)
	}
	if len(seen) != 6 {
		t.Errorf("states with an example = %v; want all 6", seen)
	}
}

// same checks that v is written as it was read.
func same(t *testing.T, name string, v any, raw []byte) {
	t.Helper()
	written, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := json.Unmarshal(written, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		t.Errorf("example %s is read as %s; want %s", name, a, b)
	}
}
