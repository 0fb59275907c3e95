package kek

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// sealedFor seals a small model and returns its directory.
func sealedFor(t *testing.T, wraps ...seal.Wrapper) (*os.Root, *keyset.Handle) {
	t.Helper()
	h := must(NewKeyset())(t)
	dst := filepath.Join(t.TempDir(), "sealed")
	src := fstest.MapFS{"weights": {Data: bytes.Repeat([]byte("weights"), 1000)}, "config.json": {Data: []byte("{}")}}
	must(seal.Dir(t.Context(), dst, src, h, seal.Options{Name: "tiny", Version: 7, Wraps: wraps}))(t)
	root := must(os.OpenRoot(dst))(t)
	t.Cleanup(func() { root.Close() })
	return root, h
}

// snapshot is the digest and identity of every file, so that a file that was rewritten with the same bytes shows too.
func snapshot(t *testing.T, root *os.Root) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(root.FS(), ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := fs.ReadFile(root.FS(), p)
		if err != nil {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		out[p] = string(sum[:]) + fi.ModTime().String()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func opens(t *testing.T, root *os.Root, k *KEK) bool {
	t.Helper()
	f, err := seal.OpenFS(t.Context(), root.FS(), Source{KEK: k})
	if err != nil {
		return false
	}
	defer f.Close()
	b, err := fs.ReadFile(f, "weights")
	return err == nil && len(b) == 7000
}

// Re-wrapping writes the new keyset, removes the old one where it shall, and touches nothing else.
func TestRewrapTouchesKeysOnly(t *testing.T) {
	from, to := must(FromAEAD("old", tinkAEAD(t)))(t), must(FromAEAD("new", tinkAEAD(t)))(t)
	same := must(FromAEAD("old", tinkAEAD(t)))(t)
	for _, c := range []struct {
		name string
		to   *KEK
		keep bool
		want []string
	}{
		{"kept", to, true, []string{"seal.keys/new.json", "seal.keys/old.json"}},
		{"moved", to, false, []string{"seal.keys/new.json"}},
		{"replaced", same, false, []string{"seal.keys/old.json"}},
		{"again, kept", from, true, []string{"seal.keys/old.json"}},
	} {
		root, _ := sealedFor(t, from)
		before := snapshot(t, root)
		if err := Rewrap(t.Context(), root, Source{KEK: from}, c.to, c.keep); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		after := snapshot(t, root)
		var keys []string
		for p, d := range after {
			if strings.HasPrefix(p, "seal.keys/") {
				keys = append(keys, p)
			} else if before[p] != d {
				t.Errorf("%s: %s was touched", c.name, p)
			}
			delete(before, p)
		}
		delete(before, "seal.keys/old.json")
		if slices.Sort(keys); !slices.Equal(keys, c.want) || len(before) != 0 {
			t.Errorf("%s: %v, gone %v", c.name, keys, before)
		}
		if !opens(t, root, c.to) {
			t.Errorf("%s: the new key does not open", c.name)
		}
		if want := c.keep; opens(t, root, from) != want {
			t.Errorf("%s: the old key opens: %v", c.name, !want)
		}
	}
}

// forgetful wraps what it will not unwrap.
type forgetful struct{ withContext }

func (forgetful) EncryptWithContext(_ context.Context, pt, _ []byte) ([]byte, error) {
	return make([]byte, len(pt)+28), nil
}

// unwrapsOnce has lost its key when it is asked again.
type unwrapsOnce struct {
	withContext
	asked bool
}

func (u *unwrapsOnce) DecryptWithContext(ctx context.Context, ct, ad []byte) ([]byte, error) {
	if u.asked {
		return nil, errors.New("no such key")
	}
	u.asked = true
	return u.withContext.DecryptWithContext(ctx, ct, ad)
}

// The old wrapping is removed only after the new one has been seen to open.
func TestRewrapKeepsWhatStillOpens(t *testing.T) {
	from := must(FromAEAD("old", tinkAEAD(t)))(t)
	bad := must(FromAEAD("new", forgetful{withContext{tinkAEAD(t)}}))(t)
	root, _ := sealedFor(t, from)
	if err := Rewrap(t.Context(), root, Source{KEK: from}, bad, false); !errors.Is(err, ErrUnwrap) {
		t.Errorf("got %v", err)
	}
	if !opens(t, root, from) {
		t.Error("nothing opens any more")
	}
	if err := seal.WriteWrapped(root, seal.Wrapped{ID: "new", Blob: must(fs.ReadFile(root.FS(), "seal.keys/old.json"))(t)}); err != nil {
		t.Fatal(err)
	}
	if err := Rewrap(t.Context(), root, Source{KEK: bad}, from, false); !errors.Is(err, ErrUnwrap) {
		t.Errorf("from a key that does not unwrap: %v", err)
	}
	if err := seal.RemoveWrapped(root, "new"); err != nil {
		t.Fatal(err)
	}
	// Under the id of the old one it would take its place before it is read back.
	bad = must(FromAEAD("old", forgetful{withContext{tinkAEAD(t)}}))(t)
	if err := Rewrap(t.Context(), root, Source{KEK: from}, bad, false); !errors.Is(err, ErrUnwrap) {
		t.Errorf("under the same id: %v", err)
	}
	if !opens(t, root, from) {
		t.Error("under the same id: nothing opens any more")
	}
	once := must(FromAEAD("new", &unwrapsOnce{withContext: withContext{tinkAEAD(t)}}))(t)
	if err := Rewrap(t.Context(), root, Source{KEK: from}, once, false); !errors.Is(err, ErrUnwrap) {
		t.Errorf("a key that fails when it is read back: %v", err)
	}
	if !opens(t, root, from) {
		t.Error("a key that fails when it is read back: nothing opens any more")
	}
	for _, c := range []struct {
		from Source
		to   *KEK
	}{{Source{}, from}, {Source{KEK: from}, nil}} {
		if err := Rewrap(t.Context(), root, c.from, c.to, false); !errors.Is(err, ErrParameters) {
			t.Errorf("without a key: %v", err)
		}
	}
}

// No key loses a directory that Rewrap was not told to take it from: neither the old one that is to stay, nor a third one
// whose id the new one has.
func TestRewrapTakesNothingElse(t *testing.T) {
	old, third := must(FromAEAD("old", tinkAEAD(t)))(t), must(FromAEAD("third", tinkAEAD(t)))(t)
	for _, c := range []struct {
		name, id string
		keep     bool
	}{{"the old one, to be kept", "old", true}, {"another one", "third", true}, {"another one, moved", "third", false}} {
		root, _ := sealedFor(t, old, third)
		to := must(FromAEAD(c.id, tinkAEAD(t)))(t)
		before := snapshot(t, root)
		if err := Rewrap(t.Context(), root, Source{KEK: old}, to, c.keep); !errors.Is(err, ErrParameters) {
			t.Errorf("%s: %v", c.name, err)
		}
		if !maps.Equal(snapshot(t, root), before) {
			t.Errorf("%s: the directory was changed", c.name)
		}
	}
}

// A keyset that tinkey wrapped without associated data becomes a bound one, and the name it is bound to is the one the
// directory was sealed under: editing seal.json first does not help.
func TestRewrapBindsUnbound(t *testing.T) {
	a := tinkAEAD(t)
	old, to := must(FromAEAD("kms", a))(t), must(FromAEAD("new", tinkAEAD(t)))(t)
	root, h := sealedFor(t)
	var b bytes.Buffer
	if err := h.Write(keyset.NewJSONWriter(&b), a); err != nil {
		t.Fatal(err)
	}
	if err := seal.WriteWrapped(root, seal.Wrapped{ID: "kms", Blob: b.Bytes()}); err != nil {
		t.Fatal(err)
	}
	if err := Rewrap(t.Context(), root, Source{KEK: old}, to, true); !errors.Is(err, ErrUnwrap) {
		t.Errorf("unbound, not allowed: %v", err)
	}
	good := must(fs.ReadFile(root.FS(), "seal.json"))(t)
	bad := bytes.Replace(good, []byte(`"version": 7`), []byte(`"version": 9`), 1)
	if bytes.Equal(bad, good) {
		t.Fatal("nothing was replaced")
	}
	write := func(b []byte) {
		if err := root.WriteFile("seal.json", b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	unbound := Source{KEK: old, InsecureAllowUnboundKeyset: true}
	write(bad)
	if err := Rewrap(t.Context(), root, unbound, to, true); !errors.Is(err, seal.ErrAuth) {
		t.Errorf("bound to a forged version: %v", err)
	}
	write(good)
	if err := Rewrap(t.Context(), root, unbound, to, true); err != nil {
		t.Fatal(err)
	}
	if !opens(t, root, to) || opens(t, root, old) {
		t.Error("the new wrapping is not bound")
	}
}

// Whoever destroys a model by its keys sees every file that may hold one, also what readers ignore.
func TestWrapsListsEverything(t *testing.T) {
	pass := must(FromPassphrase("p", []byte("correct horse"), quick))(t)
	k := must(FromAEAD("kms", tinkAEAD(t)))(t)
	root, _ := sealedFor(t, pass, k)
	left := must(fs.ReadFile(root.FS(), "seal.keys/kms.json"))(t)
	for name, b := range map[string][]byte{".kms.123": left, "UPPER.json": left, "large.json": make([]byte, seal.MaxWrap+5)} {
		if err := root.WriteFile("seal.keys/"+name, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := root.Mkdir("seal.keys/dir", 0o755); err != nil {
		t.Fatal(err)
	}
	got := map[string]Wrap{}
	for _, w := range must(Wraps(root.FS()))(t) {
		got[strings.TrimPrefix(w.File, "seal.keys/")] = w
	}
	for name, want := range map[string]Wrap{
		"kms.json": {ID: "kms", Size: int64(len(left)), Digest: sha256.Sum256(left)}, ".kms.123": {Size: int64(len(left)), Digest: sha256.Sum256(left)},
		"UPPER.json": {Size: int64(len(left)), Digest: sha256.Sum256(left)}, "large.json": {ID: "large", Size: seal.MaxWrap + 5}, "dir": {},
	} {
		want.File = "seal.keys/" + name
		if got[name] != want {
			t.Errorf("%s: got %+v, want %+v", name, got[name], want)
		}
	}
	if !got["p.json"].Passphrase || got["p.json"].ID != "p" || len(got) != 6 {
		t.Errorf("got %+v", got)
	}
	if err := Shred(root); err != nil {
		t.Fatal(err)
	}
	if all := must(Wraps(root.FS()))(t); len(all) != 0 || opens(t, root, k) || opens(t, root, pass) {
		t.Errorf("after shredding: %v", all)
	}
	if err := Shred(root); err != nil {
		t.Errorf("twice: %v", err)
	}
	many := fstest.MapFS{}
	for i := range maxListed + 1 {
		many["seal.keys/"+strings.Repeat("x", i+1)] = &fstest.MapFile{}
	}
	if _, err := Wraps(many); !errors.Is(err, ErrFormat) {
		t.Errorf("too many: %v", err)
	}
	if all, err := Wraps(fstest.MapFS{}); err != nil || len(all) != 0 {
		t.Errorf("none: %v, %v", all, err)
	}
}

// Whoever fills seal.keys until nobody lists it any more does not keep a wrapped keyset from being destroyed.
func TestShredWhatIsNotListed(t *testing.T) {
	dir := t.TempDir()
	keys := filepath.Join(dir, "seal.keys")
	if err := os.Mkdir(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range maxListed + 1 {
		if err := os.WriteFile(filepath.Join(keys, fmt.Sprintf("%d.json", i)), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root := must(os.OpenRoot(dir))(t)
	defer root.Close()
	if _, err := Wraps(root.FS()); !errors.Is(err, ErrFormat) {
		t.Fatal(err)
	}
	if err := Shred(root); err != nil {
		t.Error(err)
	}
	if left := must(os.ReadDir(keys))(t); len(left) != 0 {
		t.Errorf("%d files are left", len(left))
	}
}
