package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

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
