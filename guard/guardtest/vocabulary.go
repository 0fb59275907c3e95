package guardtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A TokenizerKind is one of the two ways in which the tokenizers of most language models cut text.
type TokenizerKind string

const (
	// ByteLevel is the tokenizer of GPT-2: an expression cuts the text into words, and pairs of bytes are joined inside them in
	// the order of the merges. What the merges do not know is cut between bytes, also inside a character.
	ByteLevel TokenizerKind = "gpt2"
	// SentencePiece is that of Llama: a space is the letter U+2581, neighbours are joined while a token of the vocabulary comes
	// of it, the best score first, and a character outside the vocabulary becomes a token for each of its bytes.
	SentencePiece TokenizerKind = "llama"
)

// Bounds of a vocabulary that is learned: learning walks all words for each merge.
const (
	maxMerges = 1 << 12
	maxSample = 1 << 16 // bytes
)

// The special tokens of every vocabulary, in the order of their ids from 0. No text becomes one of them.
const (
	tokenBOS = iota
	tokenEOS
	_ // system
	_ // user
	tokenAssistant
	specialTokens
)

func specials() []string {
	return []string{"<|bos|>", "<|eos|>", "<|system|>", "<|user|>", "<|assistant|>"}
}

// A Vocabulary cuts text into tokens as the tokenizer of a model does. It is immutable and safe for concurrent use.
type Vocabulary struct {
	kind   TokenizerKind
	tokens []string       // as they are spelled in files
	ids    map[string]int // of the tokens that text can become
	merges []string       // "left right", the first to be joined first
	rank   map[string]int // of a join: by "left right", or for SentencePiece by the token it makes
	words  *regexp.Regexp // ByteLevel
}

// Pieces cuts a text into the pieces in which a stream brings it, as [Vocabulary.Pieces] of [English].
func Pieces(text string) []string { return English().Pieces(text) }

// Kind returns how the vocabulary cuts.
func (v *Vocabulary) Kind() TokenizerKind { return v.kind }

// Tokens returns a copy of the tokens by id, spelled as in tokenizer.json and GGUF files: the special ones, the bytes, the
// characters of the sample (SentencePiece), and the merges.
func (v *Vocabulary) Tokens() []string { return slices.Clone(v.tokens) }

// Merges returns a copy of the merges, "left right", in their order.
func (v *Vocabulary) Merges() []string { return slices.Clone(v.merges) }

// Encode returns the ids of the tokens of a text, none of them special. Invalid UTF-8 becomes U+FFFD.
func (v *Vocabulary) Encode(text string) []int {
	var ids []int
	for _, word := range v.cut(strings.ToValidUTF8(text, "\ufffd")) {
		for _, part := range v.join(word) {
			if id, ok := v.ids[part]; ok {
				ids = append(ids, id)
				continue
			}
			for i := range len(part) { // SentencePiece, one character
				ids = append(ids, v.ids[v.byteToken(part[i])])
			}
		}
	}
	return ids
}

// Bytes returns what a token stands for in a text, which need not be whole characters; nothing for special tokens and ids
// outside the vocabulary.
func (v *Vocabulary) Bytes(id int) string {
	if id < specialTokens || id >= len(v.tokens) {
		return ""
	}
	token := v.tokens[id]
	switch {
	case v.kind == ByteLevel:
		var b []byte
		for _, r := range token {
			b = append(b, unspelled(r))
		}
		return string(b)
	case id < specialTokens+256:
		return string([]byte{byte(id - specialTokens)})
	}
	return strings.ReplaceAll(token, "\u2581", " ")
}

// Pieces cuts a text into the pieces in which servers stream it: a token each, but where tokens end inside a character, as many
// as it takes to complete it, since an event holds text and not bytes. The pieces joined are the text, in which invalid UTF-8
// became U+FFFD.
func (v *Vocabulary) Pieces(text string) []string {
	var out []string
	held := ""
	for _, id := range v.Encode(text) {
		if held += v.Bytes(id); utf8.ValidString(held) {
			out, held = append(out, held), ""
		}
	}
	return out
}

// cut splits a text where no token goes across, and spells the parts as the vocabulary does.
func (v *Vocabulary) cut(text string) []string {
	if v.kind == SentencePiece {
		// A learned token has the space as its first letter or not at all.
		var out []string
		for word := range strings.SplitSeq(strings.ReplaceAll(text, " ", " \u2581"), " ") {
			if word != "" {
				out = append(out, word)
			}
		}
		return out
	}
	var out []string
	for text != "" {
		n := v.words.FindStringIndex(text)[1] // at the beginning: every character is of one of the classes
		_, size := utf8.DecodeLastRuneInString(text[:n])
		if strings.TrimSpace(text[:n]) == "" && n < len(text) && size < n {
			n -= size // \s+(?!\S): the last white space stays with what follows, unless it is alone
		}
		var b strings.Builder
		for i := range n {
			b.WriteRune(spelled(text[i]))
		}
		out, text = append(out, b.String()), text[n:]
	}
	return out
}

// join joins the characters of a word, the pair of the best rank first and the leftmost of equals.
func (v *Vocabulary) join(word string) []string {
	parts := strings.Split(word, "")
	for {
		at, best := -1, 0
		for i := range len(parts) - 1 {
			if r, ok := v.rank[v.pair(parts[i], parts[i+1])]; ok && (at < 0 || r < best) {
				at, best = i, r
			}
		}
		if at < 0 {
			return parts
		}
		parts[at] += parts[at+1]
		parts = slices.Delete(parts, at+1, at+2)
	}
}

// byteToken returns how the token of a byte is spelled.
func (v *Vocabulary) byteToken(b byte) string {
	if v.kind == SentencePiece {
		return fmt.Sprintf("<0x%02X>", b)
	}
	return string(spelled(b))
}

// spelled returns the letter that stands for a byte in byte-level vocabularies: printable Latin-1 for itself, and the 68 others
// from U+0100 on (GPT-2, bytes_to_unicode).
func spelled(b byte) rune {
	switch {
	case b <= ' ':
		return 0x100 + rune(b)
	case b >= 0x7f && b <= 0xa0:
		return 0x100 + 33 + rune(b-0x7f)
	case b == 0xad:
		return 0x100 + 67
	}
	return rune(b)
}

func unspelled(r rune) byte {
	switch i := r - 0x100; {
	case i == 67:
		return 0xad
	case i > 32:
		return byte(i - 33 + 0x7f)
	case i >= 0:
		return byte(i)
	}
	return byte(r)
}
