package detect

import "unicode/utf8"

// Features of a text, for the linear model. They are taken from the normal form: n-grams of words and of characters,
// each as a 32-bit hash, in blocks of about blockBytes. Windows are runs of neighbouring blocks, so that an attack deep in a
// document is judged beside its surroundings and not beside the whole document.
//
// Words enter by first letter, last letter and the letters between in any order: a reader of shuffled words is not
// fooled, and neither is a model. Digits are all alike.
//
// A block is read in three short loops: bytes to units, units to characters' n-grams, units to words. None of them has a branch that
// prose makes hard to predict, and each keeps its state in registers.
type features struct {
	grams [maxGrams + 7]uint32 // hashes of the n-grams of the block that was read last, repeats included
	n     int                  // how many there are
	end   int                  // of that block in the normal form, in bytes

	last      int    // of the units of that block
	flags     uint16 // of all of them
	firstWord int    // of that block's n-grams: those of characters come first
	meanings  meanings

	gram         uint64 // the last units
	prev1, prev2 uint64 // the words before
	first, from  uint64 // of a word that goes on behind its block: its first letter, and the sum in front of it

	// By place in the block, a byte, so that no index is out of range.
	units [1 << 8]uint16 // of the block, with flags; the first is the last of the block before
	sums  [1 << 8]uint64 // over the units in front of each
	edges [1 << 8]uint8  // where words begin and end, in turns
}

const _ = uint8(maxUnits + 2) // edges

// Most that a block holds: each unit makes three n-grams, and each word, with the unit behind it, four.
const (
	maxUnits = maxBlock + utf8.UTFMax
	maxGrams = 3*maxUnits + 4*(maxUnits/2+1)
)

// hashes returns the n-grams of the block that was read last.
func (x *features) hashes() []uint32 { return x.grams[:min(x.n, maxGrams)] }

// start begins a normal form.
func (x *features) start() {
	x.n, x.end, x.gram, x.prev1, x.prev2, x.units[0], x.sums[0] = 0, 0, 0, 0, 0, 0, 0
	x.meanings.start()
}

// blockBytes is the least length of a block, in bytes of the normal form; a block ends with the word that crosses it.
const blockBytes = 140

// minBlock is the least length of a block that ends with a sentence: a sentence that does not belong is judged alone.
const minBlock = 40

// endsBlock reports whether a block of n bytes ends behind c.
func endsBlock(c byte, n int, rest []byte) bool {
	switch {
	case n >= maxBlock:
		return true
	case n >= blockBytes:
		return !word[c]
	}
	return (c == '.' || c == '!' || c == '?' || c == ':') && len(rest) > 0 && rest[0] == ' '
}

// maxBlock bounds a block that meets no end of a word, in bytes.
const maxBlock = blockBytes + 64

// Multipliers of the hashes: odd 64-bit numbers without structure (digits of pi, e and the golden ratio).
const (
	mul2    = 0x9e3779b97f4a7c15
	mul3    = 0x243f6a8885a308d3
	mul4    = 0xb7e151628aed2a6b
	mul5    = 0x452821e638d01377
	mulWord = 0xc2b2ae3d27d4eb4f
	mulTwo  = 0x165667b19e3779f9
	mulPair = 0xd6e8feb86659fd93
)

// Units are characters on 12 bits: ASCII as it is, others hashed above it.
func unit(r rune) uint64 { return 0x80 + uint64(uint32(r)*2654435761>>16)%(1<<12-0x80) }

// Flags of a unit beside its 12 bits.
const (
	lettered = 1 << 15 // a letter or digit
	stops    = 1 << 14 // may end a sentence
	other    = 1 << 12 // not ASCII
	wide     = 1 << 13 // of a script that is written without spaces
	unitBits = 1<<12 - 1
)

// units maps ASCII to units. Digits are all alike.
var units = func() (t [256]uint16) {
	for c := range byte(utf8.RuneSelf) {
		t[c] = uint16(c)
		if isWord(c) {
			t[c] |= lettered
		}
		if c >= '0' && c <= '9' {
			t[c] = '0' | lettered
		}
		t[c|0x80] = other
		if c == '.' || c == '!' || c == '?' || c == ':' {
			t[c] |= stops
		}
	}
	return t
}()

// betweens maps units to what they add to a word as letters between the first and the last, in any order.
var betweens = func() (t [unitBits + 1]uint64) {
	for u := range t {
		m := uint64(u) * mul4
		t[u] = (m ^ m>>31) * mulPair
	}
	return t
}()

// block reads the next block of a normal form; it reports false behind the last.
func (x *features) block(norm []byte) bool {
	if !x.next(norm) {
		return false
	}
	x.characters(x.last)
	x.finish(norm)
	return true
}

// next reads the units of the next block. What comes behind it is the n-grams of characters, and then the rest.
func (x *features) next(norm []byte) bool {
	if x.end >= len(norm) {
		return false
	}
	x.last, x.flags = x.read(norm)
	return true
}

// finish makes of a block what is no n-gram of three or four characters.
func (x *features) finish(norm []byte) {
	n := x.last
	x.n = 2 * n
	if x.flags&wide != 0 {
		x.ideographs(n)
	}
	x.firstWord = x.n
	x.words(n, x.end == len(norm))
	x.meanings.read(x, n, x.flags)
	x.units[0], x.sums[0] = x.units[n], x.sums[n]
}

// read turns the next block into units and returns how many there are, and their flags.
func (x *features) read(norm []byte) (n int, flags uint16) {
	rest := norm[x.end:]
	i, n := 0, 1
	for again := 0; i < len(rest) && n <= maxUnits; { // again: where many at once are worth trying
		c, size := rest[i], 1
		u := units[c]
		if i >= again && u&(stops|other) == 0 && i < blockBytes-1 && i+1 < len(rest) && rest[i+1] < utf8.RuneSelf {
			k := x.plain(rest[i:], blockBytes-1-i, n)
			i, n = i+k, n+k
			if k < shortRun {
				again = i + shortRun
			}
			continue
		}
		if c >= utf8.RuneSelf {
			var r rune
			if c >= 0xc2 && c < 0xe0 && i+1 < len(rest) && rest[i+1]&0xc0 == 0x80 {
				r, size = rune(c&0x1f)<<6|rune(rest[i+1]&0x3f), 2
			} else if c >= 0xe0 && c < 0xf0 && c != 0xed && i+2 < len(rest) && rest[i+1]&0xc0 == 0x80 && rest[i+2]&0xc0 == 0x80 && (c > 0xe0 || rest[i+1] >= 0xa0) {
				r, size = rune(c&0x0f)<<12|rune(rest[i+1]&0x3f)<<6|rune(rest[i+2]&0x3f), 3
			} else {
				r, size = utf8.DecodeRune(rest[i:])
			}
			u = uint16(unit(r)) | lettered
			if r >= 0x0e00 && (r < 0x1100 || r >= 0x3040) {
				u |= wide
			}
		}
		i += size
		x.units[n] = u
		n++
		flags |= u
		if i >= minBlock && endsBlock(c, i, rest[i:]) {
			break
		}
	}
	x.end += i
	return n - 1, flags
}

// shortRun is a run of units that took longer to read at once than one by one: what ends it comes again.
const shortRun = 8

// plainGo reads at most most units, up to what may end a block or is not ASCII.
func (x *features) plainGo(text []byte, most, n int) int {
	to := x.units[min(n, maxUnits+1) : maxUnits+1]
	text = text[:min(len(text), most, len(to))]
	for i, c := range text {
		u := units[c]
		if u&(stops|other) != 0 {
			return i
		}
		to[i] = u
	}
	return len(text)
}

// characters hashes three and four units in a row.
func (x *features) characters(n int) {
	gram := x.gram
	grams := x.grams[:2*n]
	for k, u := range x.units[1 : n+1] {
		gram = gram<<12 | uint64(u&unitBits)
		g := grams[2*k : 2*k+2 : 2*k+2]
		g[0] = uint32(gram & (1<<36 - 1) * mul3 >> 32)
		g[1] = uint32(gram & (1<<48 - 1) * mul4 >> 32)
	}
	x.gram = gram
}

// ideographs hashes two units in a row where both may be words.
func (x *features) ideographs(n int) {
	for k := 1; k <= n; k++ {
		if a, b := x.units[k-1], x.units[k]; a&b&wide != 0 {
			x.grams[x.n] = uint32((uint64(a&unitBits)<<12 | uint64(b&unitBits)) * mul2 >> 32)
			x.n++
		}
	}
}

// words hashes words and their neighbours. The last block ends a word.
func (x *features) words(n int, last bool) {
	edges := uint8(0)
	was := x.units[0]
	if was&lettered != 0 { // a word goes on
		x.edges[0], edges = 0, 1
	}
	sum := x.sums[0] + betweens[was&unitBits]
	units := x.units[1 : n+1]
	sums := x.sums[1 : len(units)+1]
	for k, u := range units {
		sums[k] = sum
		sum += betweens[u&unitBits]
		x.edges[edges] = uint8(k) + 1
		edges += uint8((was ^ u) >> 15)
		was = u
	}
	if last {
		x.edges[edges] = uint8(n + 1)
		edges++
	}
	prev1, prev2 := x.prev1, x.prev2
	grams := x.grams[x.n:]
	for j := uint8(1); j < edges; j += 2 {
		from, to := x.edges[j-1], x.edges[j]-1
		first, sum := uint64(x.units[from]&unitBits), x.sums[from]
		if from == 0 {
			first, sum = x.first, x.from
		}
		w := (1 + x.sums[to] - sum + first*mul2 + uint64(x.units[to]&unitBits)*mul5) * mulWord
		w ^= w >> 29
		pair := w + prev1*mulPair
		if len(grams) < 4 {
			break // never
		}
		grams[0] = uint32(w * mulTwo >> 32)
		grams[1] = uint32(pair * mulTwo >> 32)
		grams[2] = uint32((pair + prev2*mul4) * mul3 >> 32)
		grams[3] = uint32((w*mulPair + prev2) * mul5 >> 32)
		grams = grams[4:]
		prev2, prev1 = prev1, w
	}
	x.prev1, x.prev2, x.n = prev1, prev2, len(x.grams)-len(grams)
	if edges&1 != 0 && x.edges[edges-1] > 0 {
		from := x.edges[edges-1]
		x.first, x.from = uint64(x.units[from]&unitBits), x.sums[from]
	}
}

// wordGram is the n-gram that a word of ASCII letters is.
func wordGram(word []byte) uint32 {
	if len(word) == 0 {
		return 0
	}
	last := len(word) - 1
	w := 1 + uint64(word[0])*mul2 + uint64(word[last])*mul5
	for _, c := range word[:last] {
		w += betweens[c]
	}
	w *= mulWord
	w ^= w >> 29
	return uint32(w * mulTwo >> 32)
}
