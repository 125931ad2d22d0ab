package decodetest_test

import (
	"testing"

	"github.com/blade-shadow/terminal/decode/decodetest"
	"github.com/blade-shadow/terminal/internal/media"
)

func TestFakeKeepsContract(t *testing.T) {
	var units decodetest.Units
	decodetest.Contract(t,
		func() decodetest.Subject { return &decodetest.Backend{} },
		func(i int) *media.AccessUnit { return units.New(media.CodecH264, uint32(i+1), i == 0) })
}
