package sign

import (
	"bytes"
	"crypto/fips140"
	"testing"
)

// TestTagger: a tag fits its chunk at its place under its key, and nothing else, with either function.
func TestTagger(t *testing.T) {
	random := newTagger()
	if random.gmac == nil != fips140.Enforced() {
		t.Error("GMAC is for all but FIPS 140-only mode")
	}
	for name, tg := range map[string]tagger{"GMAC": random, "HMAC": {hmac: []byte("key of a process")}} {
		chunk := bytes.Repeat([]byte("chunk"), 1000)
		want := tg.tag(7, chunk)
		if !tg.good(7, chunk, want) {
			t.Errorf("%s: refuses its own tag", name)
		}
		for _, i := range []int64{0, 6, 8, 7 + 1<<32} {
			if tg.good(i, chunk, want) {
				t.Errorf("%s: accepts the chunk at place %d", name, i)
			}
		}
		for i := range want {
			bad := want
			bad[i] ^= 0x10
			if tg.good(7, chunk, bad) {
				t.Errorf("%s: accepts a tag that differs in byte %d", name, i)
			}
		}
		for i := range chunk {
			chunk[i] ^= 1
			if tg.good(7, chunk, want) {
				t.Fatalf("%s: accepts a chunk that differs in byte %d", name, i)
			}
			chunk[i] ^= 1
		}
		if tg.good(7, chunk[:len(chunk)-1], want) || tg.good(7, append(bytes.Clone(chunk), 0), want) || tg.good(7, nil, want) {
			t.Errorf("%s: accepts another length", name)
		}
	}
	if chunk := []byte("x"); newTagger().tag(0, chunk) == newTagger().tag(0, chunk) {
		t.Error("two taggers share a key")
	}
}
