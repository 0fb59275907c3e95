package detect

import (
	"errors"
	"fmt"
	"hash/maphash"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

// Bounds of a leak detector.
const (
	leakWords = 8 // so many words of a system prompt in a row are a leak: shorter runs are ordinary phrases
	holdWords = 3 // from so many on, a run is held back until it breaks or is a leak

	minCanary    = 8       // bytes; a shorter canary turns up by chance
	minPrompt    = 4       // words; a shorter system prompt says nothing worth guarding
	maxLeakBytes = 1 << 20 // of canaries and prompts together: the guard holds them in memory
)

// ErrLeak means that canaries or system prompts cannot be compiled.
var ErrLeak = errors.New("detect: unusable canary or system prompt")

// Leak recognises canaries (ASCII case folded; as they are, and by their letters where these are spaced out, escaped, backwards, in base64,
// hexadecimal or ROT13, and in one of these codes of another) and runs of system prompts: 8 words in a row, or 64 letters with digits and
// anything but letters between them, or 16 characters of Chinese or Japanese, 43 of Thai and the like, or in parts of five words at least with others between, which come to 192 letters; the whole prompt if it is shorter, of letters from 20 bytes
// on. Case and what stands between words is ignored. Prompts are read as they stand, in ROT13, backwards letter by letter, in base64 and in hexadecimal, and in any of these within base64 or
// hexadecimal; and letter by letter in the first letters of words, phrases or lines (NATO's alphabet, "Y as in Yankee", acrostics), in Morse code, with digits and marks for letters, in look-alikes of other scripts, other alphabets of
// Unicode and invisible tags.
//
// Not recognised are translations (Chinese characters in the other style too) and paraphrase, words one by one with others between them, letters one by one within words (the second of each, last ones), such alphabets of languages that have no Latin letters, within codes or with spaces between digits for letters, base64 that is cut into pieces by spaces or itself backwards, and codes three deep. It is immutable and safe for
// concurrent use; each text is followed by its own [LeakState].
type Leak struct {
	canaries *automaton
	spelled  *spelledAutomaton // nil where no canary has letters enough
	seed     maphash.Seed
	grams    [leakWords + 1]map[uint64]struct{} // grams[n]: hashes of n words in a row
	whole    map[uint64]struct{}                // hashes of prompts that are shorter than a leak
	known    [1 << 10]uint64                    // a bit for each word, by its hash: most words of an answer are none
	longest  int                                // word, in bytes
	letters  *lettersIndex                      // nil where no prompt has letters enough
	digits   *lettersIndex                      // the same with digits and marks for letters
}

// NewLeak compiles canaries and system prompts. Without any of them it finds nothing.
// Errors unwrap to [ErrLeak] and do not quote the strings.
func NewLeak(canaries, prompts []string) (*Leak, error) {
	l := &Leak{seed: maphash.MakeSeed()}
	size := 0
	for i, c := range canaries {
		if len(c) < minCanary {
			return nil, fmt.Errorf("%w: canary %d has fewer than %d bytes", ErrLeak, i, minCanary)
		}
		size += len(c)
	}
	for i, p := range prompts {
		size += len(p)
		if size > maxLeakBytes {
			break
		}
		if !l.add(p) {
			return nil, fmt.Errorf("%w: system prompt %d has fewer than %d words, or %d characters of a language without spaces", ErrLeak, i, minPrompt, minWeight/weigh('字'))
		}
	}
	if size > maxLeakBytes {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrLeak, maxLeakBytes)
	}
	l.letters, l.digits = newLetters(prompts), newDigits(prompts)
	if len(canaries) > 0 {
		var ok bool
		if l.canaries, ok = newAutomaton(canaries, nil, true); !ok {
			return nil, fmt.Errorf("%w: canaries are too long", ErrLeak)
		}
		if l.spelled, ok = newSpelled(canaries); !ok {
			return nil, fmt.Errorf("%w: too many canaries", ErrLeak)
		}
	}
	return l, nil
}

// add enters the word runs of a prompt.
func (l *Leak) add(prompt string) bool {
	var words []uint64
	var between gap
	h, n := uint64(wordSeed), 0
	for i := range len(prompt) + 1 {
		if i < len(prompt) && !between.takes(prompt[i]) {
			h, n = wordHash(h, prompt[i]), n+1
			continue
		}
		if n > 0 {
			l.longest = max(l.longest, n)
			l.known[h*spread>>54] |= 1 << (h * spread >> 48 & 63)
			words = append(words, h)
		}
		h, n = wordSeed, 0
	}
	if len(words) < minPrompt {
		weight := int32(0)
		for _, r := range prompt {
			if spaceless(r) {
				weight += weigh(r)
			}
		}
		return weight >= minWeight
	}
	for n := holdWords; n <= leakWords; n++ {
		if l.grams[n] == nil {
			l.grams[n] = make(map[uint64]struct{})
		}
		for i := 0; i+n <= len(words); i++ {
			l.grams[n][l.gram(words[i:i+n])] = struct{}{}
		}
	}
	if len(words) < leakWords {
		if l.whole == nil {
			l.whole = make(map[uint64]struct{})
		}
		l.whole[l.gram(words)] = struct{}{}
	}
	return true
}

func (l *Leak) gram(words []uint64) uint64 {
	h := uint64(len(words))
	for _, w := range words {
		h = maphash.Comparable(l.seed, [2]uint64{h, w})
	}
	return h
}

const (
	wordSeed = 0
	wordBase = 1099511628211
)

// wordHash continues the hash of a word, a polynomial: a word that is read backwards has the same, see [leakReader.read]. ASCII case is ignored.
func wordHash(h uint64, c byte) uint64 { return h*wordBase + uint64(lower(c, true)) + 1 }

func wordByte(c byte) bool { return word[c] }

// gap tells the bytes between words from those of words. Of UTF-8 it counts the blocks that hold punctuation, symbols and
// emoji (lead bytes C2, E2, F0): a model that is asked for “quotation marks” repeats a prompt all the same.
type gap struct{ more uint8 } // bytes of the character that are to come

func (g *gap) takes(c byte) bool {
	if c < 0x80 {
		g.more = 0
		return !word[c]
	}
	if c < 0xc0 && g.more > 0 {
		g.more--
		return true
	}
	switch c {
	case 0xc2:
		g.more = 1
	case 0xe2:
		g.more = 2
	case 0xf0:
		g.more = 3
	default:
		g.more = 0
		return false
	}
	return true
}

func isWord(c byte) bool {
	return c >= 0x80 || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// A LeakState follows one text that arrives in pieces; it is a [stream.Scanner]. The result does not depend on where the
// pieces are cut. The zero value is not usable: start with [Leak.Start].
//
// A match is a canary, or a spelling of it from its fifth letter on, or the words of a run from its fourth word on: the first three are ordinary prose, and were sent
// before the fourth came.
type LeakState struct {
	leak    *Leak
	pos     int   // bytes seen
	node    state // of the canary automaton
	exact   int   // where the last canary ended, as it is
	spelled spelledState
	leakReader
	alphabets alphabets
}

var _ stream.Scanner = (*LeakState)(nil)

// Start begins a text.
func (l *Leak) Start() LeakState { return LeakState{leak: l} }

// Write takes the next piece of the text and appends the leaks that it completes (rules "leak.canary" and
// "leak.system-prompt"). held is the length of the tail, in bytes and counted from the end of all pieces, that may belong
// to a leak and must not be sent yet. The error is nil.
func (s *LeakState) Write(ms []stream.Match, p []byte) (matches []stream.Match, held int, err error) {
	l := s.leak
	for len(p) > 0 {
		if len(p) > 1 && l.longest > 0 && (asciiLetters[p[0]&0x7f] != 0 || plainMarks[p[0]]) {
			var n int
			if ms, n = s.skim(ms, p); n > 0 {
				p = p[n:]
				continue
			}
		}
		c := p[0]
		p = p[1:]
		s.pos++
		if l.canaries != nil {
			s.node = l.canaries.step(s.node, c)
			if s.node.ends() {
				ms = append(ms, stream.Match{Rule: RuleCanary, Category: CategoryLeak, Start: s.pos - l.canaries.longest(s.node), End: s.pos})
				s.exact = s.pos
			}
			if l.spelled != nil && !s.spelled.skips(l.spelled, c) {
				from := len(ms)
				ms = s.once(s.spelled.take(l.spelled, ms, c, s.pos-1), from)
			}
		}
		if l.longest == 0 {
			continue
		}
		ms = s.read(l, ms, c, s.pos, false)
		if l.letters != nil && !s.alphabets.skips(c) {
			ms = s.alphabets.take(l, ms, c, s.pos)
		}
	}
	return ms, s.holds(), nil
}

// Finish ends the text: its last word counts. The error is nil.
func (s *LeakState) Finish(ms []stream.Match) ([]stream.Match, error) {
	if s.leak.spelled != nil {
		from := len(ms)
		ms = s.once(s.spelled.flush(s.leak.spelled, ms, s.pos), from)
	}
	if s.leak.longest != 0 {
		ms = s.finish(s.leak, ms, s.pos)
		if s.leak.letters != nil {
			ms = s.alphabets.finish(s.leak, ms, s.pos)
		}
	}
	return ms, nil
}

// once drops the spellings that were canaries as they are: each is reported once.
func (s *LeakState) once(ms []stream.Match, from int) []stream.Match {
	if len(ms) > from && ms[from].Start < s.exact {
		return ms[:from]
	}
	return ms
}

func (s *LeakState) holds() int {
	held := 0
	if s.leak.canaries != nil {
		held = s.leak.canaries.prefix(s.node)
	}
	if s.spelled.node != 0 || s.spelled.pending > 0 {
		held = max(held, s.spelled.held(s.leak.spelled, s.pos))
	}
	return max(held, s.leakReader.held(s.leak, s.pos), s.alphabets.held(s.pos))
}
