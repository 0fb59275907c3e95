package detect

// automaton is an Aho-Corasick automaton with all failure links resolved: one table read a byte, whatever the text.
//
// A text visits few of the states, and has few of the bytes of all patterns. States are numbered in breadth, so that those near the root stand
// together, and classes by how common their bytes are: what most texts read of a row is its first cache line or two.
type automaton struct {
	class  [256]uint16 // of each byte: a column. Bytes that no pattern uses share one if they go on with a word, and another if they do not
	width  uint32      // of a row, a multiple of rowStep
	next   []state     // rows: the number of the state, the length of the prefix of a pattern that it stands for in bytes, and the next state by class
	outs   [][]int32   // patterns that end in a state, by number
	length []int32     // of each pattern, in bytes
}

// state is where its row begins, with flags in the low bits.
type state uint32

const (
	ending  = 1 // patterns end in the state
	ended   = 2 // patterns ended in the state before; of those that must stand as a word alone only if the byte read last does not go on with one
	rowStep = 16
	rowBits = rowStep - 1
)

// Columns of a row.
const (
	numberColumn = iota
	prefixColumn
	otherColumn // bytes that are in no pattern
	otherWordColumn
	firstColumn
)

func (s state) ends() bool { return s&ending != 0 }

func (a *automaton) number(s state) int { return int(a.next[s&^rowBits+numberColumn]) }

func (a *automaton) step(s state, c byte) state { return a.next[uint32(s&^rowBits)+uint32(a.class[c])] }

// prefix returns the length of the longest prefix of a pattern that a state stands for, in bytes.
func (a *automaton) prefix(s state) int { return int(a.next[s&^rowBits+prefixColumn]) }

// A step waits for the table far longer than it works: a piece of text is read at scanLanes places at once.
const (
	scanLanes = 4
	scanPiece = scanLanes * 512
)

// hits are the states of a piece in which patterns ended, in order; behind them is room for each lane to write its own.
type hits [2 * scanPiece]hit

type hit struct {
	state state
	end   int32 // in the piece
}

// scan reads a piece of text, at most scanPiece bytes, from state s on. It returns the state behind the piece and the number of hits. Patterns that end
// with the piece are not among them: the next byte tells whether they stand alone.
func (a *automaton) scan(s state, piece []byte, h *hits) (state, int) {
	lane := len(piece) / scanLanes
	own := h[scanPiece:]
	var n [scanLanes]int
	p0, p1, p2, p3 := piece[:lane], piece[lane:][:lane], piece[2*lane:][:lane], piece[3*lane:][:lane]
	s0, s1, s2, s3 := s, state(0), state(0), state(0)
	for i := range p0 {
		t0, t1, t2, t3 := a.step(s0, p0[i]), a.step(s1, p1[i]), a.step(s2, p2[i]), a.step(s3, p3[i])
		if (t0|t1|t2|t3)&ended != 0 {
			before := [scanLanes]state{s0, s1, s2, s3}
			for k, t := range [scanLanes]state{t0, t1, t2, t3} {
				own[k*lane+n[k]] = hit{before[k], int32(k*lane + i)}
				n[k] += int(t & ended / ended)
			}
		}
		s0, s1, s2, s3 = t0, t1, t2, t3
	}
	ends := [scanLanes]state{s0, s1, s2, s3}
	// What began in one lane goes on in the next, until all that is left of it began there.
	total := copy(h[:], own[:n[0]])
	s = ends[0]
	for k := 1; k < scanLanes; k++ {
		at := k * lane
		for ; at < (k+1)*lane && a.prefix(s) > at-k*lane; at++ {
			was := s
			if s = a.step(s, piece[at]); s&ended != 0 {
				h[total] = hit{was, int32(at)}
				total++
			}
		}
		for _, x := range own[k*lane : k*lane+n[k]] {
			if int(x.end) >= at {
				h[total] = x
				total++
			}
		}
		if at < (k+1)*lane {
			s = ends[k]
		}
	}
	for at := scanLanes * lane; at < len(piece); at++ {
		was := s
		if s = a.step(s, piece[at]); s&ended != 0 {
			h[total] = hit{was, int32(at)}
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
