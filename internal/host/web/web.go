// Package web is the host's client for browsers: a page in plain JavaScript
// that shows the host's screens, plays its sound and sends keyboard, mouse and
// game pads, by docs/PROTOCOL.md and nothing else. It makes any browser a
// terminal that nobody here wrote.
//
// The page is files embedded in the program, without a build step, a framework
// or anything from another server. It asks for the host's token where one is
// needed and keeps it in memory. The package serves files: it takes no offers,
// knows no session and answers nothing but GET.
package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed static
var static embed.FS

// policy lets the page use its own files and its own server, and nothing else:
// no inline script, no frame around it (CSP Level 3). Shapes of the pointer
// are data URLs.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// file is one of the page's files, as it is sent.
type file struct {
	content []byte
	kind    string // media type
	etag    string
}

// handler serves the files. It does not change after New.
type handler struct{ files map[string]file }

// New returns a handler for [Patterns]: the page at /, and its files below
// /web/. It may be called from any goroutine.
func New() (http.Handler, error) {
	h := &handler{files: make(map[string]file)}
	entries, err := fs.ReadDir(static, "static")
	if err != nil {
		return nil, fmt.Errorf("web client: %w", err)
	}
	for _, e := range entries {
		content, err := static.ReadFile(path.Join("static", e.Name()))
		if err != nil {
			return nil, fmt.Errorf("web client: %w", err)
		}
		sum := sha256.Sum256(content)
		h.files[e.Name()] = file{content, kindOf(e.Name()), `"` + hex.EncodeToString(sum[:8]) + `"`}
	}
	return h, nil
}

// Patterns are what the handler answers, for [http.ServeMux].
func Patterns() []string { return []string{"GET /{$}", "GET /web/{file}"} }

// kindOf does not ask the machine's tables, which differ.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// ServeHTTP sends a file, with what keeps the page to itself.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/web/")
	if r.URL.Path == "/" {
		name = "index.html"
	}
	f, ok := h.files[name]
	if !ok {
		http.Error(w, "the web client has no such file", http.StatusNotFound)
		return
	}
	head := w.Header()
	head.Set("Content-Type", f.kind)
	head.Set("Content-Security-Policy", policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	// What is cached is asked about each time, so that a page never works
	// with the files of another version.
	head.Set("Cache-Control", "no-cache")
	head.Set("ETag", f.etag)
	if r.Header.Get("If-None-Match") == f.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	// Whoever asked may have gone; there is nobody to tell.
	_, _ = w.Write(f.content)
}
