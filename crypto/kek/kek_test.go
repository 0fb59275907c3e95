package kek

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// quick keeps tests short: the least that is accepted.
var quick = Argon2{Time: 1, Memory: minArgonMemory, Threads: 1}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func tinkAEAD(t *testing.T) tink.AEAD {
	t.Helper()
	return must(aead.New(must(keyset.NewHandle(aead.AES256GCMKeyTemplate()))(t)))(t)
}

func infoOf(t *testing.T, h *keyset.Handle) seal.Info {
	t.Helper()
	return seal.Info{Name: "tiny", Version: 7, Commitment: must(seal.Commitment(h))(t)}
}

// keys are one of each kind.
func keys(t *testing.T) map[string]*KEK {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kek")
	if err := NewKeyFile(path); err != nil {
		t.Fatal(err)
	}
	return map[string]*KEK{
		"file":       must(ReadKeyFile("file", path))(t),
		"passphrase": must(FromPassphrase("passphrase", []byte("correct horse"), quick))(t),
		"aead":       must(FromAEAD("aead", tinkAEAD(t)))(t),
		"context":    must(FromAEAD("context", withContext{tinkAEAD(t)}))(t),
	}
}

// A directory sealed for all kinds of keys opens with each of them, and with a re-wrapped one.
func TestSealForAll(t *testing.T) {
	h := must(NewKeyset())(t)
	src := fstest.MapFS{"weights": {Data: []byte("weights")}}
	dst := filepath.Join(t.TempDir(), "sealed")
	all := keys(t)
	o := seal.Options{Name: "tiny", Version: 7}
	for _, k := range all {
		o.Wraps = append(o.Wraps, k)
	}
	must(seal.Dir(t.Context(), dst, src, h, o))(t)
	root := must(os.OpenRoot(dst))(t)
	defer root.Close()
	open := func(s seal.KeySource) error {
		f, err := seal.OpenFS(t.Context(), root.FS(), s)
		if err != nil {
			return err
		}
		defer f.Close()
		b, err := fs.ReadFile(f, "weights")
		if string(b) != "weights" {
			t.Errorf("read %q, %v", b, err)
		}
		return err
	}
	for name, k := range all {
		if err := open(Source{KEK: k}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	stranger := must(FromAEAD("stranger", tinkAEAD(t)))(t)
	if err := open(Source{KEK: stranger}); !errors.Is(err, ErrNoWrap) {
		t.Errorf("key without a wrapped keyset: %v", err)
	}
	for name, k := range all {
		if err := Rewrap(t.Context(), root, Source{KEK: k}, stranger, true); err != nil {
			t.Fatalf("re-wrap from %s: %v", name, err)
		}
		if err := open(Source{KEK: stranger}); err != nil {
			t.Errorf("re-wrapped from %s: %v", name, err)
		}
	}
}

// One thing is changed each time; the twin is the unchanged one.
func TestUnwrapRefusals(t *testing.T) {
	h := must(NewKeyset())(t)
	info := infoOf(t, h)
	for name, k := range keys(t) {
		w := must(k.Wrap(t.Context(), h, info))(t)
		if w.ID != name {
			t.Errorf("%s: id %s", name, w.ID)
		}
		got := must(k.Unwrap(t.Context(), w, info))(t)
		if must(seal.Commitment(got))(t) != info.Commitment {
			t.Errorf("%s: another keyset", name)
		}
		other := map[string]seal.Info{"name": info, "version": info, "commitment": info}
		for field, i := range other {
			switch field {
			case "name":
				i.Name = "tinz"
			case "version":
				i.Version--
			case "commitment":
				i.Commitment[0]++
			}
			if _, err := k.Unwrap(t.Context(), w, i); !errors.Is(err, ErrUnwrap) {
				t.Errorf("%s: other %s: %v", name, field, err)
			}
		}
		for other, k2 := range keys(t) {
			if other == "passphrase" && name == other {
				continue // the same passphrase
			}
			if _, err := k2.Unwrap(t.Context(), w, info); !errors.Is(err, ErrUnwrap) {
				t.Errorf("%s: opened with another key (%s): %v", name, other, err)
			}
		}
		for field, blob := range map[string]string{
			"not JSON": "x", "duplicate key": `{"encryptedKeyset":"AA==","encryptedKeyset":"AA=="}`,
			"unknown field": `{"x":1}`, "trailing bytes": string(w.Blob) + "{}", "deep": strings.Repeat("[", 100),
			"long": string(w.Blob) + strings.Repeat(" ", seal.MaxWrap),
		} {
			if _, err := k.Unwrap(t.Context(), seal.Wrapped{ID: name, Blob: []byte(blob)}, info); !errors.Is(err, ErrFormat) {
				t.Errorf("%s: %s: %v", name, field, err)
			}
		}
	}
	wrong := must(FromPassphrase("passphrase", []byte("wrong horse"), quick))(t)
	w := must(keys(t)["passphrase"].Wrap(t.Context(), h, info))(t)
	if _, err := wrong.Unwrap(t.Context(), w, info); !errors.Is(err, ErrUnwrap) {
		t.Errorf("wrong passphrase: %v", err)
	}
}

// A keyset that another tool wrapped without associated data is read only by a long name, and only if it is the right one.
func TestUnboundKeyset(t *testing.T) {
	h, a := must(NewKeyset())(t), tinkAEAD(t)
	var b bytes.Buffer
	if err := h.Write(keyset.NewJSONWriter(&b), a); err != nil {
		t.Fatal(err)
	}
	wraps := []seal.Wrapped{{ID: "kms", Blob: b.Bytes()}}
	k := must(FromAEAD("kms", a))(t)
	if _, err := (Source{KEK: k}).Keyset(t.Context(), infoOf(t, h), wraps); !errors.Is(err, ErrUnwrap) {
		t.Errorf("unbound keyset: %v", err)
	}
	insecure := Source{KEK: k, InsecureAllowUnboundKeyset: true}
	if _, err := insecure.Keyset(t.Context(), infoOf(t, h), wraps); err != nil {
		t.Errorf("allowed: %v", err)
	}
	if _, err := insecure.Keyset(t.Context(), infoOf(t, must(NewKeyset())(t)), wraps); !errors.Is(err, seal.ErrCommitment) {
		t.Errorf("keyset of another model: %v", err)
	}
	if _, err := (Source{}).Keyset(t.Context(), infoOf(t, h), wraps); !errors.Is(err, ErrParameters) {
		t.Errorf("zero source: %v", err)
	}
}

// Altered parameters and ciphertext of a passphrase are refused, and dear ones before they are computed.
func TestPassphraseParameters(t *testing.T) {
	a := must(FromPassphrase("p", []byte("correct horse"), quick))(t).aead.(withContext).AEAD
	ct := must(a.Encrypt([]byte("pt"), []byte("ad")))(t)
	if pt, err := a.Decrypt(ct, []byte("ad")); err != nil || string(pt) != "pt" {
		t.Fatalf("%q, %v", pt, err)
	}
	if _, err := a.Decrypt(ct, []byte("da")); err == nil {
		t.Error("opens under other associated data")
	}
	for i := range ct {
		bad := bytes.Clone(ct)
		bad[i] ^= 0x80 // large numbers in the parameters
		_, err := a.Decrypt(bad, []byte("ad"))
		if err == nil {
			t.Errorf("byte %d altered: accepted", i)
		}
		params := i >= len(passMagic) && i < passHeader-saltSize
		inBounds := i == len(passMagic)+6 || i == len(passMagic)+7 // somewhat more memory: computed, and another key
		if params && !inBounds && !errors.Is(err, ErrParameters) {
			t.Errorf("byte %d altered: %v", i, err)
		}
	}
	for n := range ct {
		if _, err := a.Decrypt(ct[:n], []byte("ad")); err == nil {
			t.Errorf("cut to %d: accepted", n)
		}
	}
	for name, p := range map[string]Argon2{
		"no passes": {0, 8 << 10, 1}, "many passes": {17, 8 << 10, 1}, "little memory": {1, 8<<10 - 1, 1},
		"much memory": {1, 1<<20 + 1, 1}, "no threads": {1, 8 << 10, 0}, "many threads": {1, 8 << 10, 17}, "much work": {5, 1 << 20, 4},
	} {
		if _, err := FromPassphrase("p", []byte("correct horse"), p); !errors.Is(err, ErrParameters) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, pass := range []string{"", "seven77", strings.Repeat("x", 1025)} {
		if _, err := FromPassphrase("p", []byte(pass), quick); !errors.Is(err, ErrParameters) {
			t.Errorf("passphrase of %d bytes: %v", len(pass), err)
		}
	}
	if err := DefaultArgon2().check(); err != nil {
		t.Error(err)
	}
}

func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kek")
	if err := NewKeyFile(path); err != nil {
		t.Fatal(err)
	}
	fi := must(os.Stat(path))(t)
	if fi.Size() != KeyFileSize || fi.Mode().Perm() != 0o600 {
		t.Errorf("%d bytes, mode %v", fi.Size(), fi.Mode())
	}
	if err := NewKeyFile(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	for _, n := range []int{0, 31, 33, 100} {
		p := filepath.Join(dir, "bad")
		if err := os.WriteFile(p, make([]byte, n), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadKeyFile("x", p); !errors.Is(err, ErrFormat) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := ReadKeyFile("x", filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for _, id := range []string{"", "A", "a/b", ".a", "-a", strings.Repeat("a", 65)} {
		if _, err := ReadKeyFile(id, path); !errors.Is(err, ErrParameters) {
			t.Errorf("id %q: %v", id, err)
		}
	}
	if _, err := FromAEAD("x", nil); !errors.Is(err, ErrParameters) {
		t.Errorf("no AEAD: %v", err)
	}
	if _, err := FromKey("x", nil); !errors.Is(err, ErrParameters) {
		t.Errorf("no key: %v", err)
	}
}

func TestCleartextKeyset(t *testing.T) {
	h := must(NewKeyset())(t)
	var b bytes.Buffer
	if err := InsecureWriteCleartextKeyset(&b, h); err != nil {
		t.Fatal(err)
	}
	back := must(InsecureReadCleartextKeyset(bytes.NewReader(b.Bytes())))(t)
	if must(seal.Commitment(back))(t) != must(seal.Commitment(h))(t) {
		t.Error("another keyset came back")
	}
	const canary = "canary-9c"
	for name, in := range map[string]string{
		"nothing": "", "other": `{"x":"` + canary + `"}`, "duplicate": `{"primaryKeyId":1,"primaryKeyId":1}`,
		"value": `{"key":[{"keyData":{"value":"` + canary + `"}}]}`, "long": strings.Repeat(" ", seal.MaxWrap+1),
	} {
		_, err := InsecureReadCleartextKeyset(strings.NewReader(in))
		if !errors.Is(err, ErrFormat) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := InsecureWriteCleartextKeyset(&b, nil); err == nil {
		t.Error("wrote no keyset")
	}
}

// The keyset that tinkey made opens what it seals.
func TestTinkeyKeyset(t *testing.T) {
	f := must(os.Open(testkit.Vectors(t, "crypto", "tink-keyset", "aes128_gcm_hkdf_4kb_cleartext.json")))(t)
	defer f.Close()
	h := must(InsecureReadCleartextKeyset(f))(t)
	var b bytes.Buffer
	w := must(seal.NewWriter(&b, h, nil))(t)
	must(w.Write(make([]byte, 10_000)))(t)
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	dst := bytes.Repeat([]byte{1}, 10_000)
	if err := seal.DecryptTo(t.Context(), dst, bytes.NewReader(b.Bytes()), int64(b.Len()), h, nil); err != nil || !bytes.Equal(dst, make([]byte, 10_000)) {
		t.Error(err)
	}
}

func FuzzUnwrap(f *testing.F) {
	h, err := NewKeyset()
	if err != nil {
		f.Fatal(err)
	}
	k, err := FromKey("k", make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	c, err := seal.Commitment(h)
	if err != nil {
		f.Fatal(err)
	}
	info := seal.Info{Name: "m", Commitment: c}
	w, err := k.Wrap(context.Background(), h, info)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(w.Blob)
	f.Add([]byte(`{"encryptedKeyset":"AA==","keysetInfo":{"primaryKeyId":1,"keyInfo":[{"typeUrl":"x"}]}}`))
	f.Fuzz(func(t *testing.T, blob []byte) {
		got, err := k.Unwrap(context.Background(), seal.Wrapped{ID: "k", Blob: blob}, info)
		if err == nil {
			if g, err := seal.Commitment(got); err != nil || g != c {
				t.Errorf("another keyset: %v", err)
			}
		}
	})
}

func FuzzPassphrase(f *testing.F) {
	k, err := FromPassphrase("p", []byte("correct horse"), quick)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("HFP1\x00\x00\x00\x01\x00\x10\x00\x01\x01 a salt of 16 byte and more"))
	f.Add([]byte("HFP1"))
	f.Fuzz(func(t *testing.T, ct []byte) {
		if len(ct) >= passHeader {
			work := uint64(binary.BigEndian.Uint32(ct[4:])) * uint64(binary.BigEndian.Uint32(ct[8:]))
			if work > 2*minArgonMemory && work <= maxArgonWork {
				t.Skip("in bounds, and may take seconds")
			}
		}
		if _, err := k.aead.DecryptWithContext(context.Background(), ct, nil); err == nil {
			t.Error("opened")
		}
	})
}
