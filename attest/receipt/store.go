package receipt

import (
	"context"
	"sync"
	"time"
)

// patience is how long a receipt that is being made is waited for: where the id goes ahead of the body, a client may ask
// for the receipt before the handler has returned.
const patience = 5 * time.Second

// A store keeps the newest receipts.
type store struct {
	most int

	mu      sync.Mutex
	byID    map[string][]byte
	ring    []string
	next    int
	pending map[string]chan struct{} // of exchanges under way; closed when they end
}

// begin announces an id; end must follow.
func (s *store) begin(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending[id] = make(chan struct{})
}

// end stores the receipt of an exchange, or nothing where env is nil, and lets those go that wait for it.
func (s *store) end(id string, env []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.pending[id])
	delete(s.pending, id)
	if env == nil {
		return
	}
	if len(s.ring) < s.most {
		s.ring = append(s.ring, id)
	} else {
		delete(s.byID, s.ring[s.next])
		s.ring[s.next] = id
		s.next = (s.next + 1) % s.most
	}
	s.byID[id] = env
}

// get returns a receipt. For one that is being made it waits, up to patience.
func (s *store) get(ctx context.Context, id string) ([]byte, bool) {
	s.mu.Lock()
	env, ok := s.byID[id]
	made := s.pending[id]
	s.mu.Unlock()
	if made == nil {
		return env, ok
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-made:
	case <-t.C:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	env, ok = s.byID[id]
	return env, ok
}
