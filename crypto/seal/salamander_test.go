package seal

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/internal/testkit/twokey"
)

// One stream opens under two keysets to two plaintexts: the bare format does not commit to its key. In a sealed directory
// the second keyset is refused before anything is decrypted.
func TestSalamander(t *testing.T) {
	var h [2]*keyset.Handle
	var dek [2][]byte
	for i := range h {
		var err error
		if h[i], err = NewKeyset(4096); err != nil {
			t.Fatal(err)
		}
		k, err := keyOf(h[i], MaxSegment)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.dek.Use(func(b []byte) error { dek[i] = bytes.Clone(b); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	ct, err := twokey.File(dek[0], dek[1], FileAD("m", 1, "weights"))
	if err != nil {
		t.Fatal(err)
	}
	var plain [2][]byte
	for i := range h {
		r, err := NewReaderAt(bytes.NewReader(ct), int64(len(ct)), h[i], FileAD("m", 1, "weights"))
		if err != nil {
			t.Fatalf("the two-key stream does not open under key %d: %v", i, err)
		}
		plain[i] = make([]byte, r.Size())
		if err := r.ReadAllInto(t.Context(), plain[i], nil); err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Equal(plain[0], plain[1]) {
		t.Fatal("one plaintext: this is no attack")
	}

	k, err := keyOf(h[0], MaxSegment)
	if err != nil {
		t.Fatal(err)
	}
	c, err := k.commitment()
	if err != nil {
		t.Fatal(err)
	}
	m := manifest{
		Version: 1, Model: modelName{"m", 1}, Segment: 4096, Commitment: hex.EncodeToString(c[:]),
		Files: []sealed{{"weights", "blobs/0", int64(len(plain[0])), hex.EncodeToString(ct[:40])}},
	}
	b, err := m.bytes()
	if err != nil {
		t.Fatal(err)
	}
	mac, err := k.manifestMAC(b)
	if err != nil {
		t.Fatal(err)
	}
	dir := fstest.MapFS{manifestName: {Data: b}, macName: {Data: mac[:]}, "blobs/0": {Data: ct}}
	for i, want := range []error{nil, ErrCommitment} {
		f, err := OpenFS(t.Context(), dir, KeySourceFunc(func(context.Context, Info, []Wrapped) (*keyset.Handle, error) { return h[i], nil }))
		if !errors.Is(err, want) {
			t.Fatalf("key %d: %v, want %v", i, err, want)
		}
		if err == nil {
			if got, err := fs.ReadFile(f, "weights"); err != nil || !bytes.Equal(got, plain[i]) {
				t.Errorf("key %d: %v", i, err)
			}
		}
	}
}
