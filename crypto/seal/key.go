package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha1" // HKDF-SHA1 is a legal parameter of the format; it is not used as a collision-resistant hash
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"

	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesctrhmac"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"github.com/holdfast-ai/holdfast/crypto/secret"
	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// DefaultSegment is the segment size of new keysets in bytes, that of Tink's template AES256_GCM_HKDF_1MB.
const DefaultSegment = 1 << 20

const algorithm = "AES-GCM-HKDF" // its name in the commitment

// key is the one enabled key of a keyset.
type key struct {
	dek     *secret.Bytes
	hash    aesgcmhkdf.HashType
	derived int // size of the derived AES key in bytes, 16 or 32
	layout
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
	switch k := found.Key().(type) {
	case *aesgcmhkdf.Key:
		return newKey(k, maxSegment)
	case *aesctrhmac.Key:
		return nil, fmt.Errorf("%w: AES-CTR-HMAC streaming", ErrUnsupported)
	default:
		return nil, fmt.Errorf("%w: %T", ErrUnsupported, k)
	}
}

func newKey(k *aesgcmhkdf.Key, maxSegment int64) (*key, error) {
	p, ok := k.Parameters().(*aesgcmhkdf.Parameters)
	if !ok {
		return nil, fmt.Errorf("%w: parameters %T", ErrUnsupported, k.Parameters())
	}
	segment := int64(p.SegmentSizeInBytes())
	if segment > maxSegment {
		return nil, fmt.Errorf("%w: segments of %d bytes, the limit is %d", ErrTooLarge, segment, maxSegment)
	}
	// Data returns a copy, which becomes ours to destroy.
	return &key{
		dek:     secret.New(k.KeyBytes().Data(insecuresecretdataaccess.Token{})),
		hash:    p.HKDFHashType(),
		derived: p.DerivedKeySizeInBytes(),
		layout:  layout{header: int64(1 + p.DerivedKeySizeInBytes() + prefixSize), segment: segment},
	}, nil
}

// aead derives the cipher of one file from its salt and associated data.
func (k *key) aead(salt, ad []byte) (a cipher.AEAD, err error) {
	err = k.dek.Use(func(dek []byte) error {
		var aesKey []byte
		switch k.hash {
		case aesgcmhkdf.SHA1:
			aesKey, err = derive(sha1.New, dek, salt, ad, k.derived)
		case aesgcmhkdf.SHA256:
			aesKey, err = derive(sha256.New, dek, salt, ad, k.derived)
		case aesgcmhkdf.SHA512:
			aesKey, err = derive(sha512.New, dek, salt, ad, k.derived)
		default:
			return fmt.Errorf("%w: HKDF hash %v", ErrUnsupported, k.hash)
		}
		if err != nil {
			return fmt.Errorf("seal: derive: %w", err)
		}
		defer clear(aesKey)
		block, err := aes.NewCipher(aesKey)
		if err != nil {
			return fmt.Errorf("seal: derive: %w", err)
		}
		// Refused with GODEBUG=fips140=only, which allows AES-GCM only with random nonces.
		if a, err = cipher.NewGCM(block); err != nil {
			return fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
		return nil
	})
	return a, err
}

func derive[H hash.Hash](h func() H, dek, salt, info []byte, n int) ([]byte, error) {
	return hkdf.Key(h, dek, salt, string(info), n)
}

// commitment is HMAC-SHA256(DEK, T("holdfast/commit/v1", algorithm, hash, derived key size, segment size, DEK size)). The
// size of the DEK is in it because HMAC pads short keys with zeros and hashes long ones.
func (k *key) commitment() (c [32]byte, err error) {
	t := transcript.New("holdfast/commit/v1").String(algorithm).String(k.hash.String()).
		Uint64(uint64(k.derived)).Uint64(uint64(k.segment))
	err = k.dek.Use(func(dek []byte) error {
		m := hmac.New(sha256.New, dek)
		m.Write(t.Uint64(uint64(len(dek))).Encoding())
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

// Commitment is a public value that names a keyset and its parameters without showing the key (docs/SPEC.md section 3):
// keysets that were generated never share one. A key with zero bytes appended has the same, so it identifies a keyset only
// against mistakes; seal.mac and the signature over plaintext hold against its maker. Errors: [ErrKeyset], [ErrUnsupported].
func Commitment(h *keyset.Handle) ([32]byte, error) {
	k, err := keyOf(h, maxFormatSegment)
	if err != nil {
		return [32]byte{}, err
	}
	defer k.dek.Destroy()
	return k.commitment()
}
