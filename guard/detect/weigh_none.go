//go:build noasm || !amd64

package detect

func (s *seenFilter) look(grams []uint32) tally { return s.lookGo(grams) }

func (s *seenFilter) characters(x *features) tally { return s.charactersGo(x) }
