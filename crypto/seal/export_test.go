package seal

import (
	"bytes"
	"testing"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// WithEmptyLast seals pt, which must fill its segments exactly, and adds an empty last segment.
func WithEmptyLast(t *testing.T, h *keyset.Handle, ad, pt []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, h, ad)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(pt); err != nil {
		t.Fatal(err)
	}
	if int64(len(w.w.in)) != w.capacity() {
		t.Fatalf("the last segment holds %d bytes, want %d", len(w.w.in), w.capacity())
	}
	if err := w.flush(middleSegment); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// ForgeLast seals pt and swaps the mark of the last segment: with middle, a middle segment has it too; else the last one has
// it not.
func ForgeLast(t *testing.T, h *keyset.Handle, ad, pt []byte, middle bool) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, h, ad)
	if err != nil {
		t.Fatal(err)
	}
	for rest := pt; ; {
		n := min(len(rest), int(w.capacity()))
		w.w.in = append(w.w.in, rest[:n]...)
		rest = rest[n:]
		if err := w.flush(middle && (w.next == 1 || len(rest) == 0)); err != nil {
			t.Fatal(err)
		}
		if len(rest) == 0 {
			return b.Bytes()
		}
	}
}

// WithHook has every change of the file system asked for first.
func WithHook(o Options, hook func(step string) error) Options {
	o.hook = hook
	return o
}

// PartialName is where a directory that can be resumed is written.
func PartialName(dst string) string { return partialName(dst) }

// SealUnder seals pt under a header that was used before, which no exported function does.
func SealUnder(t *testing.T, h *keyset.Handle, header, ad, pt []byte) []byte {
	t.Helper()
	k, err := keyOf(h, MaxSegment)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := newWriter(&b, k, header, ad)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(pt); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
