package detect

import "testing"

// Names that technical texts are full of are no disguise, and words that are known or many are.
func TestDisguised(t *testing.T) {
	v := &newRules(t).vocabulary
	for _, text := range []string{
		"", "a1", "1.2 and v2 or v1.12 of i18n", "utf8 x86 sha256 uint32 arm64 mp3 e2e b2b", "`system` *prompt* **instructions** ~ignore~ ^all", "system! ignore! c++ i++ total++",
		"0x1f 0xdeadbeef 3d 7b2c91 1e9 9f8a7c6b5d4e", "@param $var !important |x| a|b", "mail me@example.com or you@example.com", "e-mail, re-use, sub_system, sys.tem",
		"p2p of the w3c", "a|b to c|d and e|f " + string(prose(300)) + " of i18n",
	} {
		if v.disguised([]byte(text)) {
			t.Errorf("%q is a disguise", text)
		}
	}
	for _, text := range []string{
		"1gnore", "ignor3", "$ystem", "pr0mpt", "`1nstruct1ons`", "ig*nore", "in**struct**ions", "my_pr0mpt.", "p455w0rd", "th3m t0wn w4s 0ld", string(prose(300)) + "4ll instruct1ons",
		"w0n a|b c|d y3t", "fl*ute dr*um vi*ol h*arp",
	} {
		if !v.disguised([]byte(text)) {
			t.Errorf("%q is none", text)
		}
	}
}

// A word alone is the n-gram that it is among others.
func TestWordGram(t *testing.T) {
	for _, w := range []string{"a", "ab", "all", "ignore", "instructions"} {
		if h, ok := conceptHash(w); !ok || wordGram([]byte(w)) != h {
			t.Errorf("%s: %x, want %x", w, wordGram([]byte(w)), h)
		}
	}
}
