package detect

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"sync"
)

// Concepts are what words mean: "ignore", "vergiss" and 忽略 are one. The model sees which concepts follow one another, so that
// what it learns of one language serves the others, and a word that no training text had is none that it never saw.
//
// A word is known by the hash that it is as a feature; so are two and three words in a row, and up to four characters of a script without
// spaces. What is longer is known by its last four.
type concepts struct {
	maybe  [1 << 11]uint64 // bit for bit, the first 17 bits of the hashes that are known
	before [1 << 11]uint16 // how many bits are set in front of each 64
	places []knownHash     // one for each bit that is set, in order; behind them those whose bit another has
}

// knownHash is a hash of the vocabulary. Its first 17 bits are where it stands.
type knownHash struct {
	rest    uint16 // the other bits
	next    uint16 // place of another hash with the same first bits, or 0
	concept uint8
}

// Bounds of the vocabulary.
const (
	maxConcepts = 255 // a byte
	maxKnown    = 1<<16 - 1
	restBits    = 1<<15 - 1
)

var errConcept = errors.New("detect: no word of a concept")

//go:embed concepts.txt
var conceptWords string

// builtinConcepts is a constant that takes time to work out; a test looks at its errors.
var builtinConcepts = sync.OnceValue(func() *concepts {
	c, _ := parseConcepts(conceptWords)
	return c
})

// parseConcepts reads lines of the form
//
//	name = word, word, {one|an}other
//
// Lines of one name add up. A word that many lines have means what the first of them says: what is written alike in two languages
// is not always one thing. It reports words that cannot be known again, and reads the rest.
func parseConcepts(lines string) (*concepts, []error) {
	numbers := make(map[string]uint8)
	known := make(map[uint32]uint8)
	var errs []error
	for l := range strings.Lines(lines) {
		name, words, ok := strings.Cut(strings.TrimSpace(l), " = ")
		if !ok || name[0] == '#' {
			continue
		}
		if numbers[name] == 0 {
			if len(numbers) == maxConcepts {
				errs = append(errs, fmt.Errorf("more than %d concepts", maxConcepts))
				break
			}
			numbers[name] = uint8(len(numbers) + 1)
		}
		for w := range strings.SplitSeq(words, ", ") {
			for _, w := range alternatives(w) {
				h, ok := conceptHash(w)
				if !ok {
					errs = append(errs, fmt.Errorf("%s: %q: %w: neither one to three words nor two characters that are words", name, w, errConcept))
				} else if known[h] == 0 {
					known[h] = numbers[name]
				}
			}
		}
	}
	if len(known) > maxKnown {
		return new(concepts), append(errs, fmt.Errorf("more than %d words", maxKnown))
	}
	return newConcepts(known), errs
}

// newConcepts enters hashes.
func newConcepts(known map[uint32]uint8) *concepts {
	c := new(concepts)
	var twins []uint32
	for _, h := range slices.Sorted(maps.Keys(known)) {
		if c.may(h) == 1 {
			twins = append(twins, h)
			continue
		}
		c.maybe[h>>21] |= 1 << (h >> 15 & 63)
		c.places = append(c.places, knownHash{rest: uint16(h & restBits), concept: known[h]})
	}
	for i, set := range c.maybe[:len(c.maybe)-1] {
		c.before[i+1] = c.before[i] + uint16(bits.OnesCount64(set))
	}
	for _, h := range twins {
		p := &c.places[c.place(h)]
		c.places = append(c.places, knownHash{uint16(h & restBits), p.next, known[h]})
		c.places[c.place(h)].next = uint16(len(c.places) - 1)
	}
	return c
}

// alternatives writes out {a|b}.
func alternatives(s string) []string {
	head, rest, ok := strings.Cut(s, "{")
	if !ok {
		return []string{s}
	}
	choice, tail, _ := strings.Cut(rest, "}")
	var out []string
	for c := range strings.SplitSeq(choice, "|") {
		for _, t := range alternatives(tail) {
			out = append(out, head+c+t)
		}
	}
	return out
}

// conceptHash returns the hash that a word is known by.
func conceptHash(word string) (h uint32, ok bool) {
	var t Text
	t.Append([]byte(word), 0)
	x := new(features) // not started: it would ask for the vocabulary that is being made
	if !x.block(t.Norm) || x.end != len(t.Norm) {
		return 0, false
	}
	allWide, n := true, x.last
	for k := 1; k <= n; k++ {
		allWide = allWide && x.units[k]&wide != 0
	}
	if !allWide {
		words := (x.n - x.firstWord) / 4
		return x.grams[max(x.n-5+words, 0)], words >= 1 && words <= 3
	}
	switch n {
	case 1:
		return 0, false
	case 2:
		return x.grams[2*n], true // the pair, behind the n-grams of characters
	case 3:
		return x.grams[2*n-2], true
	}
	return x.grams[2*n-1], true
}

// may is 0 where a hash is no concept's.
func (c *concepts) may(h uint32) uint64 { return c.maybe[h>>21] >> (h >> 15 & 63) & 1 }

// place returns where a hash stands that may be a concept's.
func (c *concepts) place(h uint32) int {
	in := c.maybe[h>>21] & (1<<(h>>15&63) - 1)
	return int(c.before[h>>21]) + bits.OnesCount64(in)
}

// is returns the concept of a hash that stands at p, or 0 where that is another one. Which of them decides no branch.
func (p knownHash) is(h uint32) uint32 {
	differ := uint32(p.rest) ^ h&restBits
	return uint32(p.concept) &^ uint32(int32(-differ)>>31)
}

// find returns the concept of a hash, or 0.
func (c *concepts) find(h uint32) uint32 {
	if c.may(h) == 0 {
		return 0
	}
	p := c.places[c.place(h)]
	for p.next != 0 && p.is(h) == 0 { // few have the first bits of another
		p = c.places[p.next]
	}
	return p.is(h)
}
