package detect

import "slices"

// maxStates bounds the table to 272 * 4 * 65,536 bytes, and maxEnds what states list, to 4 MiB: a state lists all patterns that
// end with it, also those that end inside of longer ones.
const (
	maxStates = 1 << 16
	maxEnds   = 1 << 20
)

// commonBytes are those of most texts, the most common first.
const commonBytes = " etaoinsrhldcumfpgwybvk.,'-0"

// newAutomaton compiles patterns, which must not be empty. With fold, ASCII letters match in both cases. whole says which of them must stand as words, for scan;
// without it nothing is ever [ended].
// It reports false where the patterns need too many states, or end in too many others.
func newAutomaton(patterns []string, whole []bool, fold bool) (*automaton, bool) {
	a := new(automaton)
	columns := a.classify(patterns, fold)
	t := &trie{width: columns, class: &a.class}
	t.grow(0)
	for id, p := range patterns {
		if !t.add(p, int32(id)) {
			return nil, false
		}
		a.length = append(a.length, int32(len(p)))
	}
	order, ok := t.link()
	if !ok {
		return nil, false
	}
	a.width = (columns + rowBits) &^ rowBits
	if a.width/rowStep%2 == 0 { // or all rows would begin in half of the sets of a cache
		a.width += rowStep
	}
	number := make([]uint32, len(order))
	for i, s := range order {
		number[s] = uint32(i)
	}
	a.next = make([]state, len(order)*int(a.width))
	for i, s := range order {
		outs := t.outs[s]
		a.outs = append(a.outs, outs)
		row := a.next[i*int(a.width):][:a.width]
		row[numberColumn], row[prefixColumn] = state(i), state(t.depth[s])
		for c := uint32(otherColumn); c < columns; c++ {
			to := t.next[s*columns+c]
			row[c] = state(number[to] * a.width)
			if len(t.outs[to]) > 0 {
				row[c] |= ending
			}
		}
		if whole == nil || len(outs) == 0 {
			continue
		}
		inside := slices.ContainsFunc(outs, func(p int32) bool { return !whole[p] })
		for c, column := range a.class {
			if inside || !asciiWord(byte(c)) {
				row[column] |= ended
			}
		}
	}
	return a, true
}

// classify gives each byte of patterns a column, and returns how many columns there are.
func (a *automaton) classify(patterns []string, fold bool) uint32 {
	var used [256]bool
	for _, p := range patterns {
		for i := range len(p) {
			used[lower(p[i], fold)] = true
		}
	}
	columns := uint16(firstColumn)
	take := func(c byte) {
		if used[c] && a.class[c] == 0 {
			a.class[c] = columns
			columns++
		}
	}
	for i := range len(commonBytes) {
		take(commonBytes[i])
	}
	for c := range 256 {
		take(byte(c))
	}
	for c := range 256 {
		switch l := lower(byte(c), fold); {
		case used[l]:
			a.class[c] = a.class[l]
		case asciiWord(byte(c)):
			a.class[c] = otherWordColumn
		default:
			a.class[c] = otherColumn
		}
	}
	return uint32(columns)
}

func lower(c byte, fold bool) byte {
	if fold && 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// trie is an automaton that is being made.
type trie struct {
	class *[256]uint16
	width uint32
	next  []uint32  // by state and column; 0 for none
	depth []uint32  // of each state
	outs  [][]int32 // patterns that end in it
}

func (t *trie) grow(depth int) uint32 {
	t.next = append(t.next, make([]uint32, t.width)...)
	t.depth, t.outs = append(t.depth, uint32(depth)), append(t.outs, nil)
	return uint32(len(t.depth) - 1)
}

// add enters a pattern.
func (t *trie) add(pattern string, id int32) bool {
	s := uint32(0)
	for i := range len(pattern) {
		k := s*t.width + uint32(t.class[pattern[i]])
		if t.next[k] == 0 {
			if len(t.depth) >= maxStates {
				return false
			}
			n := t.grow(i + 1) // moves the table
			t.next[k] = n
		}
		s = t.next[k]
	}
	t.outs[s] = append(t.outs[s], id)
	return true
}

// link resolves failures breadth first: a missing edge goes where the longest proper suffix goes. It returns the states in that order.
func (t *trie) link() (order []uint32, ok bool) {
	ends := 0
	fail := make([]uint32, len(t.depth))
	order = append(order, 0)
	for i := 0; i < len(order); i++ {
		s := order[i]
		if s != 0 {
			if ends += len(t.outs[s]) + len(t.outs[fail[s]]); ends > maxEnds {
				return nil, false
			}
			t.outs[s] = append(t.outs[s], t.outs[fail[s]]...)
		}
		for c := range t.width {
			k, f := s*t.width+c, uint32(0)
			if s != 0 {
				f = t.next[fail[s]*t.width+c]
			}
			if to := t.next[k]; to != 0 {
				fail[to] = f
				order = append(order, to)
			} else {
				t.next[k] = f
			}
		}
	}
	return order, true
}
