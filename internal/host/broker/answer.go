package broker

import (
	"crypto/hmac"
	"crypto/sha1" // TURN servers expect HMAC-SHA-1
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/blade-shadow/terminal/internal/broker"
)

// How long terminals shall wait before they ask again, in seconds.
const (
	whileStarting   = 1
	whileAsleep     = 10
	whileMaintained = 30
)

// ServeHTTP answers POST /v1/session.
func (b *Broker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	device, ok := b.cfg.Device(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Bearer realm="shadow-broker"`)
		http.Error(w, "the device's certificate or token is missing or wrong", http.StatusUnauthorized)
		return
	}
	q, ok := readRequest(w, r)
	if !ok {
		return
	}
	if device.Name == "" {
		device.Name = q.Terminal.Device
	}
	answer, err := b.answer(device, q)
	if err != nil {
		b.log.Error("question not answered", "err", err)
		w.Header().Set("Retry-After", "10")
		http.Error(w, "the broker cannot answer: its log says why", http.StatusServiceUnavailable)
		return
	}
	b.log.Debug("asked", "device", device.Name, "wake", q.Wake, "state", string(answer.State))
	body, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // who asked may be gone
}

// readRequest reads the question within its bounds or answers why not.
func readRequest(w http.ResponseWriter, r *http.Request) (q broker.Request, ok bool) {
	if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mt != "application/json" {
		http.Error(w, "a question is sent as application/json", http.StatusUnsupportedMediaType)
		return q, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, broker.MaxRequest))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(w, "the question is too long", http.StatusRequestEntityTooLarge)
		return q, false
	case err != nil:
		http.Error(w, "the question was cut off", http.StatusBadRequest)
		return q, false
	}
	if q, err = broker.ParseRequest(body); err != nil {
		http.Error(w, "the question cannot be read: "+err.Error(), http.StatusBadRequest)
		return q, false
	}
	return q, true
}

// answer is what a device is told.
func (b *Broker) answer(d Device, q broker.Request) (broker.Response, error) {
	revoked, err := b.isRevoked(d)
	if err != nil {
		return broker.Response{}, err
	}
	if revoked {
		return broker.Response{State: broker.Revoked}, nil
	}
	if b.cfg.MovedTo != "" {
		return broker.Response{State: broker.Moved, MovedTo: b.cfg.MovedTo}, nil
	}
	if m, ok, err := b.maintenance(); err != nil || ok {
		return m, err
	}
	if q.Wake {
		b.wake()
	}
	if r := b.starting(); r.State != broker.Ready {
		return r, nil
	}
	return b.grant(d), nil
}

// starting is the answer of a PC that is not ready, or the state ready alone.
func (b *Broker) starting() broker.Response {
	ready := b.cfg.Ready()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case (b.power == asleep || b.power == drowsy) && !b.present.After(b.calm):
		return broker.Response{State: broker.Asleep, Message: b.trouble, RetryAfter: whileAsleep}
	case b.power == awake && ready:
		return broker.Response{State: broker.Ready}
	}
	r := broker.Response{State: broker.Starting, Message: b.trouble, RetryAfter: whileStarting}
	if b.power == waking || b.power == awake {
		// Nobody knows how much is done; what was usual is a fair guess.
		r.Progress = min(int(100*time.Since(b.start)/b.usual), 95)
	}
	return r
}

// grant is the answer of a PC that is ready.
func (b *Broker) grant(d Device) broker.Response {
	r := broker.Response{State: broker.Ready, WHEPURL: b.cfg.WHEPURL, ICEServers: b.iceServers(d)}
	if b.cfg.Tokens {
		now := time.Now()
		r.Token = b.tokens.issue(d, now, now.Add(b.cfg.Lifetime))
		r.ExpiresIn = int(b.cfg.Lifetime / time.Second)
	}
	return r
}

// iceServers returns the servers, with names and passwords for this device.
func (b *Broker) iceServers(d Device) []broker.ICEServer {
	if len(b.cfg.TURNSecret) == 0 {
		return b.cfg.ICEServers
	}
	servers := slices.Clone(b.cfg.ICEServers)
	// TURN servers compare with the time of day: twice a token's life, so that
	// an allocation can be refreshed until the next renewal.
	user := strconv.FormatInt(time.Now().Add(2*b.cfg.Lifetime).Unix(), 10)
	if d.Name != "" {
		user += ":" + d.Name
	}
	mac := hmac.New(sha1.New, b.cfg.TURNSecret)
	mac.Write([]byte(user))
	password := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for i := range servers {
		if slices.ContainsFunc(servers[i].URLs, func(u string) bool { return strings.HasPrefix(u, "turn") }) {
			servers[i].Username, servers[i].Credential = user, password
		}
	}
	return servers
}
