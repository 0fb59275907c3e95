package sign_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// Bundles of Sigstore that are no model signatures, of versions 0.1 to 0.3, good ones and forged ones, are refused: for their form, as
// keyless, or for what their statement says; also where they call themselves 0.3, and all certificates in them are trusted at the time
// when they were valid.
func TestSigstoreBundles(t *testing.T) {
	root := testkit.Vectors(t, "sign")
	found := 0
	for _, pattern := range []string{"sigstore-conformance/*/bundle.sigstore.json", "sigstore-go/bundles/*.json"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		found += len(files)
		for _, name := range files {
			data := read(t, name)
			p := anyModel(signtest.Key(t))
			if text, err := os.ReadFile(filepath.Join(filepath.Dir(name), "key.pub")); err == nil {
				if key, err := bundle.ParsePublicKey(text); err == nil {
					p.Keys = append(p.Keys, key)
				}
			}
			var doc object
			if err := json.Unmarshal(data, &doc); err != nil {
				t.Fatal(err)
			}
			doc["mediaType"] = bundle.MediaType
			renamed, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			now := time.Now()
			if b, err := bundle.Parse(renamed); err == nil && len(b.Chain) > 0 {
				p.Roots, p.InsecureAnyIdentity, p.InsecureLeafAsRoot = b.Chain, true, true
				now = b.Chain[0].NotBefore.Add(time.Minute)
			}
			for what, b := range map[string][]byte{"as it is": data, "as version 0.3": renamed} {
				_, err := sign.Open(t.Context(), fstest.MapFS{}, p, sign.WithBundle(b), sign.WithClock(func() time.Time { return now }))
				if !errors.Is(err, sign.ErrFormat) && !errors.Is(err, sign.ErrUnsupported) && !errors.Is(err, sign.ErrSignature) {
					t.Errorf("%s, %s: %v", filepath.Base(filepath.Dir(name)), what, err)
				}
			}
		}
	}
	if found < 17 {
		t.Errorf("%d bundles, want 17", found)
	}
}
