package broker_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/client/broker"
)

// held is a client that has a token of 60 s and holds it in the background.
func held(t *testing.T, f *fake, change func(*broker.Config)) (c *broker.Client, end func() error) {
	t.Helper()
	answer := f.answer
	f.answer = func(q question, n int) (*http.Response, error) {
		if n == 1 {
			return says(`{"state":"ready","whep_url":"/w","token":"t1","expires_in":60}`)
		}
		return answer(q, n)
	}
	c, _ = ask(t, f, change)
	if _, err := c.Ask(t.Context(), true, nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Hold(ctx) }()
	return c, func() error {
		cancel()
		return <-done
	}
}

// Tokens are renewed before they expire, with the PC never woken for it, also
// by a broker that is away for a while and says rubbish.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		f.answer = func(q question, n int) (*http.Response, error) {
			switch {
			case q.wake:
				t.Errorf("question %d wakes the PC", n)
			case q.at > 100*time.Second && q.at < 150*time.Second:
				return nil, errors.New("away")
			case q.at > 300*time.Second && q.at < 310*time.Second:
				return says(`{"state":"asleep"}`)
			}
			return says(fmt.Sprintf(`{"state":"ready","whep_url":"/elsewhere","token":"t%d","expires_in":60}`, n))
		}
		c, end := held(t, f, nil)
		last, changed := "t1", time.Now()
		for range 600 {
			time.Sleep(time.Second)
			synctest.Wait()
			if now := c.Bearer(); now != last {
				last, changed = now, time.Now()
			}
			at := time.Since(f.began)
			if age := time.Since(changed); age > 60*time.Second && (at < 100*time.Second || at > 170*time.Second) {
				t.Errorf("at %v the token is %v old; want another before it expires", at, age)
			}
		}
		if err := end(); err != nil {
			t.Errorf("Hold() = %v; want nil", err)
		}
		if st, n := c.Stats(), len(f.questions()); st.Renewals < 12 || n > 60 {
			t.Errorf("Stats() = %+v with %d questions in 600 s; want renewals and no flood", st, n)
		}
	})
}

// Time that the machine slept counts, though timers stood still.
func TestHoldAfterSuspend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slept atomic.Int64
		began := time.Now()
		f := &fake{answer: func(question, int) (*http.Response, error) {
			return says(`{"state":"ready","whep_url":"/w","token":"after","expires_in":60}`)
		}}
		c, end := held(t, f, func(cfg *broker.Config) {
			cfg.SinceBoot = func() time.Duration { return time.Since(began) + time.Duration(slept.Load()) }
		})
		time.Sleep(time.Second)
		synctest.Wait()
		slept.Store(int64(time.Hour))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := c.Bearer(); got != "after" {
			t.Errorf("Bearer() = %q 5 s after the machine woke; want another token", got)
		}
		if err := end(); err != nil {
			t.Errorf("Hold() = %v; want nil", err)
		}
	})
}

func TestHoldRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(question, int) (*http.Response, error) { return says(`{"state":"revoked"}`) }}
		_, end := held(t, f, nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := end(); !errors.Is(err, client.ErrRevoked) {
			t.Errorf("Hold() = %v; want that the terminal was revoked", err)
		}
	})
}

// A host without tokens needs none renewed.
func TestHoldNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(question, int) (*http.Response, error) { return says(`{"state":"ready","whep_url":"/w"}`) }}
		c, _ := ask(t, f, nil)
		if _, err := c.Ask(t.Context(), false, nil); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := c.Hold(ctx); err != nil || len(f.questions()) != 1 {
			t.Errorf("Hold() = %v with %d questions; want none but the first", err, len(f.questions()))
		}
	})
}

// A broker that moves while a session lasts is followed, and nobody is told:
// the person looks at the PC.
func TestHoldIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		f.answer = func(q question, n int) (*http.Response, error) {
			if q.url == "https://b/v1/session" {
				return says(`{"state":"moved","moved_to":"https://c"}`)
			}
			return says(fmt.Sprintf(`{"state":"ready","whep_url":"/w","token":"t%d","expires_in":60}`, n))
		}
		c, end := held(t, f, func(cfg *broker.Config) {
			cfg.OnState = func(s broker.Status) { t.Errorf("OnState was told %+v during a session; want nothing", s) }
		})
		time.Sleep(time.Minute)
		if err := end(); err != nil {
			t.Errorf("Hold() = %v; want nil", err)
		}
		if st := c.Stats(); c.Bearer() == "t1" || st.Moves != 1 {
			t.Errorf("after a move the token is %s, Stats() = %+v; want another one, by one move", c.Bearer(), st)
		}
	})
}

// ICE servers are renewed with the token; an answer that names none leaves those
// from before.
func TestHoldICEServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(_ question, n int) (*http.Response, error) {
			servers := ""
			if n == 2 {
				servers = `"ice_servers":[{"urls":["turn:t"],"username":"me","credential":"second"}],`
			}
			return says(fmt.Sprintf(`{"state":"ready","whep_url":"/w",%s"token":"t%d","expires_in":60}`, servers, n))
		}}
		c, end := held(t, f, nil)
		if all := c.ICEServers(); len(all) != 0 {
			t.Errorf("ICEServers() = %v; want none", all)
		}
		for range 2 {
			time.Sleep(time.Minute)
			synctest.Wait()
			if all := c.ICEServers(); len(all) != 1 || all[0].Credential != "second" {
				t.Errorf("ICEServers() with token %s = %v; want those of t2", c.Bearer(), all)
			}
		}
		if err := end(); err != nil {
			t.Errorf("Hold() = %v; want nil", err)
		}
	})
}
