package broker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/blade-shadow/terminal/internal/broker"
)

// hintBroker is for answers that no broker of ours gives.
const hintBroker = "check the broker's address: what answers there is not a session broker"

// question asks once, wherever that leads, and returns the first answer that is
// not about another address, and who gave it. tell is told of those that are.
func (c *Client) question(ctx context.Context, wake bool, tell func(Status)) (broker.Response, *url.URL, error) {
	c.mu.Lock()
	at := c.current
	c.mu.Unlock()
	seen := map[string]bool{at.String(): true}
	for range maxMoves + 1 {
		r, err := c.ask(ctx, at, wake)
		if err != nil {
			c.settle(c.configured) // what it led to may be gone
			return broker.Response{}, at, err
		}
		if r.State != broker.Moved {
			c.settle(at)
			return r, at, nil
		}
		to, err := follow(at, r.MovedTo)
		if err == nil {
			completePath(to)
			if seen[to.String()] {
				err = fmt.Errorf("%s was asked already", to.Host)
			}
		}
		if err != nil {
			c.settle(c.configured)
			return broker.Response{}, at, failed(false, "tell who runs the broker", fmt.Errorf("broker %s has moved to where nobody follows: %w", at.Host, err))
		}
		at = to
		seen[at.String()] = true
		c.mu.Lock()
		c.stats.Moves++
		c.mu.Unlock()
		c.log.Info("the broker has moved", "to", at.Host)
		tell(Status{Response: r, Broker: at.Host, Waking: wake})
	}
	c.settle(c.configured)
	return broker.Response{}, at, failed(false, "tell who runs the broker", fmt.Errorf("broker %s has moved over %d times", c.configured.Host, maxMoves))
}

// settle says who is asked the next time.
func (c *Client) settle(at *url.URL) {
	c.mu.Lock()
	c.current = at
	c.mu.Unlock()
}

// ask makes one exchange.
func (c *Client) ask(parent context.Context, at *url.URL, wake bool) (broker.Response, error) {
	c.mu.Lock()
	c.stats.Questions++
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(parent, exchange)
	defer cancel()
	body, err := json.Marshal(broker.Request{Terminal: c.cfg.Terminal, Wake: wake})
	if err != nil {
		return broker.Response{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), bytes.NewReader(body))
	if err != nil {
		return broker.Response{}, failed(true, hintBroker, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if token := c.cfg.Bearer(); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return broker.Response{}, explain(parent, at, err)
	}
	defer resp.Body.Close()
	return read(parent, at, resp)
}

// read makes an answer of what came back.
func read(ctx context.Context, at *url.URL, resp *http.Response) (broker.Response, error) {
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		if to := resp.Header.Get("Location"); to != "" && len(to) <= broker.MaxURL {
			return broker.Response{State: broker.Moved, MovedTo: to}, nil
		}
		return broker.Response{}, refusal(at, resp)
	default:
		return broker.Response{}, refusal(at, resp)
	}
	if mt, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || mt != "application/json" {
		return broker.Response{}, failed(false, hintBroker, fmt.Errorf("broker %s answered with %.40q instead of application/json", at.Host, resp.Header.Get("Content-Type")))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, broker.MaxResponse+1))
	if err != nil {
		return broker.Response{}, explain(ctx, at, err)
	}
	r, err := broker.ParseResponse(body)
	if err != nil {
		return broker.Response{}, failed(false, hintBroker, fmt.Errorf("broker %s does not answer as one: %w", at.Host, err))
	}
	return r, nil
}
