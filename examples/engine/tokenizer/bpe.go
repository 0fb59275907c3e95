package tokenizer

import "unicode/utf8"

// bpe appends the ids of one piece to ids: characters are joined pair by pair, the best pair first, the leftmost of
// equals. A heap holds the candidates, so that a long piece costs n log n and not n².
func (t *Tokenizer) bpe(ids []int, text string) []int {
	parts := make([]part, 0, len(text))
	for i := 0; i < len(text); {
		_, n := utf8.DecodeRuneInString(text[i:])
		id, ok := t.ordinary[text[i:i+n]]
		if !ok {
			id = -1
		}
		parts = append(parts, part{begin: i, end: i + n, id: id, prev: len(parts) - 1, next: len(parts) + 1})
		i += n
	}
	var h candidates
	push := func(left int) {
		right := parts[left].next
		if right >= len(parts) {
			return
		}
		if order, id, ok := t.join(text, parts[left], parts[right]); ok {
			h.push(candidate{order: order, left: left, end: parts[right].end, begin: parts[left].begin, mid: parts[left].end, id: id})
		}
	}
	for i := range parts {
		push(i)
	}
	for len(h) > 0 {
		c := h.pop()
		l := &parts[c.left]
		if l.dead || l.end != c.mid || l.next >= len(parts) || parts[l.next].end != c.end {
			continue // one of the two was joined with another since
		}
		r := &parts[l.next]
		l.end, l.id, l.next, r.dead = r.end, c.id, r.next, true
		if l.next < len(parts) {
			parts[l.next].prev = c.left
		}
		push(c.left)
		if l.prev >= 0 {
			push(l.prev)
		}
	}
	for _, p := range parts {
		switch {
		case p.dead:
		case p.id >= 0:
			ids = append(ids, p.id)
		default:
			for i := p.begin; i < p.end; i++ {
				ids = append(ids, t.bytes[text[i]])
			}
		}
	}
	return ids
}

// join returns the token that two neighbours make, with its place in the order of joining (smaller first).
func (t *Tokenizer) join(text string, l, r part) (order float32, id int, ok bool) {
	if t.merges != nil {
		m, ok := t.merges[pair{int32(l.id), int32(r.id)}]
		return float32(m.rank), int(m.id), ok
	}
	id, ok = t.ordinary[text[l.begin:r.end]]
	if !ok {
		return 0, 0, false
	}
	return -t.scores[id], id, true
}

// A part is a run of the text that is one token, or a character that is none (id -1). Indices outside the parts end the list.
type part struct {
	begin, end int
	id         int
	prev, next int
	dead       bool
}

type candidate struct {
	order           float32
	left            int // index of the left part
	begin, mid, end int // the two runs it was made from
	id              int
}

func (a candidate) before(b candidate) bool {
	return a.order < b.order || a.order == b.order && a.begin < b.begin
}

// candidates is a binary heap.
type candidates []candidate

func (h *candidates) push(c candidate) {
	*h = append(*h, c)
	for i := len(*h) - 1; i > 0; {
		up := (i - 1) / 2
		if !(*h)[i].before((*h)[up]) {
			return
		}
		(*h)[i], (*h)[up] = (*h)[up], (*h)[i]
		i = up
	}
}

func (h *candidates) pop() candidate {
	a := *h
	top, last := a[0], len(a)-1
	a[0] = a[last]
	a = a[:last]
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(a); c++ {
			if a[c].before(a[least]) {
				least = c
			}
		}
		if least == i {
			break
		}
		a[i], a[least] = a[least], a[i]
		i = least
	}
	*h = a
	return top
}
