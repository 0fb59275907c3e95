package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha1" // HKDF-SHA1 is a legal parameter of the format; it is not used as a collision-resistant hash
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	tinkkey "github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesctrhmac"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"github.com/holdfast-ai/holdfast/crypto/secret"
	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// DefaultSegment is the segment size of new keysets in bytes, that of Tink's template AES256_GCM_HKDF_1MB.
const DefaultSegment = 1 << 20

// key is the one enabled key of a keyset.
type key struct {
	dek     *secret.Bytes
	hash    string // of HKDF: SHA1, SHA256 or SHA512
	derived int    // size of the derived AES key in bytes, 16 or 32
	ctr     *ctrParams
	layout
}

// ctrParams are what an AES-CTR-HMAC key has beside; nil for AES-GCM-HKDF.
type ctrParams struct {
	hash string // of HMAC
}

// NewKeyset makes a keyset with one new key for sealing: AES-256, HKDF-SHA256 and the given segment size in bytes,
// 0 meaning [DefaultSegment]. Use one keyset for each version of a model.
func NewKeyset(segment int) (*keyset.Handle, error) {
	if segment == 0 {
		segment = DefaultSegment
	}
	if segment < 0 || segment > MaxSegment {
		return nil, fmt.Errorf("%w: segment of %d bytes", ErrTooLarge, segment)
	}
	p, err := aesgcmhkdf.NewParameters(aesgcmhkdf.ParametersOpts{
		KeySizeInBytes: 32, DerivedKeySizeInBytes: 32, HKDFHashType: aesgcmhkdf.SHA256, SegmentSizeInBytes: int32(segment),
	})
	if err != nil {
		return nil, fmt.Errorf("seal: new keyset: %w", err)
	}
	m := keyset.NewManager()
	id, err := m.AddNewKeyFromParameters(p)
	if err != nil {
		return nil, fmt.Errorf("seal: new keyset: %w", err)
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, fmt.Errorf("seal: new keyset: %w", err)
	}
	return m.Handle()
}

// keyOf takes the one enabled key of h. Trying several keys would let a file choose which one it opens under.
func keyOf(h *keyset.Handle, maxSegment int64) (*key, error) {
	if h == nil {
		return nil, fmt.Errorf("%w: none given", ErrKeyset)
	}
	var found *keyset.Entry
	for i := range h.Len() {
		e, err := h.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKeyset, err)
		}
		if e.KeyStatus() != keyset.Enabled {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%w: more than one enabled key", ErrKeyset)
		}
		found = e
	}
	if found == nil {
		return nil, fmt.Errorf("%w: no enabled key", ErrKeyset)
	}
	k, err := newKey(found.Key())
	if err != nil {
		return nil, err
	}
	if k.segment > maxSegment {
		k.dek.Destroy()
		return nil, fmt.Errorf("%w: segments of %d bytes, the limit is %d", ErrTooLarge, k.segment, maxSegment)
	}
	return k, nil
}

// writeKey is keyOf for callers that seal.
func writeKey(h *keyset.Handle, maxSegment int64) (*key, error) {
	k, err := keyOf(h, maxSegment)
	if err == nil && k.ctr != nil {
		k.dek.Destroy()
		return nil, errReadOnly
	}
	return k, err
}

func newKey(tinkKey tinkkey.Key) (*key, error) {
	var k *key
	var dek secretdata.Bytes
	switch t := tinkKey.(type) {
	case *aesgcmhkdf.Key:
		p, ok := t.Parameters().(*aesgcmhkdf.Parameters)
		if !ok {
			return nil, fmt.Errorf("%w: parameters %T", ErrUnsupported, t.Parameters())
		}
		dek = t.KeyBytes()
		k = &key{hash: p.HKDFHashType().String(), derived: p.DerivedKeySizeInBytes()}
		k.layout = layout{segment: int64(p.SegmentSizeInBytes()), tag: gcmTag}
	case *aesctrhmac.Key:
		p, ok := t.Parameters().(*aesctrhmac.Parameters)
		if !ok {
			return nil, fmt.Errorf("%w: parameters %T", ErrUnsupported, t.Parameters())
		}
		dek = t.KeyBytes()
		k = &key{hash: p.HkdfHashType().String(), derived: p.DerivedKeySizeInBytes(), ctr: &ctrParams{p.HmacHashType().String()}}
		k.layout = layout{segment: int64(p.SegmentSizeInBytes()), tag: int64(p.HmacTagSizeInBytes())}
	default:
		return nil, fmt.Errorf("%w: %T", ErrUnsupported, tinkKey)
	}
	k.header = int64(1 + k.derived + prefixSize)
	if k.segment <= k.header+k.tag { // Tink refuses it as well; the arithmetic of layout needs it
		return nil, fmt.Errorf("%w: segments of %d bytes", ErrUnsupported, k.segment)
	}
	k.dek = secret.New(dek.Data(insecuresecretdataaccess.Token{})) // a copy, which becomes ours to destroy
	return k, nil
}

// An opener authenticates and decrypts one segment: the method of [cipher.AEAD] that readers need. Only what can also be
// written is a whole AEAD.
type opener interface {
	Open(dst, nonce, ciphertext, additionalData []byte) ([]byte, error)
}

// opener derives the cipher of one file from its salt and associated data.
func (k *key) opener(salt, ad []byte) (o opener, err error) {
	size := k.derived
	if k.ctr != nil {
		size += macKeySize
	}
	err = k.dek.Use(func(dek []byte) error {
		derived, err := derive(k.hash, dek, salt, ad, size)
		if err != nil {
			return err
		}
		defer clear(derived)
		if k.ctr != nil {
			h, err := hashOf(k.ctr.hash)
			if err != nil {
				return err
			}
			o, err = newCTRHMAC(derived[:k.derived], bytes.Clone(derived[k.derived:]), h, int(k.tag))
			return err
		}
		block, err := aes.NewCipher(derived)
		if err != nil {
			return fmt.Errorf("seal: derive: %w", err)
		}
		if o, err = cipher.NewGCM(block); err != nil {
			// GODEBUG=fips140=only allows AES-GCM with random nonces only, and the nonces of a stream are counters.
			return fmt.Errorf("%w: AES-GCM-HKDF streaming is not to be had in FIPS 140-only mode, AES-CTR-HMAC is: %w", ErrUnsupported, err)
		}
		return nil
	})
	return o, err
}

// derive is HKDF (RFC 5869) with the hash of a Tink key.
func derive(hashName string, dek, salt, info []byte, n int) ([]byte, error) {
	h, err := hashOf(hashName)
	if err != nil {
		return nil, err
	}
	b, err := hkdf.Key(h, dek, salt, string(info), n)
	if err != nil { // only in FIPS 140-only mode, which refuses SHA-1
		return nil, fmt.Errorf("%w: HKDF: %w", ErrUnsupported, err)
	}
	return b, nil
}

func hashOf(name string) (func() hash.Hash, error) {
	switch name {
	case "SHA1":
		return sha1.New, nil
	case "SHA256":
		return sha256.New, nil
	case "SHA512":
		return sha512.New, nil
	}
	return nil, fmt.Errorf("%w: hash %s", ErrUnsupported, name)
}

// commitment is HMAC-SHA256(DEK, T("holdfast/commit/v1", algorithm, hash, derived key size, segment size, DEK size)), for
// AES-CTR-HMAC with HMAC hash and tag size after these. The size of the DEK is in it because HMAC pads short keys with
// zeros and hashes long ones.
func (k *key) commitment() (c [32]byte, err error) {
	algorithm := "AES-GCM-HKDF"
	if k.ctr != nil {
		algorithm = "AES-CTR-HMAC"
	}
	t := transcript.New("holdfast/commit/v1").String(algorithm).String(k.hash).
		Uint64(uint64(k.derived)).Uint64(uint64(k.segment))
	err = k.dek.Use(func(dek []byte) error {
		t = t.Uint64(uint64(len(dek)))
		if k.ctr != nil {
			t = t.String(k.ctr.hash).Uint64(uint64(k.tag))
		}
		m := hmac.New(sha256.New, dek)
		m.Write(t.Encoding())
		m.Sum(c[:0])
		return nil
	})
	return c, err
}

// manifestMAC is HMAC-SHA256 over the bytes of seal.json, keyed with HKDF-SHA256(DEK, info "holdfast/seal-manifest/v1").
func (k *key) manifestMAC(manifest []byte) (c [32]byte, err error) {
	err = k.dek.Use(func(dek []byte) error {
		mk, err := hkdf.Key(sha256.New, dek, nil, "holdfast/seal-manifest/v1", sha256.Size)
		if err != nil {
			return fmt.Errorf("seal: derive: %w", err)
		}
		defer clear(mk)
		m := hmac.New(sha256.New, mk)
		m.Write(manifest)
		m.Sum(c[:0])
		return nil
	})
	return c, err
}

// blobNames returns a function from paths to blob names that show nothing of them and are the same each time:
// HMAC-SHA256 under HKDF-SHA256(DEK, info "holdfast/seal-blob-name/v1"), 16 bytes in hex.
func (k *key) blobNames() (name func(path string) string, err error) {
	err = k.dek.Use(func(dek []byte) error {
		nk, err := derive("SHA256", dek, nil, []byte("holdfast/seal-blob-name/v1"), sha256.Size)
		if err != nil {
			return err
		}
		name = func(path string) string {
			m := hmac.New(sha256.New, nk)
			m.Write([]byte(path))
			return blobsDir + "/" + hex.EncodeToString(m.Sum(nil)[:16])
		}
		return nil
	})
	return name, err
}

// Commitment is a public value that names a keyset and its parameters without showing the key (docs/SPEC.md section 3):
// no two keys share one that anybody can find, and one with zero bytes appended has another. Errors: [ErrKeyset], [ErrUnsupported].
func Commitment(h *keyset.Handle) ([32]byte, error) {
	k, err := keyOf(h, maxFormatSegment)
	if err != nil {
		return [32]byte{}, err
	}
	defer k.dek.Destroy()
	return k.commitment()
}
