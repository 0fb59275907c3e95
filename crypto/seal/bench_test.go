package seal_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"io"
	"testing"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// BenchmarkDecrypt sets one worker beside bare AES-GCM over segments of the same size. The gates of benchmarks/gate compare
// the two within one run; alone these numbers say little.
func BenchmarkDecrypt(b *testing.B) {
	const size = 16 << 20
	for _, segment := range []int{64 << 10, 1 << 20} {
		h := newKeyset(b, segment)
		var buf bytes.Buffer
		w, err := seal.NewWriter(&buf, h, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := w.Write(make([]byte, size)); err != nil {
			b.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			b.Fatal(err)
		}
		dst := make([]byte, size)
		for name, src := range map[string]io.ReaderAt{"private": seal.PrivateBytes(buf.Bytes()), "copied": bytes.NewReader(buf.Bytes())} {
			b.Run(fmt.Sprintf("%s/%dKiB", name, segment>>10), func(b *testing.B) {
				r, err := seal.NewReaderAt(src, int64(buf.Len()), h, nil, seal.WithWorkers(1))
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(size)
				b.ReportAllocs()
				for b.Loop() {
					if err := r.ReadAllInto(b.Context(), dst, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(fmt.Sprintf("bare/%dKiB", segment>>10), func(b *testing.B) {
			block, _ := aes.NewCipher(make([]byte, 32))
			g, _ := cipher.NewGCM(block)
			nonce := make([]byte, 12)
			ct := make([]byte, 0, size+size/segment*16)
			for i := 0; i < size; i += segment {
				ct = g.Seal(ct, nonce, dst[i:i+segment], nil)
			}
			b.SetBytes(size)
			for b.Loop() {
				for i := 0; i < size/segment; i++ {
					c := ct[i*(segment+16) : (i+1)*(segment+16)]
					if _, err := g.Open(dst[i*segment:i*segment:(i+1)*segment], nonce, c, nil); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
