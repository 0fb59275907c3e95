package detect

// automaton is an Aho-Corasick automaton with all failure links resolved: one table read a byte, whatever the text.
// Bytes that no pattern uses share class 0.
type automaton struct {
	class  [256]uint8
	width  uint32    // of a row: the classes, and two numbers more
	next   []state   // at row + class; then the number of the state, and the length of the prefix of a pattern that it stands for, in bytes
	outs   [][]int32 // patterns that end in a state, by number
	length []int32   // of each pattern, in bytes
}

// state is a row of next, shifted left by one, with the low bit set where patterns end. A row is the state's number times
// the width: the multiplication is done once, not for each byte.
type state uint32

func (s state) ends() bool { return s&1 != 0 }

func (a *automaton) number(s state) int { return int(a.next[uint32(s>>1)+a.width-2]) }

func (a *automaton) step(s state, c byte) state { return a.next[uint32(s>>1)+uint32(a.class[c])] }

// prefix returns the length of the longest prefix of a pattern that a state stands for, in bytes.
func (a *automaton) prefix(s state) int { return int(a.next[uint32(s>>1)+a.width-1]) }

// A step waits for the table far longer than it works: a piece of text is read at scanLanes places at once.
const (
	scanLanes = 4
	scanPiece = scanLanes * 512
)

// hits are the states of a piece in which patterns end, in order; behind them is room for each lane to write its own.
type hits [2 * scanPiece]hit

type hit struct {
	state state
	end   int32 // in the piece
}

// scan reads a piece of text, at most scanPiece bytes, from state s on. It returns the state behind the piece and the number of hits.
func (a *automaton) scan(s state, piece []byte, h *hits) (state, int) {
	lane := len(piece) / scanLanes
	own := h[scanPiece:]
	var n [scanLanes]int
	ends := [scanLanes]state{s}
	for i := range lane {
		s0, s1, s2, s3 := a.step(ends[0], piece[i]), a.step(ends[1], piece[lane+i]), a.step(ends[2], piece[2*lane+i]), a.step(ends[3], piece[3*lane+i])
		ends = [scanLanes]state{s0, s1, s2, s3}
		if (s0 | s1 | s2 | s3).ends() {
			for k, s := range ends {
				if s.ends() {
					own[k*lane+n[k]] = hit{s, int32(k*lane + i + 1)}
					n[k]++
				}
			}
		}
	}
	// What began in one lane goes on in the next, until all that is left of it began there.
	total := copy(h[:], own[:n[0]])
	s = ends[0]
	for k := 1; k < scanLanes; k++ {
		at := k * lane
		for ; at < (k+1)*lane && a.prefix(s) > at-k*lane; at++ {
			if s = a.step(s, piece[at]); s.ends() {
				h[total] = hit{s, int32(at + 1)}
				total++
			}
		}
		for _, x := range own[k*lane : k*lane+n[k]] {
			if int(x.end) > at {
				h[total] = x
				total++
			}
		}
		if at < (k+1)*lane {
			s = ends[k]
		}
	}
	for at := scanLanes * lane; at < len(piece); at++ {
		if s = a.step(s, piece[at]); s.ends() {
			h[total] = hit{s, int32(at + 1)}
			total++
		}
	}
	return s, total
}

// longest returns the length of the longest pattern that ends in a state, in bytes.
func (a *automaton) longest(s state) int {
	n := int32(0)
	for _, p := range a.outs[a.number(s)] {
		n = max(n, a.length[p])
	}
	return int(n)
}

// maxStates bounds the table to 257 * 4 * 65,536 bytes, and maxEnds what states list, to 4 MiB: a state lists all patterns that
// end with it, also those that end inside of longer ones.
const (
	maxStates = 1 << 16
	maxEnds   = 1 << 20
)

// newAutomaton compiles patterns, which must not be empty. With fold, ASCII letters match in both cases.
// It reports false where the patterns need too many states, or end in too many others.
func newAutomaton(patterns []string, fold bool) (*automaton, bool) {
	a := &automaton{width: 1}
	for _, p := range patterns {
		a.length = append(a.length, int32(len(p)))
		for i := range len(p) {
			if c := lower(p[i], fold); a.class[c] == 0 {
				a.class[c] = uint8(a.width)
				a.width++
			}
		}
	}
	if a.width > 255 {
		return nil, false
	}
	if fold {
		for c := byte('A'); c <= 'Z'; c++ {
			a.class[c] = a.class[c|0x20]
		}
	}
	a.width += 2
	trie, ok := a.build(patterns)
	if !ok {
		return nil, false
	}
	if !a.link(trie) {
		return nil, false
	}
	a.next = make([]state, len(trie))
	for i, t := range trie {
		if uint32(i)%a.width >= a.width-2 {
			a.next[i] = state(t)
			continue
		}
		a.next[i] = state(t * a.width << 1)
		if len(a.outs[t]) > 0 {
			a.next[i] |= 1
		}
	}
	return a, true
}

func lower(c byte, fold bool) byte {
	if fold && 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// build returns the trie of the patterns: children by number, 0 for none.
func (a *automaton) build(patterns []string) ([]uint32, bool) {
	var trie []uint32
	grow := func(prefix int) uint32 {
		trie = append(trie, make([]uint32, a.width)...)
		trie[len(trie)-2], trie[len(trie)-1] = uint32(len(a.outs)), uint32(prefix)
		a.outs = append(a.outs, nil)
		return uint32(len(a.outs) - 1)
	}
	grow(0)
	for id, p := range patterns {
		s := uint32(0)
		for i := range len(p) {
			k := s*a.width + uint32(a.class[p[i]])
			if trie[k] == 0 {
				if len(a.outs) >= maxStates {
					return nil, false
				}
				t := grow(i + 1) // moves the trie
				trie[k] = t
			}
			s = trie[k]
		}
		a.outs[s] = append(a.outs[s], int32(id))
	}
	return trie, true
}

// link resolves failures breadth first: a missing edge goes where the longest proper suffix goes.
func (a *automaton) link(trie []uint32) bool {
	ends := 0
	fail := make([]uint32, len(a.outs))
	queue := []uint32{0}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		if s != 0 {
			if ends += len(a.outs[s]) + len(a.outs[fail[s]]); ends > maxEnds {
				return false
			}
			a.outs[s] = append(a.outs[s], a.outs[fail[s]]...)
		}
		for c := range a.width - 2 {
			k, f := s*a.width+c, uint32(0)
			if s != 0 {
				f = trie[fail[s]*a.width+c]
			}
			if t := trie[k]; t != 0 {
				fail[t] = f
				queue = append(queue, t)
			} else {
				trie[k] = f
			}
		}
	}
	return true
}
