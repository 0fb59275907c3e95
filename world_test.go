package holdfast_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/attesttest"
	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

const (
	modelName = "tiny"
	weights   = "model.safetensors"
)

// safetensors is a weight file with one tensor.
func safetensors(values ...float32) string {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	n := fmt.Sprintf(`{"w":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}`, len(values), len(data))
	for len(n)%8 != 0 {
		n += " "
	}
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(n)))) + n + string(data)
}

// contents are the files of a small good model.
func contents(version uint64) map[string]string {
	return map[string]string{
		"holdfast.json": string(signtest.Card(modelName, version)),
		"config.json":   `{"architectures":["LlamaForCausalLM"],"model_type":"llama"}`,
		"README.md":     "---\nlicense: mit\n---\n\n# tiny\n",
		weights:         safetensors(1, 2, 3, 4),
	}
}

// publish adds bill of materials and signature.
func publish(t testing.TB, key *ecdsa.PrivateKey, files map[string]string) fstest.MapFS {
	t.Helper()
	src := signtest.Files(files)
	bom, err := mbom.Build(t.Context(), src, mbom.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := bom.CycloneDX("1.7")
	if err != nil {
		t.Fatal(err)
	}
	src[mbom.BOMFile] = &fstest.MapFile{Data: data, Mode: 0o644}
	return signtest.Sign(t, src, key)
}

// sealDir seals src under a name and version and returns the directory and its keyset.
func sealDir(t testing.TB, src fs.FS, name string, version uint64) (fs.FS, *keyset.Handle) {
	t.Helper()
	h, err := kek.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "sealed")
	if _, err := seal.Dir(t.Context(), dir, src, h, seal.Options{Name: name, Version: version}); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return sign.DirFS(root), h
}

// held is a key source that asks nobody.
type held struct {
	h      *keyset.Handle
	floors *keyrelease.Floors
}

func (k held) Keyset(context.Context, seal.Info, []seal.Wrapped) (*keyset.Handle, error) {
	return k.h, nil
}

func (k held) Floors() (keyrelease.Floors, bool) {
	if k.floors == nil {
		return keyrelease.Floors{}, false
	}
	return *k.floors, true
}

// config is a policy that accepts what key signs as the model of this test.
func config(key *ecdsa.PrivateKey, src fs.FS) holdfast.Config {
	return holdfast.Config{
		Source:    src,
		Signature: sign.Policy{Keys: []crypto.PublicKey{key.Public()}, Name: modelName, MinVersion: 7},
		MBOM:      mbom.Policy{Formats: mbom.SafeFormats(), Licences: []string{"mit"}},
		Weights:   mbom.WeightPolicy{Finite: true},
		Guard:     guard.DefaultPolicy(),
	}
}

func open(t testing.TB, cfg holdfast.Config) *holdfast.Chain {
	t.Helper()
	c, err := holdfast.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// load reads the weights as an engine does.
func load(t testing.TB, c *holdfast.Chain) {
	t.Helper()
	if err := loadErr(c, weights); err != nil {
		t.Fatal(err)
	}
}

func loadErr(c *holdfast.Chain, name string) error {
	size, err := c.Model().Size(name)
	if err != nil {
		return err
	}
	_, err = c.Model().ReadInto(context.Background(), name, make([]byte, size))
	return err
}

// simulated is a machine and a policy that accepts it.
func simulated(t testing.TB) (*attesttest.Device, attest.Policy) {
	t.Helper()
	v, err := attesttest.NewVendor()
	if err != nil {
		t.Fatal(err)
	}
	o := attesttest.Options{Measurement: [48]byte{1, 2, 3}}
	d, err := v.Device(o)
	if err != nil {
		t.Fatal(err)
	}
	return d, attest.Policy{
		Verifiers:        []attest.Verifier{v.Verifier(o.Policy())},
		InsecureAnyModel: true, InsecureAnyConfig: true, InsecureAcceptSimulated: true,
	}
}

// answer is an engine that gives the same answer to everything and remembers what reached it.
type answer struct{ seen chan string }

func newAnswer() *answer { return &answer{make(chan string, 256)} }

func (a *answer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.seen <- r.Method + " " + r.URL.Path
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"id":"1","object":"chat.completion","created":1,"model":"tiny","choices":[{"index":0,"message":{"role":"assistant","content":"Berth 7."},"finish_reason":"stop"}]}`)
}

const question = `{"model":"tiny","messages":[{"role":"user","content":"Which berth?"}]}`
