package seal_test

import (
	"bytes"
	"io"
	"os"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/streamingaead"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// keysetOf makes a keyset of given key bytes.
func keysetOf(t testing.TB, mainKey []byte, derived, segment int, hash aesgcmhkdf.HashType) *keyset.Handle {
	t.Helper()
	h, err := tryKeyset(mainKey, derived, segment, hash)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func tryKeyset(mainKey []byte, derived, segment int, hash aesgcmhkdf.HashType) (*keyset.Handle, error) {
	p, err := aesgcmhkdf.NewParameters(aesgcmhkdf.ParametersOpts{
		KeySizeInBytes: len(mainKey), DerivedKeySizeInBytes: derived, HKDFHashType: hash, SegmentSizeInBytes: int32(segment),
	})
	if err != nil {
		return nil, err
	}
	k, err := aesgcmhkdf.NewKey(p, secretdata.NewBytesFromData(mainKey, insecuresecretdataaccess.Token{}))
	if err != nil {
		return nil, err
	}
	m := keyset.NewManager()
	id, err := m.AddKey(k)
	if err != nil {
		return nil, err
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, err
	}
	return m.Handle()
}

// writers are the ways to seal, readers the ways to open; each pair must agree with the format.
var (
	writers = map[string]func(t *testing.T, h *keyset.Handle, ad, pt []byte) []byte{
		"Writer": sealBytes,
		"EncryptFrom": func(t *testing.T, h *keyset.Handle, ad, pt []byte) []byte {
			var f memFile
			n, err := seal.EncryptFrom(t.Context(), &f, bytes.NewReader(pt), int64(len(pt)), h, ad)
			if err != nil || int64(len(f.b)) != n {
				t.Fatalf("wrote %d bytes, says %d: %v", len(f.b), n, err)
			}
			return f.b
		},
		"private to private": func(t *testing.T, h *keyset.Handle, ad, pt []byte) []byte {
			size, err := seal.SealedSize(h, int64(len(pt)))
			if err != nil {
				t.Fatal(err)
			}
			dst := make(seal.PrivateBytes, size)
			if n, err := seal.EncryptFrom(t.Context(), dst, seal.PrivateBytes(pt), int64(len(pt)), h, ad); err != nil || n != size {
				t.Fatal(n, err)
			}
			return dst
		},
		"tink-go": tinkSeal,
	}
	readers = map[string]func(t *testing.T, h *keyset.Handle, ad, ct []byte) ([]byte, error){
		"ReadAt":      openByReadAt,
		"ReadAllInto": openAll,
		"PrivateBytes": func(t *testing.T, h *keyset.Handle, ad, ct []byte) ([]byte, error) {
			r, err := seal.NewReaderAt(seal.PrivateBytes(ct), int64(len(ct)), h, ad)
			if err != nil {
				return nil, err
			}
			dst := make([]byte, r.Size())
			return dst, r.ReadAllInto(t.Context(), dst, nil)
		},
		"Reader": func(t *testing.T, h *keyset.Handle, ad, ct []byte) ([]byte, error) {
			r, err := seal.NewReader(bytes.NewReader(ct), int64(len(ct)), h, ad)
			if err != nil {
				return nil, err
			}
			defer r.Close()
			return orNothing(io.ReadAll(iotest.HalfReader(r)))
		},
		"WriteTo": func(t *testing.T, h *keyset.Handle, ad, ct []byte) ([]byte, error) {
			r, err := seal.NewReader(bytes.NewReader(ct), int64(len(ct)), h, ad, seal.WithWorkers(3))
			if err != nil {
				return nil, err
			}
			defer r.Close()
			var b bytes.Buffer
			_, err = io.CopyN(&b, r, min(7, r.Size())) // WriteTo goes on from where Read stopped
			if err == nil {
				_, err = r.WriteTo(&b)
			}
			return orNothing(b.Bytes(), err)
		},
		"ProvisionalStream": func(t *testing.T, h *keyset.Handle, ad, ct []byte) ([]byte, error) {
			r, err := seal.NewReaderAt(bytes.NewReader(ct), int64(len(ct)), h, ad, seal.WithWorkers(3))
			if err != nil {
				return nil, err
			}
			var s sink
			err = r.ProvisionalStream(t.Context(), &s)
			if s.commits+s.aborts != 1 || (s.commits == 1) != (err == nil) {
				t.Errorf("%d commits and %d aborts with %v", s.commits, s.aborts, err)
			}
			return orNothing(s.b, err)
		},
		"ProvisionalReader": func(t *testing.T, h *keyset.Handle, ad, ct []byte) ([]byte, error) {
			src := iotest.HalfReader(bytes.NewReader(ct))
			if len(ct) < 1000 {
				src = iotest.OneByteReader(src)
			}
			r, err := seal.NewProvisionalReader(src, h, ad)
			if err != nil {
				return nil, err
			}
			defer r.Close()
			b, err := io.ReadAll(r)
			if err != nil {
				if n, again := r.Read(make([]byte, 1)); n != 0 || again != err {
					t.Errorf("after %v: %d, %v", err, n, again)
				}
			}
			return orNothing(b, err)
		},
		"tink-go": func(t *testing.T, h *keyset.Handle, ad, ct []byte) ([]byte, error) {
			p, err := streamingaead.New(h)
			if err != nil {
				t.Fatal(err)
			}
			r, err := p.NewDecryptingReader(bytes.NewReader(ct), ad)
			if err != nil {
				return nil, err
			}
			return io.ReadAll(r)
		},
	}
)

// orNothing is what a user of provisional plaintext keeps.
func orNothing(b []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return b, nil
}

// sink collects what a ProvisionalStream hands out.
type sink struct {
	memFile
	commits, aborts int
	fail            error
}

func (s *sink) Provisional(off int64, p []byte) error {
	if s.fail != nil {
		return s.fail
	}
	_, err := s.WriteAt(p, off)
	return err
}

func (s *sink) Commit() error { s.commits++; return nil }

func (s *sink) Abort() { s.aborts++ }

// memFile is an io.WriterAt in memory.
type memFile struct {
	mu sync.Mutex
	b  []byte
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if end := int(off) + len(p); end > len(f.b) {
		f.b = append(f.b, make([]byte, end-len(f.b))...)
	}
	return copy(f.b[off:], p), nil
}

func newTempFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func sealBytes(t *testing.T, h *keyset.Handle, ad, pt []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := seal.NewWriter(&b, h, ad)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write(pt); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tinkSeal(t *testing.T, h *keyset.Handle, ad, pt []byte) []byte {
	t.Helper()
	p, err := streamingaead.New(h)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := p.NewEncryptingWriter(&b, ad)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(pt); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// openByReadAt reads in odd pieces, so that segments are met at every offset.
func openByReadAt(_ *testing.T, h *keyset.Handle, ad, ct []byte) ([]byte, error) {
	r, err := seal.NewReaderAt(bytes.NewReader(ct), int64(len(ct)), h, ad)
	if err != nil {
		return nil, err
	}
	var out []byte
	for piece := make([]byte, 1+len(ct)/7); ; {
		n, err := r.ReadAt(piece, int64(len(out)))
		out = append(out, piece[:n]...)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func openAll(t *testing.T, h *keyset.Handle, ad, ct []byte) ([]byte, error) {
	r, err := seal.NewReaderAt(bytes.NewReader(ct), int64(len(ct)), h, ad, seal.WithWorkers(3))
	if err != nil {
		return nil, err
	}
	dst := make([]byte, r.Size())
	return dst, r.ReadAllInto(t.Context(), dst, nil)
}

// boundaries are the plaintext sizes around every segment edge up to three segments.
func boundaries(segment, header int) []int {
	seen := map[int]bool{}
	var out []int
	for n := range 4 {
		for d := -1; d <= 1; d++ {
			if s := n*(segment-16) - header + d; s >= 0 && !seen[s] {
				seen[s], out = true, append(out, s)
			}
		}
	}
	return append(out, 0, 1)
}

// Every writer against every reader, tink-go on both sides among them: all sizes from 0 to 3 segments + 1 for the smallest
// segments, the edges for the others.
func TestAgainstTink(t *testing.T) {
	type params struct {
		derived, segment int
		hash             aesgcmhkdf.HashType
		sizes            []int
	}
	var cases []params
	for _, segment := range []int{64, 100} {
		all := make([]int, 3*segment+2)
		for i := range all {
			all[i] = i
		}
		cases = append(cases, params{32, segment, aesgcmhkdf.SHA256, all}, params{16, segment, aesgcmhkdf.SHA1, all})
	}
	cases = append(cases,
		params{16, 41, aesgcmhkdf.SHA512, boundaries(41, 24)}, // the smallest segment there is
		params{32, 128, aesgcmhkdf.SHA512, boundaries(128, 40)},
		params{32, 4096, aesgcmhkdf.SHA256, boundaries(4096, 40)},
		params{16, 4096, aesgcmhkdf.SHA256, boundaries(4096, 24)},
		params{32, 64 << 10, aesgcmhkdf.SHA256, boundaries(64<<10, 40)},
	)
	ad := []byte("associated data")
	for _, c := range cases {
		h := keysetOf(t, pattern("key", c.derived), c.derived, c.segment, c.hash)
		for _, size := range c.sizes {
			pt := pattern("plain", size)
			for w, write := range writers {
				ct := write(t, h, ad, pt)
				sealed, err := seal.SealedSize(h, int64(size))
				if err != nil || sealed != int64(len(ct)) {
					t.Fatalf("%v size %d: %s wrote %d bytes, SealedSize says %d, %v", c, size, w, len(ct), sealed, err)
				}
				if plain, err := seal.PlainSize(h, sealed); err != nil || plain != int64(size) {
					t.Fatalf("%d: PlainSize says %d, %v", size, plain, err)
				}
				for r, read := range readers {
					got, err := read(t, h, ad, ct)
					if err != nil || !bytes.Equal(got, pt) {
						t.Fatalf("%d/%d/%v size %d: %s -> %s: %d bytes, %v", c.derived, c.segment, c.hash, size, w, r, len(got), err)
					}
				}
			}
		}
	}
}

// The template that new keysets have, at its edges.
func TestAgainstTinkMiB(t *testing.T) {
	if slowAES() {
		t.Skip("too much where AES is slow")
	}
	h := newKeyset(t, 0)
	plain := pattern("plain", 3<<20)
	for _, size := range []int{0, 1, 1<<20 - 56 - 1, 1<<20 - 56, 1<<20 - 56 + 1, 3<<20 - 40 - 48, 3<<20 - 40 - 47} {
		pt := plain[:size]
		for w, write := range writers {
			ct := write(t, h, nil, pt)
			for r, read := range readers {
				if w == "tink-go" && r == "tink-go" {
					continue
				}
				if got, err := read(t, h, nil, ct); err != nil || !bytes.Equal(got, pt) {
					t.Errorf("size %d: %s -> %s: %d bytes, %v", size, w, r, len(got), err)
				}
			}
		}
	}
}
