//go:build interop

package interop

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/keyset"

	sdk "github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/memory"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

const gguf = "stories260K.gguf"

// TestForeignEngine hands a sealed model to llama.cpp in a confined child, as a sealed file in memory and as a directory. What
// it writes is what the reference implementation of the model writes, so it read the very weights.
func TestForeignEngine(t *testing.T) {
	var want struct {
		Cases []struct {
			PromptIDs []int `json:"prompt_ids"`
			NextIDs   []int `json:"next_ids"`
		} `json:"cases"`
	}
	data, err := os.ReadFile(testkit.Vectors(t, "models", "stories260k-expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil || len(want.Cases) == 0 {
		t.Fatal(err)
	}
	const count = 24 // ids after each prompt
	args := []string{fmt.Sprint(count)}
	for _, c := range want.Cases {
		ids, err := json.Marshal(c.PromptIDs)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, string(ids))
	}
	check := func(t *testing.T, e memory.Engine, model string) {
		t.Helper()
		e.Args = append([]string{"foreign_engine.py", model}, args...)
		var got [][]int
		if err := json.Unmarshal(confinedPython(t, e), &got); err != nil || len(got) != len(want.Cases) {
			t.Fatal(got, err)
		}
		for i, c := range want.Cases {
			if !slices.Equal(got[i], c.NextIDs[:count]) {
				t.Errorf("after %v it writes %v, want %v", c.PromptIDs, got[i], c.NextIDs[:count])
			}
		}
	}
	t.Run("memfd", func(t *testing.T) {
		f, err := storiesChain(t).Memfd(t.Context(), gguf)
		if errors.Is(err, sign.ErrNoMemfd) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		check(t, memory.Engine{Files: []*os.File{f}}, memory.FilePath(0))
	})
	t.Run("dir", func(t *testing.T) {
		d, err := storiesChain(t).Dir(t.Context(), memory.DirOptions{Mount: memory.Try})
		if errors.Is(err, memory.ErrUnsupported) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		check(t, memory.Engine{Dirs: []*memory.Dir{d}}, filepath.Join(d.Path(), gguf))
	})
}

// confinedPython runs e as the interpreter with a script of this directory, under all that this system can enforce, and
// returns its output.
func confinedPython(t *testing.T, e memory.Engine) []byte {
	t.Helper()
	setup := exec.Command("./setup-ctransformers.sh")
	setup.Stderr = os.Stderr
	out, err := setup.Output()
	if err != nil {
		t.Fatal(err)
	}
	e.Path = strings.TrimSpace(string(out))
	base, err := filepath.EvalSymlinks(e.Path)
	if err != nil {
		t.Fatal(err)
	}
	if e.WorkDir, err = os.Getwd(); err != nil {
		t.Fatal(err)
	}
	e.Read = []string{filepath.Dir(filepath.Dir(e.Path)), filepath.Dir(filepath.Dir(base)), filepath.Join(e.WorkDir, e.Args[0])}
	for _, p := range e.Read {
		if !forEveryone(t, p) { // another user could not run it
			e.User = &memory.User{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
		}
	}
	var stdout bytes.Buffer
	e.Stdout, e.Stderr = &stdout, os.Stderr
	p, err := e.Start(t.Context())
	if unenforced, ok := errors.AsType[*memory.UnenforcedError](err); ok {
		t.Logf("not enforced here: %v", unenforced.Missing)
		e.InsecureWithout = unenforced.Missing
		p, err = e.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	return stdout.Bytes()
}

// forEveryone reports whether every user can reach p.
func forEveryone(t *testing.T, p string) bool {
	t.Helper()
	for ; ; p = filepath.Dir(p) {
		fi, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if fi.IsDir() && fi.Mode()&0o1 == 0 || !fi.IsDir() && fi.Mode()&0o4 == 0 {
			return false
		}
		if p == "/" {
			return true
		}
	}
}

// storiesChain signs and seals the model, and opens it.
func storiesChain(t *testing.T) *sdk.Chain {
	t.Helper()
	weights, err := os.ReadFile(testkit.Vectors(t, "models", gguf))
	if err != nil {
		t.Fatal(err)
	}
	src := signtest.Files(map[string]string{
		"holdfast.json": string(signtest.Card("stories", 1)), gguf: string(weights), "README.md": "---\nlicense: mit\n---\n",
	})
	bom, err := mbom.Build(t.Context(), src, mbom.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := bom.CycloneDX("1.7")
	if err != nil {
		t.Fatal(err)
	}
	src[mbom.BOMFile] = signtest.Files(map[string]string{"x": string(doc)})["x"]
	key := signtest.Key(t)
	h, err := kek.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	sealed := filepath.Join(t.TempDir(), "sealed")
	if _, err := seal.Dir(t.Context(), sealed, signtest.Sign(t, src, key), h, seal.Options{Name: "stories", Version: 1}); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(sealed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	c, err := sdk.Open(t.Context(), sdk.Config{
		Source:    sign.DirFS(root),
		Key:       seal.KeySourceFunc(func(context.Context, seal.Info, []seal.Wrapped) (*keyset.Handle, error) { return h, nil }),
		Signature: sign.Policy{Keys: []crypto.PublicKey{key.Public()}, Name: "stories", MinVersion: 1},
		MBOM:      mbom.Policy{Formats: mbom.SafeFormats(), Licences: []string{"mit"}},
		Weights:   mbom.WeightPolicy{Finite: true},
		Guard:     guard.DefaultPolicy(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
