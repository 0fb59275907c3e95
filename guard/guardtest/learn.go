package guardtest

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// NewVocabulary learns merges pairs, 0 to 4096 and fewer where no pair stands twice, from a sample of text of at most 64 KiB,
// by default the prose of the package. The same input gives the same vocabulary. Errors: [ErrModel].
func NewVocabulary(kind TokenizerKind, sample string, merges int) (*Vocabulary, error) {
	if sample == "" {
		sample = prose
	}
	if (kind != ByteLevel && kind != SentencePiece) || merges < 0 || merges > maxMerges || len(sample) > maxSample {
		return nil, fmt.Errorf("%w: a vocabulary of kind %q, %d merges of %d bytes", ErrModel, kind, merges, len(sample))
	}
	v := &Vocabulary{kind: kind, tokens: specials(), ids: map[string]int{}, rank: map[string]int{}}
	for b := range 256 {
		v.add(v.byteToken(byte(b)))
	}
	if kind == ByteLevel {
		// The expression of GPT-2, less its (?!\S), which this syntax has not: cut says what it does.
		const space = `\t-\r \x{85}\p{Z}`
		v.words = regexp.MustCompile(`^(?:'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^` + space + `\p{L}\p{N}]+|[` + space + `]+)`)
	}
	v.learn(strings.ToValidUTF8(sample, "\ufffd"), merges)
	return v, nil
}

var english = sync.OnceValue(func() *Vocabulary {
	v, err := NewVocabulary(ByteLevel, prose, 300)
	if err != nil {
		panic("guardtest: internal error: " + err.Error()) // all of it is here
	}
	return v
})

// English is a byte-level vocabulary that was learned from the English prose of the package. [Pieces] cuts with it.
func English() *Vocabulary { return english() }

func (v *Vocabulary) add(token string) {
	if _, ok := v.ids[token]; !ok {
		v.ids[token], v.tokens = len(v.tokens), append(v.tokens, token)
	}
}

func (v *Vocabulary) pair(left, right string) string {
	if v.kind == SentencePiece {
		return left + right
	}
	return left + " " + right
}

// learn adds the pairs that stand most often in the words of a sample, one after the other; of equals the first by spelling.
func (v *Vocabulary) learn(sample string, merges int) {
	counts := map[string]int{}
	for _, w := range v.cut(sample) {
		counts[w]++
	}
	type word struct {
		parts []string
		count int
	}
	var words []word
	letters := map[string]bool{}
	for _, w := range slices.Sorted(maps.Keys(counts)) {
		parts := strings.Split(w, "")
		words = append(words, word{parts, counts[w]})
		for _, p := range parts {
			letters[p] = true
		}
	}
	for _, l := range slices.Sorted(maps.Keys(letters)) {
		v.add(l)
	}
	for range merges {
		pairs := map[[2]string]int{}
		for _, w := range words {
			for i := range len(w.parts) - 1 {
				pairs[[2]string{w.parts[i], w.parts[i+1]}] += w.count
			}
		}
		var best [2]string
		for p, n := range pairs {
			if c := cmp.Compare(n, pairs[best]); c > 0 || c == 0 && slices.Compare(p[:], best[:]) < 0 {
				best = p
			}
		}
		if pairs[best] < 2 {
			return
		}
		key := v.pair(best[0], best[1])
		if _, known := v.rank[key]; !known { // SentencePiece can make one token of two pairs
			v.rank[key] = len(v.rank)
		}
		v.merges = append(v.merges, best[0]+" "+best[1])
		v.add(best[0] + best[1])
		for i := range words {
			p := words[i].parts
			for j := 0; j+1 < len(p); j++ {
				if p[j] == best[0] && p[j+1] == best[1] {
					p[j] += p[j+1]
					p = slices.Delete(p, j+1, j+2)
				}
			}
			words[i].parts = p
		}
	}
}
