package sign

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// Hashing has no place where the runtime would switch: whoever waits for the processor goes first after a millisecond, long
// before the runtime takes it away.
func TestAWorkerYieldsItsProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	p := effort{}.pacer()
	p.rest(t.Context())
	var served atomic.Bool
	go served.Store(true)
	for start := time.Now(); !served.Load(); p.rest(t.Context()) {
		if waited := time.Since(start); waited > 4*yieldAfter {
			t.Fatalf("a request waits since %v", waited)
		}
	}
}
