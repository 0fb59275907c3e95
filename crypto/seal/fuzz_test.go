package seal_test

import (
	"bytes"
	"testing"

	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// FuzzOpen lets tink-go judge: both accept the same files, with the same plaintext. The file is a sealed one with pieces
// moved, cut and changed, as random bytes would never pass a tag.
func FuzzOpen(f *testing.F) {
	f.Add(100, 0, 0, 0, byte(0))
	f.Add(150, 64, 128, 64, byte(0))
	f.Add(150, 0, 64, 300, byte(0))
	f.Add(40, 30, 30, 0, byte(1))
	f.Fuzz(func(t *testing.T, size, to, from, n int, flip byte) {
		size &= 0x3ff
		h := keysetOf(t, pattern("key", 16), 16, 64, aesgcmhkdf.SHA256)
		b := sealBytes(t, h, nil, pattern("p", size))
		to, from = min(max(to, 0), len(b)), min(max(from, 0), len(b))
		n = min(max(n, 0), len(b)-from)
		moved := append(append(bytes.Clone(b[:to]), b[from:from+n]...), b[to:]...)
		if flip != 0 {
			moved[to%len(moved)] ^= flip
		}
		if n == 0 && flip == 0 && from < to {
			moved = moved[:from]
		}
		want, wantErr := readers["tink-go"](t, h, nil, moved)
		for name, read := range readers {
			got, err := read(t, h, nil, moved)
			if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes, %v; tink-go: %d bytes, %v", name, len(got), err, len(want), wantErr)
			}
		}
		if _, err := seal.NewReaderAt(bytes.NewReader(moved), int64(len(moved)), nil, nil); err == nil {
			t.Error("opened without a keyset")
		}
	})
}
