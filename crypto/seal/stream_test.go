package seal_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/streamingaead"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesctrhmac"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/internal/testkit"
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

type vectorFile struct {
	Vectors []struct {
		Name     string
		HKDFHash string `json:"hkdf_hash"`
		Derived  int    `json:"derived_key_size"`
		Segment  int    `json:"segment_size"`
		Key      string
		AAD      string `json:"aad"`
		Plain    string `json:"plaintext"`
		Cipher   string `json:"ciphertext"`
	}
	Keys []struct {
		Name, Verdict string
		Version       int
		HKDFHash      string `json:"hkdf_hash"`
		Derived       int    `json:"derived_key_size"`
		Segment       int    `json:"segment_size"`
		Key           string
	}
}

func loadVectors(t *testing.T, name string) (v vectorFile) {
	t.Helper()
	b, err := os.ReadFile(testkit.Vectors(t, "crypto", "tink-streaming", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var hashes = map[string]aesgcmhkdf.HashType{"SHA1": aesgcmhkdf.SHA1, "SHA256": aesgcmhkdf.SHA256, "SHA512": aesgcmhkdf.SHA512}

// Files made by tink-java and tink-go, through every entrance.
func TestVectors(t *testing.T) {
	n := 0
	for _, file := range []string{"aes_gcm_hkdf.json", "aes_gcm_hkdf_multi_segment.json"} {
		for _, v := range loadVectors(t, file).Vectors {
			h := keysetOf(t, fromHex(t, v.Key), v.Derived, v.Segment, hashes[v.HKDFHash])
			ct, want := fromHex(t, v.Cipher), fromHex(t, v.Plain)
			for name, read := range readers {
				got, err := read(t, h, fromHex(t, v.AAD), ct)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s by %s: %d bytes, %v", v.Name, name, len(got), err)
				}
				if _, err := read(t, h, append(fromHex(t, v.AAD), 'x'), ct); err == nil {
					t.Errorf("%s by %s: opens under other associated data", v.Name, name)
				}
			}
			n++
		}
	}
	if n != 30 {
		t.Errorf("%d vectors, SOURCES.md says 30", n)
	}
}

// Keys that every Tink implementation must accept or refuse.
func TestKeyVectors(t *testing.T) {
	keys := loadVectors(t, "keys_aes_gcm_hkdf.json").Keys
	for _, v := range keys {
		h, err := tryKeyset(fromHex(t, v.Key), v.Derived, v.Segment, hashes[v.HKDFHash])
		if v.Version != 0 {
			continue // the version is a field of the serialised key, which tink-go reads and checks
		}
		if err == nil {
			_, err = seal.NewWriter(io.Discard, h, nil, seal.WithMaxSegment(math.MaxInt32))
		}
		if (err == nil) == (v.Verdict == "refuse") {
			t.Errorf("%s: verdict %s, got %v", v.Name, v.Verdict, err)
		}
		if err == nil && v.Verdict == "encrypt" {
			pt := pattern("p", 2*v.Segment)
			if got, err := openAll(t, h, nil, sealBytes(t, h, nil, pt)); err != nil || !bytes.Equal(got, pt) {
				t.Errorf("%s: round trip: %v", v.Name, err)
			}
		}
	}
	if len(keys) != 14 {
		t.Errorf("%d keys, SOURCES.md says 14", len(keys))
	}
}

func TestKeysets(t *testing.T) {
	gcm := func() *keyset.Handle { return newKeyset(t, 4096) }
	with := func(change func(m *keyset.Manager)) *keyset.Handle {
		m := keyset.NewManagerFromHandle(gcm())
		change(m)
		h, err := m.Handle()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	params := func() *aesgcmhkdf.Parameters {
		p, err := aesgcmhkdf.NewParameters(aesgcmhkdf.ParametersOpts{
			KeySizeInBytes: 32, DerivedKeySizeInBytes: 32, HKDFHashType: aesgcmhkdf.SHA256, SegmentSizeInBytes: 4096,
		})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	two := with(func(m *keyset.Manager) {
		if _, err := m.AddNewKeyFromParameters(params()); err != nil {
			t.Fatal(err)
		}
	})
	oneOfTwo := with(func(m *keyset.Manager) {
		id, err := m.AddNewKeyFromParameters(params())
		if err == nil {
			err = m.Disable(id)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	ctr, err := aesctrhmac.NewParameters(aesctrhmac.ParametersOpts{
		KeySizeInBytes: 32, DerivedKeySizeInBytes: 32, HkdfHashType: aesctrhmac.SHA256, HmacHashType: aesctrhmac.SHA256,
		HmacTagSizeInBytes: 32, SegmentSizeInBytes: 4096,
	})
	if err != nil {
		t.Fatal(err)
	}
	m := keyset.NewManager()
	id, err := m.AddNewKeyFromParameters(ctr)
	if err == nil {
		err = m.SetPrimary(id)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctrHMAC, err := m.Handle()
	if err != nil {
		t.Fatal(err)
	}
	large := keysetOf(t, pattern("k", 32), 32, math.MaxInt32, aesgcmhkdf.SHA256)
	for name, c := range map[string]struct {
		h    *keyset.Handle
		want error
	}{
		"one": {gcm(), nil}, "none": {nil, seal.ErrKeyset}, "two enabled": {two, seal.ErrKeyset},
		"one enabled, one disabled": {oneOfTwo, nil}, "AES-CTR-HMAC": {ctrHMAC, seal.ErrUnsupported},
		"segments of 2 GiB": {large, seal.ErrTooLarge},
	} {
		if _, err := seal.NewWriter(io.Discard, c.h, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: NewWriter: %v", name, err)
		}
		if _, err := seal.NewReaderAt(bytes.NewReader(make([]byte, 99)), 99, c.h, nil); c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: NewReaderAt: %v", name, err)
		}
		if _, err := seal.EncryptFrom(t.Context(), newTempFile(t), bytes.NewReader(nil), 0, c.h, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: EncryptFrom: %v", name, err)
		}
	}
	for _, n := range []int{-1, 10, seal.MaxSegment + 1} {
		if _, err := seal.NewKeyset(n); err == nil {
			t.Errorf("new keyset with segments of %d bytes", n)
		}
	}
	// The commitment names key and parameters.
	seen := map[string]bool{}
	for _, h := range []*keyset.Handle{
		keysetOf(t, pattern("k", 32), 32, 4096, aesgcmhkdf.SHA256), keysetOf(t, pattern("l", 32), 32, 4096, aesgcmhkdf.SHA256),
		keysetOf(t, pattern("k", 32), 16, 4096, aesgcmhkdf.SHA256), keysetOf(t, pattern("k", 32), 32, 4097, aesgcmhkdf.SHA256),
		keysetOf(t, pattern("k", 32), 32, 4096, aesgcmhkdf.SHA512), large,
	} {
		seen[commitment(t, h)] = true
	}
	if len(seen) != 6 {
		t.Errorf("%d commitments for 6 keysets", len(seen))
	}
}

// Every single change of a file is refused, whichever way it is read.
func TestAlteredFiles(t *testing.T) {
	const segment = 64
	h := keysetOf(t, pattern("key", 32), 16, segment, aesgcmhkdf.SHA256)
	ad := []byte("ad")
	pt := pattern("plain", 150)
	ct := sealBytes(t, h, ad, pt)
	twin := sealBytes(t, h, ad, pt) // same key, other salt
	n := (len(ct) + segment - 1) / segment
	if n != 4 || len(ct)%segment == 0 {
		t.Fatalf("%d segments in %d bytes", n, len(ct))
	}
	seg := func(b []byte, i int) []byte { return b[i*segment : min((i+1)*segment, len(b))] }
	check := func(name string, ad, bad []byte, want ...error) {
		t.Helper()
		for r, read := range readers {
			if r == "tink-go" {
				continue
			}
			got, err := read(t, h, ad, bad)
			if err == nil {
				t.Errorf("%s: accepted by %s", name, r)
			}
			ok := false
			for _, w := range want {
				ok = ok || errors.Is(err, w)
			}
			if !ok {
				t.Errorf("%s: %s: %v", name, r, err)
			}
			if !bytes.Equal(got, make([]byte, len(got))) {
				t.Errorf("%s: %s: the destination holds plaintext", name, r)
			}
		}
	}
	for i := range ct {
		for _, bit := range []byte{1, 0x80} {
			bad := bytes.Clone(ct)
			bad[i] ^= bit
			want := seal.ErrAuth
			if i == 0 {
				want = seal.ErrFormat
			}
			check(fmt.Sprintf("bit of byte %d", i), ad, bad, want)
		}
	}
	for cut := range ct {
		check(fmt.Sprintf("cut to %d", cut), ad, ct[:cut], seal.ErrTruncated, seal.ErrAuth)
	}
	for i := 1; i < n; i++ { // a cut between segments is proven to be one
		check(fmt.Sprintf("cut after segment %d", i-1), ad, ct[:i*segment], seal.ErrTruncated)
	}
	for extra := 1; extra <= segment+1; extra++ {
		check(fmt.Sprintf("%d bytes appended", extra), ad, append(bytes.Clone(ct), make([]byte, extra)...), seal.ErrAuth, seal.ErrTruncated)
	}
	check("segments 1 and 2 swapped", ad, join(seg(ct, 0), seg(ct, 2), seg(ct, 1), seg(ct, 3)), seal.ErrAuth)
	check("segment 1 twice", ad, join(seg(ct, 0), seg(ct, 1), seg(ct, 1), seg(ct, 3)), seal.ErrAuth)
	check("segment 1 dropped", ad, join(seg(ct, 0), seg(ct, 2), seg(ct, 3)), seal.ErrAuth)
	check("segment 0 dropped", ad, join(ct[:24], ct[segment:]), seal.ErrAuth, seal.ErrTruncated)
	check("segment of another file", ad, join(seg(ct, 0), seg(twin, 1), seg(ct, 2), seg(ct, 3)), seal.ErrAuth)
	check("header of another file", ad, join(twin[:24], ct[24:]), seal.ErrAuth)
	check("other associated data", []byte("da"), ct, seal.ErrAuth)
	check("no associated data", nil, ct, seal.ErrAuth)
	check("nothing", ad, nil, seal.ErrTruncated)
	other := keysetOf(t, pattern("other", 32), 16, segment, aesgcmhkdf.SHA256)
	for name, o := range map[string]*keyset.Handle{
		"other key": other, "other segment size": keysetOf(t, pattern("key", 32), 16, 65, aesgcmhkdf.SHA256),
		"other hash": keysetOf(t, pattern("key", 32), 16, segment, aesgcmhkdf.SHA512),
	} {
		if _, err := openAll(t, o, ad, ct); !errors.Is(err, seal.ErrAuth) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := openAll(t, h, ad, ct); err != nil || !bytes.Equal(got, pt) {
		t.Errorf("the twin: %v", err)
	}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// Once a segment has failed, nothing is readable any more, even where the file is whole again.
func TestFailureIsRemembered(t *testing.T) {
	h := newKeyset(t, 4096)
	pt := pattern("p", 20_000)
	ct := sealBytes(t, h, nil, pt)
	r, err := seal.NewReaderAt(bytes.NewReader(ct), int64(len(ct)), h, nil)
	if err != nil {
		t.Fatal(err)
	}
	ct[9000] ^= 1
	p := bytes.Repeat([]byte{0xee}, 10_000)
	n, err := r.ReadAt(p, 0)
	if n != 0 || !errors.Is(err, seal.ErrAuth) || !bytes.Equal(p, make([]byte, len(p))) {
		t.Errorf("read over the altered segment: %d, %v", n, err)
	}
	ct[9000] ^= 1
	if n, err := r.ReadAt(p[:1], 0); n != 0 || !errors.Is(err, seal.ErrAuth) {
		t.Errorf("later read: %d, %v", n, err)
	}
	dst := bytes.Repeat([]byte{0xee}, len(pt))
	if err := r.ReadAllInto(t.Context(), dst, nil); !errors.Is(err, seal.ErrAuth) || !bytes.Equal(dst, make([]byte, len(dst))) {
		t.Errorf("later ReadAllInto: %v", err)
	}
}

// faulty fails the reads that fail says.
type faulty struct {
	io.ReaderAt
	fail func(off int64) error
}

func (f faulty) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fail(off); err != nil {
		return 0, err
	}
	return f.ReaderAt.ReadAt(p, off)
}

// A fault of the disk stays one, is not remembered as tampering, and leaves nothing in the destination.
func TestReadFaults(t *testing.T) {
	h := newKeyset(t, 4096)
	pt := pattern("p", 20_000)
	ct := sealBytes(t, h, nil, pt)
	var fault error
	src := faulty{bytes.NewReader(ct), func(off int64) error {
		if off == 8192 {
			return fault
		}
		return nil
	}}
	r, err := seal.NewReaderAt(src, int64(len(ct)), h, nil, seal.WithWorkers(2))
	if err != nil {
		t.Fatal(err)
	}
	fault = iotest.ErrTimeout
	dst := bytes.Repeat([]byte{0xee}, 200)
	if n, err := r.ReadAt(dst, 8300); n != 0 || !errors.Is(err, iotest.ErrTimeout) || errors.Is(err, seal.ErrAuth) {
		t.Errorf("ReadAt: %d, %v", n, err)
	}
	fault = io.EOF // the file has shrunk
	if n, err := r.ReadAt(dst, 8300); n != 0 || !errors.Is(err, seal.ErrTruncated) {
		t.Errorf("ReadAt of a file that has shrunk: %d, %v", n, err)
	}
	fault = nil
	if r, err = seal.NewReaderAt(src, int64(len(ct)), h, nil); err != nil {
		t.Fatal(err)
	}
	for at, err := range map[string]error{"header": iotest.ErrTimeout} {
		bad := faulty{bytes.NewReader(ct), func(off int64) error {
			if off == 0 {
				return err
			}
			return nil
		}}
		if _, got := seal.NewReaderAt(bad, int64(len(ct)), h, nil); !errors.Is(got, err) || errors.Is(got, seal.ErrAuth) {
			t.Errorf("%s: %v", at, got)
		}
	}
	all := make([]byte, len(pt))
	if err := r.ReadAllInto(t.Context(), all, nil); err != nil || !bytes.Equal(all, pt) {
		t.Errorf("without faults: %v", err)
	}
}

func TestReadAtContract(t *testing.T) {
	h := newKeyset(t, 100)
	pt := pattern("p", 1000)
	ct := sealBytes(t, h, nil, pt)
	r, err := seal.NewReaderAt(bytes.NewReader(ct), int64(len(ct)), h, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), pt); err != nil {
		t.Error(err)
	}
	if n, err := r.ReadAt(make([]byte, 1), -1); n != 0 || err == nil || err == io.EOF {
		t.Errorf("negative offset: %d, %v", n, err)
	}
	for _, off := range []int64{1000, 1001, math.MaxInt64} {
		if n, err := r.ReadAt(make([]byte, 1), off); n != 0 || err != io.EOF {
			t.Errorf("offset %d: %d, %v", off, n, err)
		}
	}
	for off := range pt {
		for _, size := range []int{0, 1, 83, 84, 85, 200, 2000} {
			p := bytes.Repeat([]byte{0xee}, size)
			n, err := r.ReadAt(p, int64(off))
			want := min(size, len(pt)-off)
			if n != want || !bytes.Equal(p[:n], pt[off:off+n]) || (err == io.EOF) != (n < size) || err != nil && err != io.EOF {
				t.Fatalf("offset %d, %d bytes: %d, %v", off, size, n, err)
			}
			if !bytes.Equal(p[n:], bytes.Repeat([]byte{0xee}, size-n)) {
				t.Fatalf("offset %d, %d bytes: wrote past what it read", off, size)
			}
		}
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			p := make([]byte, 150)
			for i := range 50 {
				off := (g*131 + i*17) % 850
				if _, err := r.ReadAt(p, int64(off)); err != nil || !bytes.Equal(p, pt[off:off+150]) {
					t.Errorf("concurrent read at %d: %v", off, err)
				}
			}
		})
	}
	wg.Wait()
}

// Tink accepts a full segment followed by an empty last one, though it writes none; so do we.
func TestEmptyLastSegment(t *testing.T) {
	h := newKeyset(t, 100)
	for _, full := range []int{1, 2, 3} {
		pt := pattern("p", full*84-40)
		ct := seal.WithEmptyLast(t, h, nil, pt)
		for name, read := range readers {
			if got, err := read(t, h, nil, ct); err != nil || !bytes.Equal(got, pt) {
				t.Errorf("%d segments by %s: %d bytes, %v", full, name, len(got), err)
			}
		}
		if _, err := openAll(t, h, nil, ct[:len(ct)-16]); !errors.Is(err, seal.ErrTruncated) {
			t.Errorf("%d segments without the empty one: %v", full, err)
		}
	}
}

// The watermark rises to the end, never overlaps itself, and what lies below it is plaintext.
func TestWatermark(t *testing.T) {
	h := newKeyset(t, 4096)
	pt := pattern("p", 3_000_000)
	ct := sealBytes(t, h, nil, pt)
	for _, workers := range []int{1, 2, 5} {
		r, err := seal.NewReaderAt(bytes.NewReader(ct), int64(len(ct)), h, nil, seal.WithWorkers(workers))
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]byte, len(pt))
		var at int64
		var busy sync.Mutex
		err = r.ReadAllInto(t.Context(), dst, func(n int64) {
			if !busy.TryLock() {
				t.Error("two calls at once")
				return
			}
			defer busy.Unlock()
			if n <= at || !bytes.Equal(dst[at:n], pt[at:n]) {
				t.Errorf("watermark %d after %d", n, at)
			}
			at = n
		})
		if err != nil || at != int64(len(pt)) {
			t.Errorf("%d workers: watermark ends at %d, %v", workers, at, err)
		}
	}
	empty := sealBytes(t, h, nil, nil)
	if err := seal.DecryptTo(t.Context(), nil, bytes.NewReader(empty), int64(len(empty)), h, nil); err != nil {
		t.Errorf("empty file: %v", err)
	}
	if err := seal.DecryptTo(t.Context(), make([]byte, 1), bytes.NewReader(empty), int64(len(empty)), h, nil); !errors.Is(err, io.ErrShortBuffer) {
		t.Errorf("destination of another size: %v", err)
	}
}

// A cancelled call ends with the context's error and a cleared destination.
func TestCancel(t *testing.T) {
	h := newKeyset(t, 4096)
	pt := pattern("p", 2_000_000)
	ct := sealBytes(t, h, nil, pt)
	for _, workers := range []int{1, 3} {
		r, err := seal.NewReaderAt(bytes.NewReader(ct), int64(len(ct)), h, nil, seal.WithWorkers(workers))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		dst := make([]byte, len(pt))
		err = r.ReadAllInto(ctx, dst, func(n int64) { cancel() })
		if !errors.Is(err, context.Canceled) || !bytes.Equal(dst, make([]byte, len(dst))) {
			t.Errorf("%d workers: %v", workers, err)
		}
		if err := r.ReadAllInto(t.Context(), dst, nil); err != nil || !bytes.Equal(dst, pt) {
			t.Errorf("after a cancelled call: %v", err)
		}
	}
}

type failingWriter struct{ left int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, iotest.ErrTimeout
	}
	return len(p), nil
}

// Only Commit makes a file: whatever else ends a writer, no reader accepts what was written.
func TestWriterWithoutCommit(t *testing.T) {
	h := newKeyset(t, 100)
	for _, size := range []int{0, 43, 44, 45, 127, 128, 129, 1000} {
		var b bytes.Buffer
		w, err := seal.NewWriter(&b, h, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(pattern("p", size)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if _, err := openAll(t, h, nil, b.Bytes()); !errors.Is(err, seal.ErrTruncated) {
			t.Errorf("%d bytes without Commit: %v", size, err)
		}
		if _, err := w.Write([]byte("x")); !errors.Is(err, seal.ErrAborted) {
			t.Errorf("write after Close: %v", err)
		}
		if err := w.Commit(); !errors.Is(err, seal.ErrAborted) {
			t.Errorf("Commit after Close: %v", err)
		}
	}
	w, err := seal.NewWriter(&failingWriter{left: 150}, h, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.Write(pattern("p", 500)); n >= 500 || !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("failing destination: %d, %v", n, err)
	}
	if err := w.Commit(); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("Commit after a failed write: %v", err)
	}
	if _, err := seal.NewWriter(&failingWriter{}, h, nil); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("header: %v", err)
	}
	var b bytes.Buffer
	w, err = seal.NewWriter(&b, h, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	whole := b.Len()
	if w.Commit() == nil {
		t.Error("Commit twice")
	}
	if _, err := w.Write([]byte("x")); err == nil || w.Close() != nil || b.Len() != whole {
		t.Error("a committed file was touched")
	}
}

// A source that ends early, or a cancelled call, leaves a file without its header.
func TestEncryptFromFails(t *testing.T) {
	h := newKeyset(t, 100)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		size int64
		want error
	}{
		"source ends early": {t.Context(), 1001, seal.ErrSource}, "cancelled": {ctx, 1000, context.Canceled},
		"negative size": {t.Context(), -1, seal.ErrTooLarge}, "too large": {t.Context(), math.MaxInt64, seal.ErrTooLarge},
	} {
		f := newTempFile(t)
		_, err := seal.EncryptFrom(c.ctx, f, bytes.NewReader(pattern("p", 1000)), c.size, h, nil)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		b, _ := os.ReadFile(f.Name())
		if _, err := openAll(t, h, nil, b); err == nil {
			t.Errorf("%s: left a file that opens", name)
		}
	}
}

// Two files of the same plaintext share nothing.
func TestFreshSalt(t *testing.T) {
	h := newKeyset(t, 100)
	a, b := sealBytes(t, h, nil, pattern("p", 300)), sealBytes(t, h, nil, pattern("p", 300))
	same := 0
	for i := range a[1:] {
		if a[1+i] == b[1+i] {
			same++
		}
	}
	if same > len(a)/10 {
		t.Errorf("%d of %d bytes are the same", same, len(a))
	}
}

// ReadAt, and each segment of ReadAllInto, allocate nothing once warm.
func TestAllocations(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	h := newKeyset(t, 4096)
	pt := pattern("p", 1_000_000)
	ct := sealBytes(t, h, nil, pt)
	f := newTempFile(t)
	if _, err := f.Write(ct); err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]io.ReaderAt{"file": f, "memory": bytes.NewReader(ct), "private": seal.PrivateBytes(ct)} {
		r, err := seal.NewReaderAt(src, int64(len(ct)), h, nil, seal.WithWorkers(1))
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 10_000)
		if n := testing.AllocsPerRun(200, func() {
			if _, err := r.ReadAt(p, 5000); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations for each ReadAt", name, n)
		}
		dst := make([]byte, len(pt))
		// 245 segments: what is left belongs to the call.
		if n := testing.AllocsPerRun(20, func() {
			if err := r.ReadAllInto(t.Context(), dst, nil); err != nil {
				t.Fatal(err)
			}
		}); n > 8 {
			t.Errorf("%s: %v allocations for each ReadAllInto", name, n)
		}
	}
}
