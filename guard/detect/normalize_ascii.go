package detect

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// asciiRun appends visible ASCII, and white space behind it, from text[i:] and returns where it ends.
func (t *Text) asciiRun(text []byte, i, base int) int {
	t.Norm = slices.Grow(t.Norm, len(text)-i)
	norm := t.Norm[:cap(t.Norm)]
	n, last := len(t.Norm), byte(' ')
	if n > 0 {
		last = norm[n-1]
	}
	for slow := i; i < len(text); { // up to there it is not worth to try many at once
		if i >= slow {
			k := lowerMany(norm[n:], text[i:], last == ' ', !asciiWord(last))
			if i, n = i+k, n+k; k < lowerWorth {
				slow = i + lowerWorth
			}
			if k > 0 {
				last = norm[n-1]
				continue
			}
		}
		switch c := text[i]; {
		case c >= 0x7f:
			t.Norm = norm[:n]
			return i
		case c <= ' ' && last == ' ': // is none
			i += whites(text[i:])
			t.Norm = norm[:n]
			t.mark(base + i)
			slow = i
			continue
		case !asciiWord(last) && i+2 < len(text) && wordLower[c] != 0 && wordLower[text[i+1]] == 0 && maySpell(text[i:]):
			t.Norm = norm[:n]
			if k := t.spelledOut(text, i, base); k > 0 {
				norm, n = t.Norm[:cap(t.Norm)], len(t.Norm)
				i, last = i+k, norm[n-1]
				continue
			}
			fallthrough
		default:
			last = max(lowered[c], ' ')
			norm[n] = last
			i, n = i+1, n+1
		}
	}
	t.Norm = norm[:n]
	return i
}

// lowerWorth is how many bytes must be taken at once for it to be worth to try the next.
const lowerWorth = 8

// whites returns how much white space of ASCII text begins with.
func whites(text []byte) (n int) {
	for ; n+8 <= len(text); n += 8 {
		x := binary.LittleEndian.Uint64(text[n:])
		if others := (x | (x&^high + (0x7f-' ')*each)) & high; others != 0 {
			return n + bits.TrailingZeros64(others)/8
		}
	}
	for n < len(text) && text[n] <= ' ' {
		n++
	}
	return n
}

// wordLower maps ASCII letters and digits to lower case, and other bytes to 0.
var wordLower = func() (t [256]uint8) {
	for c := range byte(utf8.RuneSelf) {
		if isWord(c) {
			t[c] = lower(c, true)
		}
	}
	return t
}()

// lowered maps ASCII letters to lower case; word marks the bytes of words.
var lowered, word = func() (l [256]byte, w [256]bool) {
	for c := range 256 {
		l[c], w[c] = lower(byte(c), true), isWord(byte(c))
	}
	return l, w
}()

func asciiWord(c byte) bool { return c < utf8.RuneSelf && word[c] }

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// spelled is the number of single letters in a row that make a spelled-out word: "i g n o r e", "i.g.n.o.r.e".
const spelled = 4

// maySpell reports whether text, of three bytes or more, may begin with a word that is spelled out: it is asked of most letters of a text that almost is.
func maySpell(text []byte) bool {
	by := text[1]
	return separators[by] && letter(text[0]) && letter(text[2]) && (by == ' ' || len(text) > 3 && text[3] == by)
}

// spelledOut joins a word whose letters are set apart by one separator each, and returns how many bytes it took. It
// looks no further than the word, so that a text of almost-words costs no more than others.
func (t *Text) spelledOut(text []byte, i, base int) int {
	end, n := i, 0
	for j := i; j < len(text) && letter(text[j]) && (j+1 == len(text) || !asciiWord(text[j+1])); j += 2 {
		end, n = j+1, n+1
		if end == len(text) || text[end] != text[i+1] {
			break
		}
	}
	if n < spelled && (n < 2 || !wideGaps(text, i, end)) {
		return 0
	}
	for k := i; k < end; k += 2 {
		t.mark(base + k)
		t.Norm = append(t.Norm, lowered[text[k]])
	}
	t.mark(base + end)
	t.Evidence.Spaced++
	return end - i
}

// wideGaps reports whether text[i:end] stands between two spaces on either side, as short words do where every letter is
// followed by one.
func wideGaps(text []byte, i, end int) bool {
	return text[i+1] == ' ' && (i == 0 || i > 1 && text[i-1] == ' ' && text[i-2] == ' ') &&
		(end == len(text) || end+1 == len(text) || text[end] == ' ' && text[end+1] == ' ')
}

// separators are what letters are set apart by.
var separators = func() (t [256]bool) {
	for _, c := range []byte(" .-_*,|/") {
		t[c] = true
	}
	return t
}()
