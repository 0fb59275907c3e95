// Package tokenizer turns text into token ids and back, for the byte-pair tokenizers of the models that the engine runs:
//
//   - SentencePiece style: spaces become U+2581, one is put before the text, and characters outside the vocabulary
//     become byte tokens (tokenizer.json of Llama 2 models; GGUF "llama" with scores);
//   - byte-level: the GPT-2 expression splits the text, and each byte is a letter (tokenizer.json; GGUF "gpt2").
//
// Text never becomes a special token: "<|system|>" in a message is eleven ordinary characters. Special tokens enter a
// prompt by id alone, from [Tokenizer.Special]. Any other tokenizer is refused ([refuse.ErrUnsupported]).
package tokenizer

import (
	"strings"
	"unicode/utf8"

	"github.com/holdfast-ai/holdfast/examples/engine/refuse"
)

// maxTokens bounds a vocabulary; the largest published ones have some 260,000 entries.
const maxTokens = 1 << 20

// space is the letter that stands for a space in SentencePiece vocabularies.
const space = "\u2581"

// A Tokenizer is immutable and safe for concurrent use.
type Tokenizer struct {
	raw     []string       // bytes that each token stands for; "" for special tokens
	special map[string]int // special tokens by name
	ordinary
	byteLevel bool
	prefix    bool        // a space is put before the text
	bytes     [256]int    // ids of the byte tokens; byte-level: of the letters
	merges    map[pair]to // by rank; nil where scores decide
	scores    []float32
	addBOS    bool
	bos       int // -1: none
	eos       int // -1: none
}

// ordinary are the tokens that text can become, by their spelling in the vocabulary.
type ordinary map[string]int

type (
	pair struct{ a, b int32 }
	to   struct{ rank, id int32 }
)

// Size returns the number of tokens.
func (t *Tokenizer) Size() int { return len(t.raw) }

// Special returns the id of a special token by its name.
func (t *Tokenizer) Special(name string) (id int, ok bool) {
	id, ok = t.special[name]
	return id, ok
}

// EOS returns the token that ends a text, if the tokenizer names one.
func (t *Tokenizer) EOS() (id int, ok bool) { return t.eos, t.eos >= 0 }

// Prompt returns the ids of a text for completion: [Tokenizer.Encode], after the token that begins texts where the
// tokenizer says so.
func (t *Tokenizer) Prompt(text string) []int {
	if !t.addBOS {
		return t.Encode(text)
	}
	return append([]int{t.bos}, t.Encode(text)...)
}

// Encode returns the ids of a text, none of them special. Invalid UTF-8 becomes U+FFFD. Cost is n log n in its length.
func (t *Tokenizer) Encode(text string) []int {
	text = strings.ToValidUTF8(text, "\ufffd")
	if text == "" {
		return nil
	}
	if t.byteLevel {
		var ids []int
		var letters strings.Builder
		for piece := range pieces(text) {
			letters.Reset()
			for i := range len(piece) {
				letters.WriteRune(letter(piece[i]))
			}
			ids = t.bpe(ids, letters.String())
		}
		return ids
	}
	if t.prefix {
		text = " " + text
	}
	return t.bpe(nil, strings.ReplaceAll(text, " ", space))
}

// Decode returns the text of ids, without special tokens and, for SentencePiece, with the space before the first word.
func (t *Tokenizer) Decode(ids []int) string {
	d := t.NewDecoder()
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(d.Push(id))
	}
	b.WriteString(d.Flush())
	return b.String()
}

// A Decoder turns ids into text as they come and never cuts a character in two. It is not safe for concurrent use.
type Decoder struct {
	t    *Tokenizer
	held []byte // the beginning of a character
}

// NewDecoder returns an empty decoder.
func (t *Tokenizer) NewDecoder() *Decoder { return &Decoder{t: t} }

// Push takes the next id and returns the text that is complete with it, which may be "". Bytes that can no longer become
// a character are U+FFFD. Special tokens and ids outside the vocabulary have no text.
func (d *Decoder) Push(id int) string {
	if id < 0 || id >= len(d.t.raw) {
		return ""
	}
	d.held = append(d.held, d.t.raw[id]...)
	end := len(d.held)
	for i := 1; i < utf8.UTFMax && i <= len(d.held); i++ {
		if tail := d.held[len(d.held)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				end -= i
			}
			break
		}
	}
	out := valid(d.held[:end])
	d.held = append(d.held[:0], d.held[end:]...)
	return out
}

// Flush returns what is left at the end of a text: U+FFFD where a character was begun, else "".
func (d *Decoder) Flush() string {
	out := valid(d.held)
	d.held = d.held[:0]
	return out
}

func valid(b []byte) string { return strings.ToValidUTF8(string(b), "\ufffd") }

// finish checks what both sources of a vocabulary share.
func (t *Tokenizer) finish(where string) (*Tokenizer, error) {
	for b := range t.bytes {
		name := string(letter(byte(b)))
		if !t.byteLevel {
			continue // filled by the reader of the vocabulary
		}
		id, ok := t.ordinary[name]
		if !ok {
			return nil, refuse.Unsupported("tokenizer", "byte-level vocabulary without all 256 letters")
		}
		t.bytes[b] = id
	}
	if !t.byteLevel {
		for _, id := range t.bytes {
			if id < 0 {
				return nil, refuse.Unsupported("tokenizer", "vocabulary without all 256 byte tokens")
			}
		}
	}
	if t.addBOS && t.bos < 0 {
		return nil, refuse.Format(where, "texts begin with a token that is not named")
	}
	return t, nil
}
