package limit

import "sync"

// A Gate bounds the requests that are at work at once, in all and for each key. It never queues: a request that finds
// the gate full is refused, so that load shows where it is.
type Gate struct {
	mu            sync.Mutex
	total, perKey int
	busy          int
	keys          map[string]int
}

// NewGate returns a gate for total requests, at most perKey of them for one key.
func NewGate(total, perKey int) *Gate {
	return &Gate{total: total, perKey: perKey, keys: make(map[string]int)}
}

// Resize changes both bounds. Requests at work stay.
func (g *Gate) Resize(total, perKey int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total, g.perKey = total, perKey
}

// Enter lets one request of key in and reports whether it may run. The caller must call Leave if and only if it may.
func (g *Gate) Enter(key string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy >= g.total || g.keys[key] >= g.perKey {
		return false
	}
	g.busy++
	g.keys[key]++
	return true
}

// Leave ends a request that Enter let in.
func (g *Gate) Leave(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy--
	if g.keys[key]--; g.keys[key] == 0 {
		delete(g.keys, key)
	}
}
