package broker

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/screensaver"
	"github.com/jezek/xgb/xproto"
)

// XIdle tells how long nobody has used the keyboard and pointer of an X
// display (MIT-SCREEN-SAVER, section 3), those of terminals included.
type XIdle struct {
	mu   sync.Mutex // guards below
	conn *xgb.Conn
	root xproto.Drawable
}

// OpenXIdle connects to a display. The error wraps [errors.ErrUnsupported]
// where the server cannot tell.
func OpenXIdle(display string) (*XIdle, error) {
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		return nil, fmt.Errorf("idle time: connect to X display %s: %w", display, err)
	}
	if err := screensaver.Init(conn); err != nil {
		conn.Close()
		return nil, fmt.Errorf("idle time of X display %s: %w (%w)", display, err, errors.ErrUnsupported)
	}
	return &XIdle{conn: conn, root: xproto.Drawable(xproto.Setup(conn).DefaultScreen(conn).Root)}, nil
}

// Idle returns the time since the last input, 0 when the server does not say:
// somebody might be there. It waits for the server.
func (x *XIdle) Idle() time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	reply, err := screensaver.QueryInfo(x.conn, x.root).Reply()
	if err != nil || reply == nil {
		return 0
	}
	return time.Duration(reply.MsSinceUserInput) * time.Millisecond
}

// Close ends the connection.
func (x *XIdle) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.conn.Close()
	return nil
}
