// Package sentencepiece recognises tokenizers of SentencePiece: the files tokenizer.model, spiece.model and *.spm beside the
// weights of Llama, Mistral, Gemma, T5 and others. They are a message ModelProto of protocol buffers
// (sentencepiece_model.proto, proto2), which holds texts and numbers and nothing that runs.
//
// [Check] walks the whole message and accepts fields of the schema alone, each with its own type. It also holds the table of
// the normalizer to its bounds: libraries before 0.2.1 follow the offsets in it wherever they lead (CVE-2026-1260).
package sentencepiece

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrFormat means that bytes are no tokenizer of SentencePiece.
var ErrFormat = errors.New("sentencepiece: not a model")

func malformed(reason string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(reason, args...))
}

// Check reads a whole file. It allocates nothing, and its time is linear in len(data).
// Errors: [ErrFormat].
func Check(data []byte) error {
	_, err := walk(data, int64(len(data)))
	return err
}

// Begins reports whether a file of size bytes that begins with head may be a tokenizer: what lies in head was read as [Check]
// reads it, and holds at least one piece of the vocabulary. Where head is the whole file, it is [Check].
func Begins(head []byte, size int64) bool {
	pieces, err := walk(head, size)
	return err == nil && pieces > 0
}

// walk reads the fields of ModelProto that lie in head.
func walk(head []byte, size int64) (pieces int, err error) {
	r := reader{head}
	var seen set
	for len(r.rest) > 0 {
		at := int64(len(head) - len(r.rest))
		f, err := r.next()
		if errors.Is(err, errCut) && int64(len(head)) < size && f.length <= size-at { // the rest of the field lies behind head
			if f.number == 0 {
				return pieces, nil
			}
			_, err = admit(model, f, &seen)
			return pieces, err
		}
		if err != nil {
			return pieces, err
		}
		if err := check(model, f, &seen); err != nil {
			return pieces, err
		}
		if f.number == 1 {
			pieces++
		}
	}
	if pieces == 0 {
		return 0, malformed("no pieces")
	}
	return pieces, nil
}

// admit returns what the schema says of a field, if it may stand here.
func admit(in message, f field, seen *set) (rule, error) {
	want, ok := in.schema(f.number)
	switch {
	case !ok:
		return want, malformed("field %d of %s", f.number, in)
	case want.wire != f.wire:
		return want, malformed("field %d of %s has wire type %d", f.number, in, f.wire)
	case !want.repeated && seen.has(f.number):
		return want, malformed("field %d of %s twice", f.number, in)
	}
	seen.add(f.number)
	return want, nil
}

// check holds one field of a message against the schema, and what is in it.
func check(in message, f field, seen *set) error {
	want, err := admit(in, f, seen)
	switch {
	case err != nil:
		return err
	case want.kind == text && !utf8.Valid(f.bytes):
		return malformed("field %d of %s is not UTF-8", f.number, in)
	case want.kind == number && want.most > 0 && (f.value < 1 || f.value > want.most):
		return malformed("field %d of %s is %d", f.number, in, f.value)
	case want.kind == table:
		return charsMap(f.bytes)
	case want.kind == nested:
		return fields(want.message, f.bytes)
	}
	return nil
}

// fields reads all fields of a message within ModelProto. The schema nests three deep.
func fields(m message, data []byte) error {
	r := reader{data}
	var seen set
	for len(r.rest) > 0 {
		f, err := r.next()
		if err != nil {
			return err
		}
		if err := check(m, f, &seen); err != nil {
			return err
		}
		if m == piece && f.number == 1 && len(f.bytes) == 0 {
			return malformed("an empty piece")
		}
	}
	// All that trainers write has both, and a graph of TensorFlow, whose nodes have names at the same place, has a text for a score.
	if m == piece && !(seen.has(1) && seen.has(2)) {
		return malformed("a piece without text or score")
	}
	return nil
}

// set holds numbers of fields below 64; the schema has no others.
type set uint64

func (s *set) has(n uint64) bool { return *s>>(n&63)&1 != 0 }
func (s *set) add(n uint64)      { *s |= 1 << (n & 63) }

// minTable is the smallest size of a double array, whose units come in blocks of 256, four bytes each.
const minTable = 1024

// charsMap checks the table of a normalizer: the size of a double array in bytes, the double array, and the texts that it
// points to, each with a zero at its end. Every step from every unit must stay within the array and the texts.
func charsMap(blob []byte) error {
	if len(blob) == 0 { // identity
		return nil
	}
	if len(blob) < 4 {
		return malformed("table of %d bytes", len(blob))
	}
	n := binary.LittleEndian.Uint32(blob)
	if n < minTable || n%minTable != 0 || uint64(n) >= uint64(len(blob)-4) {
		return malformed("table of %d bytes with an array of %d", len(blob), n)
	}
	array, texts := blob[4:4+n], blob[4+n:]
	if texts[len(texts)-1] != 0 {
		return malformed("texts of the table do not end")
	}
	units := n / 4
	unit := func(i uint32) uint32 { return binary.LittleEndian.Uint32(array[4*i:]) }
	for i := range units {
		u := unit(i)
		if i > 0 && u>>31 != 0 { // a value: no key leads on from here
			continue
		}
		next := i ^ u>>10<<((u>>9&1)*8)
		if next >= units { // a byte of a key changes the eight lowest bits alone
			return malformed("unit %d of the table leads out of it", i)
		}
		if hasValue := u>>8&1 != 0; hasValue && uint64(unit(next)&^(1<<31)) >= uint64(len(texts)) {
			return malformed("unit %d of the table points behind its texts", i)
		}
	}
	return nil
}
