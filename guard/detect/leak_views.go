package detect

import "github.com/holdfast-ai/holdfast/guard/stream"

// The words of an answer are read in several ways at once: a model that may not repeat its system prompt is asked for it in ROT13, backwards, in base64 or in
// hexadecimal, and what a code says is read in all of these ways again.
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
	stop    [leakWords]int32 // where each word in ring ends, in a text that is far shorter
	n       int              // words in a row that prompts may have
	letters letterRun
}

// A leakReader reads one text in all ways.
type leakReader struct {
	views  [views]view
	code   base64Bits
	pairs  hexBits
	said   [views - viewHex]said
	inside *leakReaders // of what codes say; nil until one says something, and in those
}

type leakReaders [views - viewHex]leakReader

// read gives a byte, which ends at position pos of the text, to all views. Where inner, the text is what a code says, whose words as they are have been
// read with it.
func (s *leakReader) read(l *Leak, ms []stream.Match, c byte, pos int, inner bool) []stream.Match {
	v := &s.views
	if v[viewAsIs].between.takes(c) {
		if v[viewAsIs].in > 0 {
			for k := range viewHex {
				if inner && k == viewAsIs {
					v[k].word, v[k].in = wordSeed, 0
					continue
				}
				ms = v[k].endWord(l, ms, pos-1, k == viewBackwards)
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
	if !inner {
		ms = s.spelt(l, ms, viewAsIs, c, pos)
	}
	ms = s.readBase64(l, ms, c, pos, inner)
	if b, ok, broken := s.pairs.take(c); broken {
		ms = s.broken(l, ms, viewHex, pos)
	} else if ok {
		ms = s.decoded(l, ms, viewHex, b, pos, inner)
	}
	return ms
}

// finish ends the text at position pos.
func (s *leakReader) finish(l *Leak, ms []stream.Match, pos int) []stream.Match {
	for k := range s.views {
		ms = s.views[k].endWord(l, ms, pos, k == viewBackwards)
		ms = s.views[k].letters.breaks(ms)
	}
	if s.inside != nil {
		for k := range s.inside {
			s.inside[k].views[viewAsIs].in = 0
			ms = s.inside[k].finish(l, ms, pos)
		}
	}
	return ms
}

// held returns how many bytes before position pos may belong to a leak.
func (s *leakReader) held(l *Leak, pos int) int {
	held := 0
	for k := range s.views {
		v := &s.views[k]
		if v.run > 0 && v.in <= l.longest {
			held = max(held, pos-v.from(v.run))
		}
		held = max(held, v.letters.held(pos))
	}
	if s.inside != nil {
		for k := range s.inside {
			held = max(held, s.inside[k].held(l, pos))
		}
	}
	return held
}

// spelt gives a byte to the letters of a view.
func (s *leakReader) spelt(l *Leak, ms []stream.Match, k int, c byte, pos int) []stream.Match {
	if l.letters == nil {
		return ms
	}
	return s.views[k].letters.take(l.letters, ms, c, pos)
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
func (v *view) from(n int) int { return int(v.stop[(v.n-n+holdWords-1)%leakWords]) }

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
	v.ring[v.n%leakWords], v.stop[v.n%leakWords] = word, int32(end)
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
