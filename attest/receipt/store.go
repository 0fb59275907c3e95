package receipt

import "sync"

// A store keeps the newest receipts.
type store struct {
	most int

	mu   sync.Mutex
	byID map[string][]byte
	ring []string
	next int
}

func (s *store) put(id string, env []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ring) < s.most {
		s.ring = append(s.ring, id)
	} else {
		delete(s.byID, s.ring[s.next])
		s.ring[s.next] = id
		s.next = (s.next + 1) % s.most
	}
	s.byID[id] = env
}

func (s *store) get(id string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	env, ok := s.byID[id]
	return env, ok
}
