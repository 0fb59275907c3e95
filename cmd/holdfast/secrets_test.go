package main

import (
	"os"
	"testing"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// A key server reads its policy again with the passphrase that it got from standard input once.
func TestPassphraseOfStandardInputIsKept(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin := os.Stdin
	t.Cleanup(func() { os.Stdin = stdin; r.Close() })
	os.Stdin = r
	if _, err := w.WriteString("correct horse battery\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	k := kekFlags{passphrase: "-", id: "default"}
	first, err := k.load(t.Context(), &ui{err: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	second, err := k.load(t.Context(), &ui{err: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	h, err := seal.NewKeyset(seal.DefaultSegment)
	if err != nil {
		t.Fatal(err)
	}
	commitment, err := seal.Commitment(h)
	if err != nil {
		t.Fatal(err)
	}
	info := seal.Info{Name: "m", Version: 1, Commitment: commitment}
	wrapped, err := first.Wrap(t.Context(), h, info)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Unwrap(t.Context(), wrapped, info); err != nil {
		t.Error(err)
	}
}
