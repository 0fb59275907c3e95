//go:build noasm || !amd64

package detect

func (s *seenFilter) visit(grams []uint32) { s.visitGo(grams) }

func (s *seenFilter) characters(x *features) { s.charactersGo(x) }

func (s *seenFilter) sum(entries []uint32, n int, out *sum) { s.sumGo(entries, n, out) }
