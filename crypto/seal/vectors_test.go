package seal_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"math"
	"os"
	"testing"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

type vectorFile struct {
	Vectors []vector
	Keys    []struct {
		Name, Verdict string
		Version       int
		HKDFHash      string `json:"hkdf_hash"`
		Derived       int    `json:"derived_key_size"`
		Segment       int64  `json:"segment_size"`
		HMACHash      string `json:"hmac_hash"`
		Tag           int    `json:"tag_size"`
		Key           string
	}
}

// A vector is a file that another implementation made, and its plaintext.
type vector struct {
	Name     string
	HKDFHash string `json:"hkdf_hash"`
	Derived  int    `json:"derived_key_size"`
	Segment  int    `json:"segment_size"`
	HMACHash string `json:"hmac_hash"`
	Tag      int    `json:"tag_size"`
	Key      string
	AAD      string `json:"aad"`
	Plain    string `json:"plaintext"`
	Cipher   string `json:"ciphertext"`
}

// opens wants the plaintext through every entrance, and nothing under other associated data.
func (v *vector) opens(t *testing.T, h *keyset.Handle) {
	t.Helper()
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
			v.opens(t, keysetOf(t, fromHex(t, v.Key), v.Derived, v.Segment, hashes[v.HKDFHash]))
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
		h, err := tryKeyset(fromHex(t, v.Key), v.Derived, int(int32(v.Segment)), hashes[v.HKDFHash]) // cut as the serialised key is: 1<<31 is negative
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
			pt := pattern("p", int(2*v.Segment))
			if got, err := openAll(t, h, nil, sealBytes(t, h, nil, pt)); err != nil || !bytes.Equal(got, pt) {
				t.Errorf("%s: round trip: %v", v.Name, err)
			}
		}
	}
	if len(keys) != 14 {
		t.Errorf("%d keys, SOURCES.md says 14", len(keys))
	}
}
