package detect

// automaton is an Aho-Corasick automaton with all failure links resolved: one table read a byte, whatever the text.
// Bytes that no pattern uses share class 0.
type automaton struct {
	class  [256]uint8
	width  int
	next   []uint16 // state*width + class
	outs   [][]int32
	depth  []uint16 // length of the longest pattern prefix that the state stands for
	length []int32  // of each pattern, in bytes
}

// maxStates bounds the table: states are uint16.
const maxStates = 1<<16 - 1

// newAutomaton compiles patterns, which must not be empty. With fold, ASCII letters match in both cases.
// It reports false where the patterns need too many states.
func newAutomaton(patterns []string, fold bool) (*automaton, bool) {
	a := &automaton{width: 1}
	for _, p := range patterns {
		for i := range len(p) {
			c := lower(p[i], fold)
			if a.class[c] == 0 {
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
	a.grow()
	for id, p := range patterns {
		s := 0
		for i := range len(p) {
			k := s*a.width + int(a.class[p[i]])
			if a.next[k] == 0 {
				if len(a.outs) >= maxStates {
					return nil, false
				}
				a.next[k] = uint16(a.grow())
				a.depth[a.next[k]] = uint16(i + 1)
			}
			s = int(a.next[k])
		}
		a.outs[s] = append(a.outs[s], int32(id))
		a.length = append(a.length, int32(len(p)))
	}
	a.link()
	return a, true
}

func lower(c byte, fold bool) byte {
	if fold && 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

func (a *automaton) grow() int {
	a.next = append(a.next, make([]uint16, a.width)...)
	a.outs = append(a.outs, nil)
	a.depth = append(a.depth, 0)
	return len(a.outs) - 1
}

// link resolves failures breadth first: a missing edge goes where the longest proper suffix goes.
func (a *automaton) link() {
	fail := make([]uint16, len(a.outs))
	var queue []uint16
	for c := range a.width {
		if s := a.next[c]; s != 0 {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		a.outs[s] = append(a.outs[s], a.outs[fail[s]]...)
		for c := range a.width {
			k, f := int(s)*a.width+c, a.next[int(fail[s])*a.width+c]
			if t := a.next[k]; t != 0 {
				fail[t] = f
				queue = append(queue, t)
			} else {
				a.next[k] = f
			}
		}
	}
}

func (a *automaton) step(s uint16, c byte) uint16 {
	return a.next[int(s)*a.width+int(a.class[c])]
}
