package testkit_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// Ten times the work costs about ten times as much, and waiting costs nothing.
func TestRatio(t *testing.T) {
	hash := func(n int) func() {
		b := make([]byte, n)
		return func() { sha256.Sum256(b) }
	}
	const most = 20
	if r := testkit.Ratio(most, hash(1<<20), hash(1<<20/10)); r < 5 || r > most {
		t.Errorf("10 times the bytes cost %.1f times as much", r)
	}
	waits := func() { hash(1 << 20)(); time.Sleep(20 * time.Millisecond) }
	if r := testkit.Ratio(3, waits, hash(1<<20)); r > 3 {
		t.Errorf("waiting costs %.1f times as much as not waiting", r)
	}
}
