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
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

const (
	modelName    = "tiny-stories"
	modelVersion = uint64(7)
	segment      = 64 // ciphertext bytes: small, so that three segments fit in a vector
)

// sealedVectors writes a sealed directory by the letter of SPEC 3, with the standard library and fixed randomness, and has
// package seal open it: what is committed is what a foreign implementation would make.
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
	plain := map[string]string{"a/b c.txt": "", "model.bin": strings.Repeat("0123456789", 10)}
	dir := fstest.MapFS{}
	type entry struct {
		Path   string `json:"path"`
		Blob   string `json:"blob"`
		Size   int    `json:"size"`
		Header string `json:"header"`
	}
	manifest := struct {
		Version int `json:"version"`
		Model   struct {
			Name    string `json:"name"`
			Version uint64 `json:"version"`
		} `json:"model"`
		Segment    int     `json:"segment"`
		Commitment string  `json:"commitment"`
		Files      []entry `json:"files"`
	}{Version: 1, Segment: segment, Commitment: hexOf(commitment[:])}
	manifest.Model.Name, manifest.Model.Version = modelName, modelVersion
	files := []any{}
	for i, path := range []string{"a/b c.txt", "model.bin"} {
		header := append([]byte{40}, fill(39, byte(0x20*(i+1)))...)
		ad := seal.FileAD(modelName, modelVersion, path)
		blob, err := sealByHand(dek, header, ad, []byte(plain[path]))
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("blobs/%d", i)
		dir[name] = &fstest.MapFile{Data: blob}
		manifest.Files = append(manifest.Files, entry{path, name, len(plain[path]), hexOf(header)})
		files = append(files, map[string]any{"path": path, "plain": plain[path], "ad": hexOf(ad), "blob": hexOf(blob)})
	}
	sealJSON, err := json.Marshal(manifest)
	if err != nil {
		return nil, err
	}
	macKey, err := hkdf.Key(sha256.New, dek, nil, "holdfast/seal-manifest/v1", sha256.Size)
	if err != nil {
		return nil, err
	}
	m := hmac.New(sha256.New, macKey)
	m.Write(sealJSON)
	mac := m.Sum(nil)
	dir["seal.json"], dir["seal.mac"] = &fstest.MapFile{Data: sealJSON}, &fstest.MapFile{Data: mac}
	if err := opens(dir, h, plain); err != nil {
		return nil, err
	}
	info := seal.Info{Name: modelName, Version: modelVersion, Commitment: commitment}
	return []vector{
		{"AES-256, SHA-256", "commitment",
			map[string]any{"dek": hexOf(dek), "hash": "SHA256", "derived_key_size": 32, "segment": segment},
			map[string]any{"commitment": hexOf(commitment[:])}},
		{"of that commitment", "keyset-ad",
			map[string]any{"name": modelName, "version": modelVersion, "commitment": hexOf(commitment[:])},
			map[string]any{"ad": hexOf(info.KeysetAD())}},
		{"a whole directory", "sealed-directory",
			map[string]any{"dek": hexOf(dek), "seal_json": string(sealJSON), "files": files},
			map[string]any{"commitment": hexOf(commitment[:]), "seal_mac": hexOf(mac)}},
	}, nil
}

// fixedKeyset holds one AES256-GCM-HKDF streaming key with the given bytes.
func fixedKeyset(dek []byte) (*keyset.Handle, error) {
	params, err := aesgcmhkdf.NewParameters(aesgcmhkdf.ParametersOpts{
		KeySizeInBytes: len(dek), DerivedKeySizeInBytes: 32, HKDFHashType: aesgcmhkdf.SHA256, SegmentSizeInBytes: segment,
	})
	if err != nil {
		return nil, err
	}
	key, err := aesgcmhkdf.NewKey(params, secretdata.NewBytesFromData(dek, insecuresecretdataaccess.Token{}))
	if err != nil {
		return nil, err
	}
	m := keyset.NewManager()
	id, err := m.AddKey(key)
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
