package detect

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Concepts are what words mean: "ignore", "vergiss" and 忽略 are one. The model sees which concepts follow one another, so that
// what it learns of one language serves the others, and a word that no training text had is none that it never saw.
//
// A word is known by the hash that it is as a feature; so are two and three words in a row, and up to four characters of a script without
// spaces. What is longer is known by its last four.
type concepts struct {
	maybe [1 << 11]uint64          // bit for bit, the first bits of the hashes that are in the table
	table [1 << conceptBits]uint32 // hash<<8 | concept, found by the first bits of the hash, the next free place where that is taken
}

// Bounds of the vocabulary.
const (
	conceptBits = 14  // fewer than two thirds of the places are taken, or words would be far from where they are looked for
	maxConcepts = 255 // a byte
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
	c := new(concepts)
	numbers := make(map[string]uint32)
	var errs []error
	for l := range strings.Lines(lines) {
		name, words, ok := strings.Cut(strings.TrimSpace(l), " = ")
		if !ok || name[0] == '#' {
			continue
		}
		if numbers[name] == 0 {
			if len(numbers) == maxConcepts {
				return c, append(errs, fmt.Errorf("more than %d concepts", maxConcepts))
			}
			numbers[name] = uint32(len(numbers) + 1)
		}
		for w := range strings.SplitSeq(words, ", ") {
			for _, w := range alternatives(w) {
				if err := c.add(w, numbers[name]); err != nil {
					errs = append(errs, fmt.Errorf("%s: %q: %w", name, w, err))
				}
			}
		}
	}
	return c, errs
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

// add enters a word.
func (c *concepts) add(word string, number uint32) error {
	h, ok := conceptHash(word)
	if !ok {
		return fmt.Errorf("%w: neither one to three words nor two characters that are words", errConcept)
	}
	k := h >> (32 - conceptBits)
	for c.table[k] != 0 {
		if c.table[k]>>8 == h&(1<<24-1) {
			return nil
		}
		k = (k + 1) % (1 << conceptBits)
	}
	c.table[k] = h<<8 | number
	c.maybe[h>>21] |= 1 << (h >> 15 & 63)
	return nil
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

// find returns the concept of a hash, or 0.
func (c *concepts) find(h uint32) uint32 {
	if c.may(h) == 0 {
		return 0
	}
	for k := h >> (32 - conceptBits); c.table[k] != 0; k = (k + 1) % (1 << conceptBits) {
		if c.table[k]>>8 == h&(1<<24-1) {
			return c.table[k] & 0xff
		}
	}
	return 0
}

// meanings is what the blocks of a text mean, as features: concepts, and concepts that are near one another.
type meanings struct {
	known *concepts
	grams [maxMeanings]uint32 // of the block that was read last
	n     int
	last  [2]meaning // the latest first
	now   int        // words and characters so far
}

// meaning is a concept and where it is.
type meaning struct {
	concept uint64
	at      int
}

const (
	// maxMeanings bounds the features of a block: prose has a fifth of it.
	maxMeanings = 512
	// nearConcepts is how far apart concepts are that belong together, in words.
	nearConcepts = 16
	// Strength is how much more a meaning counts than an n-gram: there are few of them, and they say more.
	Strength = 2
)

// start begins a text.
func (m *meanings) start() {
	m.known, m.n, m.now, m.last = builtinConcepts(), 0, 0, [2]meaning{}
}

// hashes returns the features of the block that was read last.
func (m *meanings) hashes() []uint32 { return m.grams[:m.n] }

// read takes the meanings of a block of n units whose n-grams are in x.
func (m *meanings) read(x *features, n int, flags uint16) {
	m.n = 0
	c := m.known
	if c == nil {
		return
	}
	if flags&wide != 0 {
		pair := 2 * n
		for k := 1; k <= n; k++ {
			if x.units[k]&wide == 0 {
				continue
			}
			m.now++
			if x.units[k-1]&wide != 0 {
				m.meet(c.find(x.grams[pair]))
				pair++
			}
			m.meet(c.find(x.grams[2*k-2]))
			m.meet(c.find(x.grams[2*k-1]))
		}
	}
	words := x.grams[x.firstWord:max(x.n, x.firstWord)]
	for ; len(words) >= 4; words = words[4:] {
		m.now++
		if c.may(words[0])|c.may(words[1])|c.may(words[2]) == 0 {
			continue
		}
		m.meet(c.find(words[0]))
		m.meet(c.find(words[1]))
		m.meet(c.find(words[2]))
	}
}

// meet adds a concept and what it makes with those before it.
func (m *meanings) meet(number uint32) {
	if number == 0 || m.n+4 > maxMeanings {
		return
	}
	k := uint64(number)
	l := &m.last
	if l[0].concept == k && m.now-l[0].at <= 2 { // said twice, or in two words that are each enough
		l[0].at = m.now
		return
	}
	m.add(k * mulPair)
	for i := range l {
		if l[i].concept == 0 || m.now-l[i].at > nearConcepts {
			break
		}
		m.add((l[i].concept<<8 | k) * mulWord)
		if i == 1 {
			m.add((l[1].concept<<16 | l[0].concept<<8 | k) * mulTwo)
		}
	}
	l[1], l[0] = l[0], meaning{k, m.now}
}

func (m *meanings) add(v uint64) {
	v ^= v >> 31
	m.grams[m.n] = uint32(v * mul5 >> 32)
	m.n++
}
