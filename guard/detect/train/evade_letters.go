package train

import (
	"slices"
	"strings"
	"unicode"
)

// letters are disguises that draw letters otherwise, put something between them or move them.
func letters() []Evasion {
	return []Evasion{
		{"small-capitals", drawn([]rune("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘǫʀꜱᴛᴜᴠᴡxʏᴢ"))},
		{"superscript", drawn([]rune("ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖ𐞥ʳˢᵗᵘᵛʷˣʸᶻ"))},
		{"circled", from('ⓐ')},
		{"squared", from('🄰')},
		{"squared-black", from('🅰')},
		{"parenthesised", from('⒜')},
		{"regional", from('🇦')},
		{"upside-down", whole(func(s string) string {
			r := []rune(drawn([]rune("ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz"))(s, nil))
			slices.Reverse(r)
			return string(r)
		})},
		{"greek", drawn([]rune("αbϲdεfgһιjκlmηοpqrѕτυνωχγz"))},
		{"armenian", drawn([]rune("aƅcժeƒցհiյkӏmոօpզrsեսvաxyz"))},
		{"cherokee", drawn([]rune("ꭺᏼꮯꭰꭼfꮐꮋꭵꭻꮶꮮꮇnoꮲqꮢꮪꭲuꮩꮃxꭹꮓ"))},
		{"mixed-scripts", drawn([]rune("аЬсԁеϝɡһіјκӏмոорԛгѕтսνѡхуᴢ"))},
		{"strike-through", after("\u0336")},
		{"enclosed", after("\u20dd")},
		{"reversed-bidi", whole(func(s string) string {
			r := []rune(s)
			slices.Reverse(r)
			return "\u202e" + string(r) + "\u202c"
		})},
		{"reversed-words", words(func(w []rune, _ *Random) { slices.Reverse(w) })},
		{"swapped-letters", words(func(w []rune, r *Random) {
			if len(w) > 3 && r.below(2) == 0 {
				i := 1 + r.below(len(w)-2)
				w[i], w[i-1] = w[i-1], w[i]
			}
		})},
		{"no-vowels", each(func(c rune, _ *Random) string {
			if strings.ContainsRune("aeiouAEIOU", c) {
				return ""
			}
			return string(c)
		})},
		{"repeated-letters", each(func(c rune, r *Random) string {
			if letterOf(c) && r.below(3) == 0 {
				return strings.Repeat(string(c), 3+r.below(3))
			}
			return string(c)
		})},
		{"doubled-letters", each(func(c rune, _ *Random) string {
			if letterOf(c) {
				return string(c) + string(c)
			}
			return string(c)
		})},
		{"mistyped", each(func(c rune, r *Random) string {
			if k := strings.IndexRune("qwertyuiopasdfghjklzxcvbnm", c); k >= 0 && r.below(12) == 0 {
				return "wertyuioposdfghjkkxcvbnmn"[min(k, 24):][:1]
			}
			return string(c)
		})},
		{"noise", each(func(c rune, r *Random) string { // best of N
			switch {
			case r.below(20) == 0 && c > ' ' && c < 0x7e:
				return string(c + 1)
			case r.below(2) == 0:
				return string(unicode.ToUpper(c))
			}
			return string(unicode.ToLower(c))
		})},
		{"hyphenated", inside("-\n", 4)},
		{"bold-inside", inside("**", 3)},
		{"splat", inside("*", 2)},
		{"punctuated", func(s string, r *Random) string {
			return inserted(s, r, 4, func() string { return string(".,;:!?#%&@$"[r.below(11)]) })
		}},
		{"split-words", inside(" ", 5)},
		{"emoji-between", func(s string, r *Random) string {
			return each(func(c rune, _ *Random) string {
				if letterOf(c) {
					return string(c) + string([]rune("😀🔥✨🎉💡")[r.below(5)])
				}
				return string(c)
			})(s, r)
		}},
		{"emoji-inside", inside("😀", 3)},
		{"dashes", betweenLetters("-")},
		{"dots", betweenLetters(".")},
		{"middle-dots", betweenLetters("·")},
		{"double-dashes", betweenLetters("--")},
		{"wide-spaced", after("  ")},
		{"spaced-lines", after("\n")},
		{"spaced-close", each(func(c rune, _ *Random) string {
			if c == ' ' {
				return ""
			}
			return string(c) + " "
		})},
		{"run-together", whole(func(s string) string { return strings.ReplaceAll(s, " ", "") })},
		{"markdown-words", each(func(c rune, _ *Random) string {
			if c == ' ' {
				return "** **"
			}
			return string(c)
		})},
		{"one-word-a-line", whole(func(s string) string { return strings.Join(strings.Fields(s), "\n") })},
		{"underscores", whole(func(s string) string { return strings.ReplaceAll(s, " ", "_") })},
		{"leet-heavy", each(func(c rune, _ *Random) string {
			if k := strings.IndexRune("abegilostz", unicode.ToLower(c)); k >= 0 {
				return string("@839!105+2"[k])
			}
			return string(c)
		})},
	}
}

func each(f func(rune, *Random) string) func(string, *Random) string {
	return func(s string, r *Random) string {
		var b strings.Builder
		for _, c := range s {
			b.WriteString(f(c, r))
		}
		return b.String()
	}
}

// after puts a mark behind every character.
func after(mark string) func(string, *Random) string {
	return each(func(c rune, _ *Random) string { return string(c) + mark })
}

// drawn replaces letters by those of a list.
func drawn(list []rune) func(string, *Random) string {
	return each(func(c rune, _ *Random) string {
		if letterOf(c) {
			return string(list[(c|0x20)-'a'])
		}
		return string(c)
	})
}

// from is drawn with letters in the order of the alphabet.
func from(a rune) func(string, *Random) string {
	return each(func(c rune, _ *Random) string {
		if letterOf(c) {
			return string(a + (c | 0x20) - 'a')
		}
		return string(c)
	})
}

// words applies f to each word.
func words(f func([]rune, *Random)) func(string, *Random) string {
	return func(s string, r *Random) string {
		out := []rune(s)
		for i := 0; i < len(out); i++ {
			start := i
			for i < len(out) && unicode.IsLetter(out[i]) {
				i++
			}
			f(out[start:i], r)
		}
		return string(out)
	}
}

// inside puts a mark into words, between one pair of letters in n.
func inside(mark string, n int) func(string, *Random) string {
	return func(s string, r *Random) string { return inserted(s, r, n, func() string { return mark }) }
}

func inserted(s string, r *Random, n int, mark func() string) string {
	var b strings.Builder
	in := []rune(s)
	for i, c := range in {
		b.WriteRune(c)
		if letterOf(c) && i+1 < len(in) && letterOf(in[i+1]) && r.below(n) == 0 {
			b.WriteString(mark())
		}
	}
	return b.String()
}

// betweenLetters puts a mark between all letters of a word.
func betweenLetters(mark string) func(string, *Random) string {
	return func(s string, r *Random) string { return inserted(s, r, 1, func() string { return mark }) }
}
