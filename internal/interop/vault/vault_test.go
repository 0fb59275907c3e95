package vault

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/kek/vault"
	"github.com/holdfast-ai/holdfast/crypto/kek/vault/vaulttest"
	"github.com/holdfast-ai/holdfast/crypto/seal"
)

func newKEK(t *testing.T, s *vaulttest.Server, key string) *kek.KEK {
	t.Helper()
	a, err := vault.New(vault.Config{
		Address: s.URL, Key: key, HTTP: s.Client(), Token: func(context.Context) (string, error) { return vaulttest.Token, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	k, err := kek.FromAEAD("vault", a)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sealed seals a model for k.
func sealed(t *testing.T, k *kek.KEK, version uint64) (*os.Root, seal.Info) {
	t.Helper()
	h, err := kek.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "sealed")
	info, err := seal.Dir(t.Context(), dir, fstest.MapFS{"w": {Data: []byte("weights")}}, h, seal.Options{Name: "tiny", Version: version, Wraps: []seal.Wrapper{k}})
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, info
}

func open(t *testing.T, root *os.Root, ks seal.KeySource) error {
	t.Helper()
	f, err := seal.OpenFS(t.Context(), root.FS(), ks)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := fs.ReadFile(f, "w")
	if string(b) != "weights" {
		t.Errorf("read %q", b)
	}
	return err
}

// The associated data of docs/SPEC.md section 3 is what goes over the wire, when a keyset is wrapped and when it is unwrapped.
func TestAssociatedDataOnTheWire(t *testing.T) {
	s := vaulttest.New(t)
	k := newKEK(t, s, "models")
	root, info := sealed(t, k, 7)
	if err := open(t, root, kek.Source{KEK: k}); err != nil {
		t.Fatal(err)
	}
	calls := s.Took() // encrypt, its probe, decrypt
	if len(calls) != 3 || !bytes.Equal(calls[0].AssociatedData(), info.KeysetAD()) || !bytes.Equal(calls[2].AssociatedData(), info.KeysetAD()) ||
		bytes.Equal(calls[1].AssociatedData(), info.KeysetAD()) {
		t.Fatalf("%d calls: %+v", len(calls), calls)
	}
	if !bytes.Contains(info.KeysetAD(), []byte("holdfast/keyset/v1")) || !bytes.Contains(info.KeysetAD(), info.Commitment[:]) {
		t.Error("the associated data does not name the keyset")
	}
}

// A wrapped keyset that is moved to another version or wrapped by another key is refused by the engine, and stays refused where
// unbound keysets are allowed.
func TestMovedAndForeignKeysets(t *testing.T) {
	s := vaulttest.New(t)
	k := newKEK(t, s, "models")
	root, _ := sealed(t, k, 7)
	other, _ := sealed(t, k, 8)
	b, err := fs.ReadFile(other.FS(), "seal.keys/vault.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := open(t, root, kek.Source{KEK: newKEK(t, s, "others")}); !errors.Is(err, kek.ErrUnwrap) || !errors.Is(err, vault.ErrRefused) {
		t.Errorf("another key: %v", err)
	}
	if err := seal.WriteWrapped(root, seal.Wrapped{ID: "vault", Blob: b}); err != nil {
		t.Fatal(err)
	}
	for _, unbound := range []bool{false, true} {
		if err := open(t, root, kek.Source{KEK: k, InsecureAllowUnboundKeyset: unbound}); !errors.Is(err, kek.ErrUnwrap) {
			t.Errorf("moved: %v", err)
		}
	}
}

// A server that throttles, is away or answers in half is no wrong key; one that ignores associated data wraps nothing.
func TestFaultsKeepTheirClass(t *testing.T) {
	s := vaulttest.New(t)
	k := newKEK(t, s, "models")
	root, info := sealed(t, k, 7)
	for name, c := range map[string]struct {
		faults vaulttest.Faults
		want   error
	}{
		"good":             {vaulttest.Faults{}, nil},
		"throttled twice":  {vaulttest.Faults{Throttle: 2, RetryAfter: "0"}, nil},
		"throttled":        {vaulttest.Faults{Throttle: 100, RetryAfter: "0"}, kek.ErrUnavailable},
		"permission":       {vaulttest.Faults{Reply: replying(http.StatusForbidden, "")}, kek.ErrUnwrap},
		"empty reply":      {vaulttest.Faults{Reply: replying(http.StatusOK, `{"data":{}}`)}, kek.ErrUnwrap},
		"truncated reply":  {vaulttest.Faults{Reply: replying(http.StatusOK, `{"data":{"plaintext":"CA`)}, kek.ErrUnwrap},
		"truncated keyset": {vaulttest.Faults{Reply: replying(http.StatusOK, `{"data":{"plaintext":"CAESBA=="}}`)}, kek.ErrFormat},
	} {
		s.Set(c.faults)
		if err := open(t, root, kek.Source{KEK: k}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.Set(vaulttest.Faults{IgnoreAssociatedData: true})
	h, err := kek.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Wrap(t.Context(), h, info); !errors.Is(err, vault.ErrUnbound) {
		t.Errorf("wrapped without binding: %v", err)
	}
}

// Forty openings at once are one call to the engine, and a re-wrapped directory is asked for anew.
func TestOneCallPerModel(t *testing.T) {
	s := vaulttest.New(t)
	k := newKEK(t, s, "models")
	root, _ := sealed(t, k, 7)
	s.Took()
	cache, err := kek.NewCache(kek.Source{KEK: k}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if err := open(t, root, cache); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(s.Took()); n != 1 {
		t.Errorf("%d calls", n)
	}
	if err := kek.Rewrap(t.Context(), root, kek.Source{KEK: k}, k, false); err != nil {
		t.Fatal(err)
	}
	s.Took()
	if err := open(t, root, cache); err != nil || len(s.Took()) != 1 {
		t.Errorf("after re-wrapping: %v", err)
	}
}

// replying is a server whose answers are these.
func replying(status int, text string) func(string, http.ResponseWriter) bool {
	return func(_ string, w http.ResponseWriter) bool {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
		return true
	}
}
