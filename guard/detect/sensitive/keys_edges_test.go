package sensitive_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

// Where keys begin and end: what stands between « and » is found, byte by byte too and before anything of it is given up.
func TestEdgesOfKeys(t *testing.T) {
	s := all(t)
	const first, last = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
	const body, other = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj", "x7Gk29dLqPzX81YtR4vB6nM2sKwJ3hQe"
	mention := first + " is how such a file begins, as everybody knows. "
	far := func(n int) string { return mention + strings.Repeat("so on, ", n/7) + strings.Repeat(".", n%7) }
	texts := []string{
		// Padding is of the key, operators behind it are not.
		"«" + first + "\n" + strings.Join(strings.Split(body, ""), " ") + " = =», and so on.", "«" + first + "\n" + body + "» / it is",
		// Six words of prose, of 24 letters and three a word, end it.
		"«" + first + "\n" + body + " five word are here then\n" + other + "»", "«" + first + "\n" + body + "» five word are here thens what\n«" + other + "»", "«" + first + "\n" + body + " five word are here then what\n" + other + "»",
		"«" + first + "\n" + body + " one to the in for it are as not we\n" + other + "»", "«" + first + "\n" + body + "» one two the and for you are not\n«" + other + "»",
		// The words of its last line are none of prose, and nothing behind a key is one because it is the first.
		"«" + first + "\n" + body + "\nabcd\nefgh\n" + last + "»", "«" + first + "\n" + body + "»\nThat was everything there is said ParsePKCS8Key, which reads it.",
		// Behind a mention.
		mention + "«" + body + "» it was.", mention + "«x7Gk29dLqPzX 81YtR4vB6nM2 sKwJ3hQeT5uC» it was.", far(4070) + "«" + body + "» it was.", far(4084) + "«" + strings.ReplaceAll(other, "LqPz", "Lq Pz") + "» it was.", far(4200) + body, mention + strings.Repeat(".", 4070) + "«" + body + "» it was.",
		// Words and what is none.
		first + " Dies ist die erste Zeile", first + "\nThe Key", "«" + first + "\nABcd EFgh IJkl MNop QRst UVwx»",
		// Lines.
		"«---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n" + body + "\n---- END SSH2 ENCRYPTED PRIVATE KEY ----»\n", "--BEGIN RSA PRIVATE KEY-----\n" + body, "«---BEGIN RSA PRIVATE KEY---\n" + body + "»",
	}
	for _, text := range texts {
		var want []string
		for rest := text; ; {
			_, behind, ok := strings.Cut(rest, "«")
			if !ok {
				break
			}
			found, after, _ := strings.Cut(behind, "»")
			want, rest = append(want, "secret.private-key="+found), after
		}
		slices.Sort(want)
		text = strings.NewReplacer("«", "", "»", "").Replace(text)
		if got := found(s, text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		sc := s.Start()
		var ms []stream.Match
		clear := 0
		var held int
		for i := range text {
			before := len(ms)
			ms, held, _ = sc.Write(ms, []byte(text[i:i+1]))
			for _, m := range ms[before:] {
				if m.Start < clear {
					t.Fatalf("%q: found at %d when %d were given up", text, m.Start, clear)
				}
			}
			clear = i + 1 - held
		}
	}
	// A short run is not held for what does not come.
	sc := s.Start()
	for i, piece := range strings.SplitAfter(mention+"x9Z "+strings.Repeat("é ", 200), " ") {
		if _, held, _ := sc.Write(nil, []byte(piece)); i > 40 && held > 20 {
			t.Fatalf("%d bytes are held at %d", held, i)
		}
	}
}

// What is cut in the middle of an escape is read no further than it goes.
func TestEscapesAtTheEnd(t *testing.T) {
	s := all(t)
	for _, text := range []string{`\u`, `\uz`, `\u0z`, `\u00z`, `\U0000z`, `\xz`, `\x0`, `\u{`, `\u{z`, `\u{}`, `%z`, `&#;`, `&#x;`, `&;`} {
		if got := s.Find(nil, slices.Clip([]byte(text))); len(got) > 0 {
			t.Errorf("%q: %v", text, got)
		}
	}
}
