package seal_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/tink-crypto/tink-go/v2/streamingaead/aesctrhmac"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// The committed vectors of docs/SPEC.md section 3, which an independent decoder checks as well.
func TestSpecVectors(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs", "vectors", "seal.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Vectors []struct {
			Name, Kind string
			In         struct {
				Name, Path, Commitment, DEK, Hash string
				Algorithm, List                   string
				HMACHash                          string `json:"hmac_hash"`
				Tag                               int    `json:"tag_size"`
				Version                           uint64
				Segment                           int
				Derived                           int    `json:"derived_key_size"`
				SealJSON                          string `json:"seal_json"`
				Files                             []struct{ Path, Plain, Blob string }
			}
			Out struct {
				AD, Commitment string
				SealMAC        string `json:"seal_mac"`
			}
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, v := range doc.Vectors {
		kinds[v.Kind]++
		got, want := "", v.Out.AD
		switch v.Kind {
		case "seal-file-ad":
			got = hex.EncodeToString(seal.FileAD(v.In.Name, v.In.Version, v.In.Path))
		case "keyset-ad":
			i := seal.Info{Name: v.In.Name, Version: v.In.Version, Commitment: [32]byte(fromHex(t, v.In.Commitment))}
			got = hex.EncodeToString(i.KeysetAD())
		case "commitment":
			h := keysetOf(t, fromHex(t, v.In.DEK), v.In.Derived, v.In.Segment, hashes[v.In.Hash])
			if v.In.Algorithm == "AES-CTR-HMAC" {
				h = ctrKeyset(t, aesctrhmac.ParametersOpts{
					DerivedKeySizeInBytes: v.In.Derived, HkdfHashType: ctrHashes[v.In.Hash], HmacHashType: ctrHashes[v.In.HMACHash],
					HmacTagSizeInBytes: v.In.Tag, SegmentSizeInBytes: int32(v.In.Segment),
				}, fromHex(t, v.In.DEK))
			}
			got, want = commitment(t, h), v.Out.Commitment
		case "seal-list-ad":
			got = hex.EncodeToString(seal.ListAD(v.In.Name, v.In.Version))
		case "sealed-directory":
			dir := fstest.MapFS{"seal.json": {Data: []byte(v.In.SealJSON)}, "seal.mac": {Data: fromHex(t, v.Out.SealMAC)}}
			for i, f := range v.In.Files {
				blob := fmt.Sprintf("blobs/%d", i)
				if v.In.List != "" {
					blob = hiddenName(t, v.In.DEK, f.Path)
				}
				dir[blob] = &fstest.MapFile{Data: fromHex(t, f.Blob)}
			}
			if v.In.List != "" {
				dir["blobs/list"] = &fstest.MapFile{Data: fromHex(t, v.In.List)}
			}
			h := keysetOf(t, fromHex(t, v.In.DEK), 32, 64, aesgcmhkdf.SHA256)
			f, err := seal.OpenFS(t.Context(), dir, fixed(h))
			if err != nil {
				t.Fatalf("%s: %v", v.Name, err)
			}
			for _, file := range v.In.Files {
				if got, err := fs.ReadFile(f, file.Path); err != nil || !bytes.Equal(got, []byte(file.Plain)) {
					t.Errorf("%s: %s: %q, %v", v.Name, file.Path, got, err)
				}
			}
			dir["seal.mac"].Data[31] ^= 1
			if _, err := seal.OpenFS(t.Context(), dir, fixed(h)); !errors.Is(err, seal.ErrAuth) {
				t.Errorf("%s with another MAC: %v", v.Name, err)
			}
			continue
		default:
			t.Errorf("unknown kind %s", v.Kind)
		}
		if got != want {
			t.Errorf("%s %s: %s, want %s", v.Kind, v.Name, got, want)
		}
	}
	if len(kinds) != 5 {
		t.Errorf("kinds %v", kinds)
	}
}

// hiddenName is the formula of docs/SPEC.md section 3 once more.
func hiddenName(t *testing.T, dek, path string) string {
	t.Helper()
	key, err := hkdf.Key(sha256.New, fromHex(t, dek), nil, "holdfast/seal-blob-name/v1", 32)
	if err != nil {
		t.Fatal(err)
	}
	m := hmac.New(sha256.New, key)
	m.Write([]byte(path))
	return "blobs/" + hex.EncodeToString(m.Sum(nil)[:16])
}
