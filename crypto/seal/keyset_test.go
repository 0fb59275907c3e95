package seal_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesctrhmac"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

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
		read := c.want
		if c.h == ctrHMAC { // read, not written
			read = seal.ErrFormat
		}
		if _, err := seal.NewReaderAt(bytes.NewReader(make([]byte, 99)), 99, c.h, nil); read != nil && !errors.Is(err, read) {
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
