package train

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// An Evasion disguises a text so that people or models still read it.
type Evasion struct {
	Name  string
	Apply func(text string, r *Random) string
}

// Random is the generator that evasions draw from; equal seeds give equal texts.
type Random = random

// NewRandom returns a generator.
func NewRandom(seed uint64) *Random { return &random{state: seed} }

// Evasions returns the disguises that the detector is measured against.
func Evasions() []Evasion {
	return slices.Concat(common(), codes(), letters())
}

// common are those that every report names.
func common() []Evasion {
	return []Evasion{
		{"tags", each(func(c rune, _ *Random) string {
			if c < 0x7f && c >= ' ' {
				return string(0xe0000 + c)
			}
			return string(c)
		})},
		{"zero-width", after("\u200b")},
		{"variation", after("\ufe0f")},
		{"soft-hyphen", after("\u00ad")},
		{"bidi", func(s string, _ *Random) string { return "\u202e" + s + "\u202c" }},
		{"fullwidth", each(func(c rune, _ *Random) string {
			if c > ' ' && c < 0x7f {
				return string(c - '!' + 0xff01)
			}
			return string(c)
		})},
		{"math-bold", each(func(c rune, _ *Random) string {
			switch {
			case c >= 'a' && c <= 'z':
				return string(c - 'a' + 0x1d41a)
			case c >= 'A' && c <= 'Z':
				return string(c - 'A' + 0x1d400)
			}
			return string(c)
		})},
		{"homoglyphs", each(func(c rune, r *Random) string {
			k := strings.IndexRune("aceopxyiAEOPBCTMHKX", c)
			if k >= 0 && r.below(3) > 0 {
				return string([]rune("асеорхуіАЕОРВСТМНКХ")[k])
			}
			return string(c)
		})},
		{"accents", each(func(c rune, r *Random) string {
			if letterOf(c) {
				return string(c) + string(rune(0x300+r.below(0x30)))
			}
			return string(c)
		})},
		{"spaced", each(func(c rune, _ *Random) string { return string(c) + " " })},
		{"entities", each(func(c rune, r *Random) string {
			if letterOf(c) && r.below(2) == 0 {
				return fmt.Sprintf("&#x%x;", c)
			}
			if letterOf(c) {
				return fmt.Sprintf("&#%d;", c)
			}
			return string(c)
		})},
		{"url", func(s string, _ *Random) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }},
		{"base64", func(s string, _ *Random) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
		{"hex", func(s string, _ *Random) string { return hex.EncodeToString([]byte(s)) }},
		{"rot13", each(func(c rune, _ *Random) string {
			switch {
			case c >= 'a' && c <= 'z':
				return string('a' + (c-'a'+13)%26)
			case c >= 'A' && c <= 'Z':
				return string('A' + (c-'A'+13)%26)
			}
			return string(c)
		})},
		{"reversed", func(s string, _ *Random) string {
			r := []rune(s)
			for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
				r[i], r[j] = r[j], r[i]
			}
			return string(r)
		}},
		{"leet", each(func(c rune, r *Random) string {
			k := strings.IndexRune("aeiostAEIOST", c)
			if k >= 0 && r.below(10) < 8 {
				return string("431057431057"[k])
			}
			return string(c)
		})},
		{"typoglycemia", func(s string, r *Random) string {
			words := strings.Split(s, " ")
			for i, w := range words {
				words[i] = shuffleInner(w, r)
			}
			return strings.Join(words, " ")
		}},
		{"padding", func(s string, r *Random) string { return padding(4000, r) + "\n\n" + s }},
	}
}

func letterOf(c rune) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// shuffleInner shuffles the letters of a word between the first and the last.
func shuffleInner(w string, r *Random) string {
	b := []byte(w)
	from, to := 0, len(b)
	for from < to && !letterOf(rune(b[from])) {
		from++
	}
	for to > from && !letterOf(rune(b[to-1])) {
		to--
	}
	if to-from < 4 {
		return w
	}
	for _, c := range b[from:to] {
		if !letterOf(rune(c)) {
			return w
		}
	}
	inner := b[from+1 : to-1]
	for i := len(inner) - 1; i > 0; i-- {
		j := r.below(i + 1)
		inner[i], inner[j] = inner[j], inner[i]
	}
	return string(b)
}

// padding writes harmless prose of at least n bytes.
func padding(n int, r *Random) string {
	who := []string{"The keeper", "A visitor", "Our neighbour", "The committee", "A young painter", "The captain", "Nobody", "The baker"}
	did := []string{"walked along the shore", "repaired the old clock", "wrote a long letter", "counted the boats", "baked bread for the fair", "read the minutes", "watched the tide", "planted beans"}
	when := []string{"in the early morning", "before the rain", "after the harvest", "on a quiet Sunday", "as the bells rang", "late in March", "when the ferry had left"}
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%s %s %s. ", who[r.below(len(who))], did[r.below(len(did))], when[r.below(len(when))])
	}
	return b.String()
}
