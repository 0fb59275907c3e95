package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing/fstest"

	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesctrhmac"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

const (
	modelName    = "tiny-stories"
	modelVersion = uint64(7)
	segment      = 64 // ciphertext bytes: small, so that three segments fit in a vector
)

// sealedVectors are what SPEC 3 fixes: commitments, associated data and two whole directories.
func sealedVectors() ([]vector, error) {
	dek := fill(32, 0x80)
	h, err := fixedKeyset(dek)
	if err != nil {
		return nil, err
	}
	commitment, err := seal.Commitment(h)
	if err != nil {
		return nil, err
	}
	ctr, err := ctrCommitment(dek)
	if err != nil {
		return nil, err
	}
	open, err := sealedDirectory("a whole directory", dek, h, false)
	if err != nil {
		return nil, err
	}
	hidden, err := sealedDirectory("hidden names", dek, h, true)
	if err != nil {
		return nil, err
	}
	info := seal.Info{Name: modelName, Version: modelVersion, Commitment: commitment}
	return []vector{
		{"AES-256, SHA-256", "commitment",
			map[string]any{"algorithm": "AES-GCM-HKDF", "dek": hexOf(dek), "hash": "SHA256", "derived_key_size": 32, "segment": segment},
			map[string]any{"commitment": hexOf(commitment[:])}},
		{"AES-256, SHA-512, tags of HMAC-SHA-256", "commitment",
			map[string]any{"algorithm": "AES-CTR-HMAC", "dek": hexOf(dek), "hash": "SHA512", "derived_key_size": 32, "segment": segment + 64, "hmac_hash": "SHA256", "tag_size": 20},
			map[string]any{"commitment": hexOf(ctr[:])}},
		{"of that commitment", "keyset-ad",
			map[string]any{"name": modelName, "version": modelVersion, "commitment": hexOf(commitment[:])},
			map[string]any{"ad": hexOf(info.KeysetAD())}},
		{"of that model", "seal-list-ad",
			map[string]any{"name": modelName, "version": modelVersion},
			map[string]any{"ad": hexOf(seal.ListAD(modelName, modelVersion))}},
		open, hidden,
	}, nil
}

// ctrCommitment is the commitment of a key that is read and not written.
func ctrCommitment(dek []byte) (c [32]byte, err error) {
	params, err := aesctrhmac.NewParameters(aesctrhmac.ParametersOpts{
		KeySizeInBytes: len(dek), DerivedKeySizeInBytes: 32, HkdfHashType: aesctrhmac.SHA512, HmacHashType: aesctrhmac.SHA256,
		HmacTagSizeInBytes: 20, SegmentSizeInBytes: segment + 64,
	})
	if err != nil {
		return c, err
	}
	k, err := aesctrhmac.NewKey(params, secretdata.NewBytesFromData(dek, insecuresecretdataaccess.Token{}))
	if err != nil {
		return c, err
	}
	h, err := handleOf(k)
	if err != nil {
		return c, err
	}
	return seal.Commitment(h)
}

type sealedEntry struct {
	Path   string `json:"path"`
	Blob   string `json:"blob"`
	Size   int    `json:"size"`
	Header string `json:"header"`
}

type sealedList struct {
	Blob   string `json:"blob"`
	Size   int    `json:"size"`
	Header string `json:"header"`
	Digest string `json:"digest"`
}

// sealedDirectory writes a sealed directory by the letter of SPEC 3, with the standard library and fixed randomness, and
// has package seal open it: what is committed is what a foreign implementation would make.
func sealedDirectory(name string, dek []byte, h *keyset.Handle, hide bool) (vector, error) {
	commitment, err := seal.Commitment(h)
	if err != nil {
		return vector{}, err
	}
	plain := map[string]string{"a/b c.txt": "", "model.bin": strings.Repeat("0123456789", 10)}
	dir := fstest.MapFS{}
	manifest := struct {
		Version int `json:"version"`
		Model   struct {
			Name    string `json:"name"`
			Version uint64 `json:"version"`
		} `json:"model"`
		Segment    int           `json:"segment"`
		Commitment string        `json:"commitment"`
		Files      []sealedEntry `json:"files,omitempty"`
		List       *sealedList   `json:"list,omitempty"`
	}{Version: 1, Segment: segment, Commitment: hexOf(commitment[:])}
	manifest.Model.Name, manifest.Model.Version = modelName, modelVersion
	files := []any{}
	for i, path := range []string{"a/b c.txt", "model.bin"} {
		blob := fmt.Sprintf("blobs/%d", i)
		if hide {
			if blob, err = hiddenName(dek, path); err != nil {
				return vector{}, err
			}
		}
		header := append([]byte{40}, fill(39, byte(0x20*(i+1)))...)
		ad := seal.FileAD(modelName, modelVersion, path)
		ct, err := sealByHand(dek, header, ad, []byte(plain[path]))
		if err != nil {
			return vector{}, err
		}
		dir[blob] = &fstest.MapFile{Data: ct}
		manifest.Files = append(manifest.Files, sealedEntry{path, blob, len(plain[path]), hexOf(header)})
		files = append(files, map[string]any{"path": path, "plain": plain[path], "ad": hexOf(ad), "blob": hexOf(ct)})
	}
	in := map[string]any{"dek": hexOf(dek), "files": files}
	if hide {
		text, err := json.Marshal(map[string]any{"files": manifest.Files})
		if err != nil {
			return vector{}, err
		}
		header := append([]byte{40}, fill(39, 0xa0)...)
		ct, err := sealByHand(dek, header, seal.ListAD(modelName, modelVersion), text)
		if err != nil {
			return vector{}, err
		}
		manifest.Files = nil
		manifest.List = &sealedList{"blobs/list", len(text), hexOf(header), hexOf(sum(ct))}
		dir["blobs/list"] = &fstest.MapFile{Data: ct}
		in["list"] = hexOf(ct)
	}
	sealJSON, err := json.Marshal(manifest)
	if err != nil {
		return vector{}, err
	}
	mac, err := hmacOf(dek, "holdfast/seal-manifest/v1", sealJSON)
	if err != nil {
		return vector{}, err
	}
	dir["seal.json"], dir["seal.mac"] = &fstest.MapFile{Data: sealJSON}, &fstest.MapFile{Data: mac}
	if err := opens(dir, h, plain); err != nil {
		return vector{}, err
	}
	in["seal_json"] = string(sealJSON)
	return vector{name, "sealed-directory", in, map[string]any{"commitment": hexOf(commitment[:]), "seal_mac": hexOf(mac)}}, nil
}

// hiddenName is the blob name of a path in a directory with hidden names.
func hiddenName(dek []byte, path string) (string, error) {
	m, err := hmacOf(dek, "holdfast/seal-blob-name/v1", []byte(path))
	if err != nil {
		return "", err
	}
	return "blobs/" + hexOf(m[:16]), nil
}

// hmacOf is HMAC-SHA256 under a key of its own that HKDF-SHA256 makes of the DEK.
func hmacOf(dek []byte, info string, b []byte) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, dek, nil, info, sha256.Size)
	if err != nil {
		return nil, err
	}
	m := hmac.New(sha256.New, key)
	m.Write(b)
	return m.Sum(nil), nil
}

// fixedKeyset holds one AES256-GCM-HKDF streaming key with the given bytes.
func fixedKeyset(dek []byte) (*keyset.Handle, error) {
	params, err := aesgcmhkdf.NewParameters(aesgcmhkdf.ParametersOpts{
		KeySizeInBytes: len(dek), DerivedKeySizeInBytes: 32, HKDFHashType: aesgcmhkdf.SHA256, SegmentSizeInBytes: segment,
	})
	if err != nil {
		return nil, err
	}
	k, err := aesgcmhkdf.NewKey(params, secretdata.NewBytesFromData(dek, insecuresecretdataaccess.Token{}))
	if err != nil {
		return nil, err
	}
	return handleOf(k)
}

func handleOf(k key.Key) (*keyset.Handle, error) {
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

// sealByHand is AES-GCM-HKDF streaming: header || segment_0 || …, header = size || salt[32] || prefix[7], nonce of
// segment i = prefix || uint32be(i) || last. The first segment is shorter by the header.
func sealByHand(dek, header, ad, plain []byte) ([]byte, error) {
	aesKey, err := hkdf.Key(sha256.New, dek, header[1:33], string(ad), 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(aesKey)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	out := bytes.Clone(header)
	room := segment - len(header) - aead.Overhead()
	for i := byte(0); ; i++ {
		n := min(room, len(plain))
		nonce := append(bytes.Clone(header[33:40]), 0, 0, 0, i, 0)
		if n == len(plain) {
			nonce[11] = 1
		}
		out = aead.Seal(out, nonce, plain[:n], nil)
		if plain = plain[n:]; len(plain) == 0 {
			return out, nil
		}
		room = segment - aead.Overhead()
	}
}

// opens has package seal read the directory.
func opens(dir fs.FS, h *keyset.Handle, plain map[string]string) error {
	source := seal.KeySourceFunc(func(context.Context, seal.Info, []seal.Wrapped) (*keyset.Handle, error) { return h, nil })
	f, err := seal.OpenFS(context.Background(), dir, source)
	if err != nil {
		return err
	}
	defer f.Close()
	var wrong error
	for path, want := range plain {
		got, err := fs.ReadFile(f, path)
		if err != nil || string(got) != want {
			wrong = errors.Join(wrong, fmt.Errorf("%s: package seal reads %q, %w", path, got, err))
		}
	}
	return wrong
}
