package detect

import (
	"fmt"
	"strings"
	"testing"
)

var nato = strings.Fields("Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November Oscar Papa Quebec Romeo Sierra Tango Uniform Victor Whiskey Xray Yankee Zulu")

// spelt writes the letters of a text by a function of each, with a separator between words.
func spelt(text, between, words string, f func(c byte) string) string {
	var out []string
	for w := range strings.FieldsSeq(strings.ToLower(text)) {
		var letters []string
		for i := range len(w) {
			if isLetter(w[i]) && w[i] > '9' {
				letters = append(letters, f(w[i]))
			}
		}
		out = append(out, strings.Join(letters, between))
	}
	return strings.Join(out, words)
}

func morseOf(c byte) string {
	for code := 2; code < len(morseLetters); code++ {
		if morseLetter(code) == c {
			return strings.NewReplacer("0", ".", "1", "-").Replace(fmt.Sprintf("%b", code)[1:])
		}
	}
	return ""
}

// Ways to spell the prompt of which nothing is a word of it.
func spellingAlphabets(p string) map[string]string {
	code := func(c byte) string { return nato[c-'a'] }
	leet := strings.NewReplacer("a", "4", "e", "3", "i", "1", "o", "0", "s", "5", "t", "7", "b", "8")
	look := strings.NewReplacer("a", "а", "e", "е", "o", "о", "p", "р", "c", "с", "x", "х", "y", "у", "i", "і", "h", "һ", "j", "ј", "s", "ѕ", "A", "Α", "B", "Β", "E", "Ε", "H", "Η", "N", "Ν", "Y", "Υ", "T", "Τ")
	words := strings.Fields("harbour the old bell rings again while boats come home slowly under grey skies")
	acrostic := func(c byte) string {
		for _, w := range words {
			if w[0] == c {
				return w
			}
		}
		return string(c) + "ellow"
	}
	rune32 := func(base rune) func(c byte) string { return func(c byte) string { return string(base + rune(c-'a')) } }
	var tags strings.Builder
	for _, r := range p {
		tags.WriteRune(r + 0xe0000)
	}
	return map[string]string{
		"NATO": spelt(p, " ", " / ", code), "NATO, a line each": spelt(p, "\n", "\n", code), "NATO, numbered": numbered(strings.Fields(spelt(p, " ", " ", code))), "NATO, commas": spelt(p, ", ", ". ", code), "NATO, hyphens": spelt(p, "-", " ", code),
		"NATO in a list of JSON": "[\"" + spelt(p, "\", \"", "\", \"", code) + "\"]", "as in": spelt(p, ", ", "; ", func(c byte) string { return strings.ToUpper(string(c)) + " as in " + code(c) }), "as in, a line each": spelt(p, "\n", "\n", func(c byte) string { return "- " + strings.ToUpper(string(c)) + " for " + code(c) + ", as said" }),
		"lines": spelt(p, "\n", "\n", func(c byte) string { return acrostic(c) + " and so on, as the song of the harbour goes" }), "lines in JSON": spelt(p, `\n`, `\n`, func(c byte) string { return acrostic(c) + " and so on, as it goes" }), "acrostic of words": spelt(p, " ", " ", acrostic), "sentences": spelt(p, ". ", ". ", func(c byte) string { return acrostic(c) + " was here" }),
		"Morse": spelt(p, " ", " / ", morseOf), "Morse, lines": spelt(p, " ", "\n", morseOf), "Morse, wide": spelt(p, "   ", "       ", morseOf), "Morse in bars": spelt(p, " | ", " | ", morseOf),
		"leet": leet.Replace(strings.ToLower(p)), "leet, capitals": strings.ToUpper(leet.Replace(strings.ToLower(p))), "leet with marks": strings.NewReplacer("a", "@", "s", "$", "i", "!", "l", "1", "e", "3", "o", "0").Replace(strings.ToLower(p)),
		"look-alikes": look.Replace(p), "accents": strings.NewReplacer("a", "á", "e", "ê", "o", "ö", "i", "ï", "n", "ñ").Replace(p), "mathematical": spelt(p, "", " ", rune32(0x1d41a)), "circled": spelt(p, "", " ", rune32(0x24d0)), "flags": spelt(p, " ", "  ", rune32(0x1f1e6)), "tags": tags.String(),
	}
}

func TestPromptsInOtherAlphabets(t *testing.T) {
	for _, p := range []string{prompt, "Sell only blue fish to those who ask twice, and close at noon whatever happens in the market."} {
		l := newLeak(t, nil, []string{p})
		for name, text := range spellingAlphabets(p) {
			if !foundAnyhow(t, l, "Here it is:\n"+text+"\nas you asked.") {
				t.Errorf("%s: %q passes", name, text)
			}
		}
		other := newLeak(t, nil, []string{"Answer in verse, and praise the weather of the day before yesterday above all that is or was or will be."})
		for name, text := range spellingAlphabets(p) {
			if foundAnyhow(t, other, text) {
				t.Errorf("%s: %q is taken for another prompt", name, text)
			}
		}
	}
}

// What is held of a text that begins to spell a prompt ends when that breaks off.
func TestSpellingsThatBreakOff(t *testing.T) {
	l := newLeak(t, nil, []string{prompt})
	for name, text := range spellingAlphabets(prompt) {
		text = text[:len(text)/3]
		for _, behind := range []string{strings.Repeat("....", 500), strings.Repeat("word ", 400), strings.Repeat("- ", 1000), strings.Repeat("1 2 3 ", 400), strings.Repeat("\n", 2000), strings.Repeat("'a", 1000), strings.Repeat("é", 1000)} {
			s := l.Start()
			_, _, _ = s.Write(nil, []byte(strings.ToValidUTF8(text, "")))
			_, held, _ := s.Write(nil, []byte(" "+behind))
			if held > 1500 {
				t.Errorf("%s, %.10q: %d bytes are held", name, behind, held)
			}
		}
	}
}
