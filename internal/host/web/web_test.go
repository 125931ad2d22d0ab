package web_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/host/web"
)

// served answers requests as the host's mux does.
func served(t *testing.T) http.Handler {
	t.Helper()
	h, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for _, p := range web.Patterns() {
		mux.Handle(p, h)
	}
	return mux
}

func get(h http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestFiles(t *testing.T) {
	h := served(t)
	tests := []struct {
		name, target string
		status       int
		kind         string
	}{
		{"page", "/", 200, "text/html; charset=utf-8"},
		{"script", "/web/main.js", 200, "text/javascript; charset=utf-8"},
		{"style", "/web/style.css", 200, "text/css; charset=utf-8"},
		{"icon", "/web/icon.svg", 200, "image/svg+xml"},
		{"second window", "/web/screen.html", 200, "text/html; charset=utf-8"},
		{"no such file", "/web/none.js", 404, "text/plain; charset=utf-8"},
		{"the folder", "/web/", 404, "text/plain; charset=utf-8"},
		{"out of the folder", "/web/..%2fweb.go", 404, "text/plain; charset=utf-8"},
		{"elsewhere", "/other", 404, "text/plain; charset=utf-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := get(h, tt.target)
			if w.Code != tt.status || w.Header().Get("Content-Type") != tt.kind {
				t.Errorf("GET %s = %d, %q; want %d, %q", tt.target, w.Code, w.Header().Get("Content-Type"), tt.status, tt.kind)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	h := served(t)
	w := get(h, "/")
	csp := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "connect-src 'self'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("Content-Security-Policy = %q; want %q in it", csp, want)
		}
	}
	if strings.Contains(csp, "unsafe") {
		t.Errorf("Content-Security-Policy = %q; want nothing unsafe", csp)
	}
	etag := w.Header().Get("ETag")
	if again := get(h, "/", "If-None-Match", etag); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("GET / with its ETag = %d, %d bytes; want 304 and none", again.Code, again.Body.Len())
	}
}

// What the policy forbids would fail in the browser only.
func TestPageKeepsToItself(t *testing.T) {
	h := served(t)
	inline := regexp.MustCompile(`(?i)<script(?:>|[^>]*[^>c]>)\s*[^<\s]|\son[a-z]+=|\sstyle=|<style`)
	reference := regexp.MustCompile(`(?:src|href)="([^"]+)"|from '([^']+)'|url\(([^)$]+)\)`)
	for _, page := range []string{"/", "/web/screen.html"} {
		if found := inline.FindString(get(h, page).Body.String()); found != "" {
			t.Errorf("%s has %q inline; want everything in files", page, found)
		}
	}
	files := []string{"/", "/web/screen.html", "/web/style.css", "/web/main.js"}
	for seen := map[string]bool{}; len(files) > 0; files = files[1:] {
		if seen[files[0]] {
			continue
		}
		seen[files[0]] = true
		w := get(h, files[0])
		if w.Code != http.StatusOK {
			t.Errorf("GET %s = %d; want 200, because the page refers to it", files[0], w.Code)
		}
		for _, m := range reference.FindAllStringSubmatch(w.Body.String(), -1) {
			target := m[1] + m[3]
			if m[2] != "" {
				target = "/web/" + strings.TrimPrefix(m[2], "./")
			}
			if !strings.HasPrefix(target, "/web/") {
				t.Errorf("%s refers to %q; want its own files only", files[0], target)
				continue
			}
			files = append(files, target)
		}
	}
}
