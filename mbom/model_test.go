package mbom_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

const template = "{% for m in messages %}{{ m.content }}{% endfor %}"

// weights makes a safetensors file with one tensor for each list of values.
func weights(tensors ...[]float32) []byte {
	var head, data []byte
	for i, values := range tensors {
		begin := len(data)
		for _, v := range values {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
		head = fmt.Appendf(head, `,"t%d":{"dtype":"F32","shape":[%d],"data_offsets":[%d,%d]}`, i, len(values), begin, len(data))
	}
	return container(`{`+strings.TrimPrefix(string(head), ",")+`}`, data)
}

func container(head string, data []byte) []byte {
	head += strings.Repeat(" ", -len(head)&7)
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head...), data...)
}

// small returns the files of a small model that the test policy accepts.
func small() fstest.MapFS {
	files := map[string]string{
		"README.md":              "---\nlicense: apache-2.0\ndatasets: [tides]\npipeline_tag: text-generation\nbase_model: a/b\nmodel-index:\n- results:\n  - dataset: {name: heldback}\n    metrics: [{type: accepted, value: 0.96}]\n---\n# Small\n",
		"DATASET.md":             "---\npretty_name: Tides\nlicense: cc0-1.0\n---\n",
		"config.json":            `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":8,"torch_dtype":"float32"}`,
		"generation_config.json": `{"temperature":0.7}`,
		"tokenizer_config.json":  `{"tokenizer_class":"PreTrainedTokenizerFast","chat_template":"` + template + `"}`,
		"tokenizer.json":         `{"model":{"vocab":{"a":0,"A":1,"auto_map":2}}}`,
		"holdfast.json":          `{"name":"small","version":3,"display":"Small","created":"2026-01-02T03:04:05Z"}`,
		"sub/notes.txt":          "plain text\n",
		"model.safetensors":      string(weights([]float32{1, -2, 3}, []float32{0.5})),
	}
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func policy() mbom.Policy {
	return mbom.Policy{Formats: mbom.SafeFormats(), Licences: []string{"Apache-2.0"}, Templates: [][32]byte{sha256.Sum256([]byte(template))}}
}

func build(t *testing.T, src fs.FS, version string) []byte {
	t.Helper()
	b, err := mbom.Build(t.Context(), src, mbom.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := b.CycloneDX(version)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// resources lists the files as a signature would.
func resources(t *testing.T, src fstest.MapFS) []manifest.Resource {
	t.Helper()
	var out []manifest.Resource
	for name, f := range src {
		sum := sha256.Sum256(f.Data)
		out = append(out, manifest.Resource{Name: name, Algorithm: manifest.SHA256, Digest: sum[:]})
	}
	return out
}

// complete adds the bill of materials to src.
func complete(t *testing.T, src fstest.MapFS) fstest.MapFS {
	t.Helper()
	src[mbom.BOMFile] = &fstest.MapFile{Data: build(t, src, "1.7")}
	return src
}

func open(t *testing.T, src fstest.MapFS, p mbom.Policy) (*mbom.Bound, error) {
	t.Helper()
	return mbom.Open(t.Context(), src, resources(t, src), p)
}
