package detect

import "github.com/holdfast-ai/holdfast/guard/stream"

// The words of an answer are read in several ways at once: a model that may not repeat its system prompt is asked for it in ROT13, backwards, in base64 or in
// hexadecimal.
const (
	viewAsIs = iota
	viewRotated
	viewBackwards
	viewHex
	viewBase64 // from the beginning of a run, and from one, two and three characters on
	_
	_
	_
	views
)

// A view follows the words of one way to read a text.
type view struct {
	word    uint64 // hash of the word in progress
	power   uint64 // of wordBase, where the word is read backwards
	in      int    // its length so far, 0 between words
	between gap
	run     int // words in a row that stand so in a prompt, 0 while fewer than holdWords match
	ring    [leakWords]uint64
	stop    [leakWords]int // where each word in ring ends
	n       int            // words in a row that prompts may have
}

// read gives a byte to all views.
func (s *LeakState) read(ms []stream.Match, c byte) []stream.Match {
	l, v := s.leak, &s.views
	if v[viewAsIs].between.takes(c) {
		if v[viewAsIs].in > 0 {
			for k := range viewHex {
				ms = v[k].endWord(l, ms, s.pos-1, k == viewBackwards)
			}
		}
	} else {
		plain, back := &v[viewAsIs], &v[viewBackwards]
		if plain.in == 0 {
			back.power = 1
		}
		plain.word = wordHash(plain.word, c)
		v[viewRotated].word = wordHash(v[viewRotated].word, codes[c].rotated)
		back.word += wordHash(0, c) * back.power
		back.power *= wordBase
		plain.in++
		v[viewRotated].in, back.in = plain.in, plain.in
	}
	ms = s.readBase64(ms, c)
	if b, ok, broken := s.pairs.take(c); broken {
		ms = v[viewHex].endWord(l, ms, s.pos-1, false)
	} else if ok {
		ms = v[viewHex].take(l, ms, b, s.pos)
	}
	return ms
}

// readBase64 gives a byte to the views of base64. Those that begin behind the first character are for a letter that somebody had the model put in
// front, and begin late: words of prose are no code.
func (s *LeakState) readBase64(ms []stream.Match, c byte) []stream.Match {
	v := s.views[viewBase64:]
	if c == '\r' || c == '\n' {
		return ms
	}
	if d := codes[c].base64; d < 64 {
		s.code.take(d)
		for k := range s.code.phases() {
			if b, ok := s.code.decoded(k); ok {
				ms = v[k].take(s.leak, ms, b, s.pos)
			}
		}
		return ms
	}
	for k := range s.code.phases() {
		ms = v[k].endWord(s.leak, ms, s.pos-1, false)
	}
	s.code = base64Bits{}
	return ms
}

// take takes a decoded byte that ends at position pos of the text.
func (v *view) take(l *Leak, ms []stream.Match, c byte, pos int) []stream.Match {
	if v.between.takes(c) {
		return v.endWord(l, ms, pos-1, false)
	}
	v.word = wordHash(v.word, c)
	v.in++
	return ms
}

// from returns where the hold of the last n words begins: behind their first holdWords.
func (v *view) from(n int) int { return v.stop[(v.n-n+holdWords-1)%leakWords] }

// spread mixes the hash of a word for the bits of [Leak].known.
const spread = 0x9e3779b97f4a7c15

// endWord takes the word that ends before position end of the text into the run, and reports a leak.
func (v *view) endWord(l *Leak, ms []stream.Match, end int, back bool) []stream.Match {
	if v.in == 0 {
		return ms
	}
	word := v.word
	v.word, v.in = wordSeed, 0
	if l.known[word*spread>>54]>>(word*spread>>48&63)&1 == 0 {
		v.run, v.n = 0, 0
		return ms
	}
	v.ring[v.n%leakWords], v.stop[v.n%leakWords] = word, end
	v.n++
	// A run of n words ends here only if one of n-1 ended before.
	n := max(v.run+1, holdWords)
	for n = min(n, v.n, leakWords); n >= holdWords; n-- {
		if _, ok := l.grams[n][v.tail(l, n, back)]; ok {
			break
		}
	}
	if v.run = n; n < holdWords {
		v.run = 0
	}
	if n := max(v.wholePrompt(l, back), v.run/leakWords*leakWords); n > 0 {
		ms = append(ms, stream.Match{Rule: RulePrompt, Category: CategoryLeak, Start: v.from(n), End: end})
	}
	return ms
}

// wholePrompt returns the words of a prompt that is shorter than leakWords and ends here, or 0.
func (v *view) wholePrompt(l *Leak, back bool) int {
	if l.whole == nil {
		return 0
	}
	for n := v.run; n >= minPrompt; n-- {
		if _, ok := l.whole[v.tail(l, n, back)]; ok {
			return n
		}
	}
	return 0
}

// tail hashes the last n words, in the order of the prompt.
func (v *view) tail(l *Leak, n int, back bool) uint64 {
	var words [leakWords]uint64
	for i := range n {
		k := i
		if back {
			k = n - 1 - i
		}
		words[i] = v.ring[(v.n-n+k)%leakWords]
	}
	return l.gram(words[:n])
}

// base64Bits undoes base64 of both alphabets, from where a run of its characters begins; ends of lines are nothing in it.
type base64Bits struct {
	acc uint32 // the bits of the last characters
	run int    // characters so far
}

// longCode is how many characters in a row are no word of prose.
const longCode = 16

func (x *base64Bits) take(d byte) {
	x.acc = x.acc<<6 | uint32(d)
	x.run++
}

// phases returns from how many places the run is decoded.
func (x *base64Bits) phases() int {
	if x.run < longCode {
		return 1
	}
	return views - viewBase64
}

// decoded returns the byte that the last character completes where the run is decoded from its character k on.
func (x *base64Bits) decoded(k int) (b byte, ok bool) {
	n := (x.run - k) & 3 // characters of a group of four
	return byte(x.acc >> (2 * (-n & 3))), x.run > k && n != 1
}

// hexBits undoes pairs of hexadecimal digits with anything but letters between them.
type hexBits struct {
	high byte
	half bool
}

func (x *hexBits) take(c byte) (b byte, ok, broken bool) {
	d := codes[c].hex
	if d > 15 {
		if d == noDigit {
			x.half = false
			return 0, false, c|0x20 != 'x'
		}
		return 0, false, false
	}
	if x.half = !x.half; x.half {
		x.high = d
		return 0, false, false
	}
	return x.high<<4 | d, true, false
}

const noDigit = 16 // a letter

// codes has what each byte is in base64 of both alphabets and in hexadecimal, and what ROT13 makes of it.
var codes = func() (t [256]struct{ base64, hex, rotated byte }) {
	for i := range t {
		c := byte(i)
		t[i].base64, t[i].hex, t[i].rotated = 64, byte(digit(c)), byte(rot13(rune(c)))
		if t[i].hex > 15 && isLetter(c) {
			t[i].hex = noDigit
		}
	}
	for _, alphabet := range []string{"+/", "-_"} {
		for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + alphabet) {
			t[c].base64 = byte(i)
		}
	}
	return t
}()
