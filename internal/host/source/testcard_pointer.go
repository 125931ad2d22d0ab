package source

import (
	"context"

	"github.com/blade-shadow/terminal/internal/host/source/card"
)

// testcardPointer is an arrow where the terminal's user has moved it.
type testcardPointer struct {
	watcher
	input *card.Input
	shape *PointerShape
}

// OpenPointer returns the pointer that the terminal's input moves: there is
// none before the first motion.
func (t *Testcard) OpenPointer() (Pointer, error) {
	pix, size, hot := card.Arrow()
	return &testcardPointer{
		watcher: newWatcher(), input: t.input,
		shape: &PointerShape{Width: size.X, Height: size.Y, Hot: hot, Pix: pix},
	}, nil
}

func (p *testcardPointer) Next(ctx context.Context) (PointerState, error) { return p.next(ctx, p.look) }

func (p *testcardPointer) look() (glance, error) {
	screen, at, size, seen := p.input.Pointer()
	if !seen {
		screen = -1
	}
	return glance{screen: screen, at: at, size: size, shape: p.shape}, nil
}

func (p *testcardPointer) Close() error { return nil }
