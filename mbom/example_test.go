package mbom_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// The publisher builds the bill before signing; the server holds it against the signed files and its policy. Here the
// template was changed after the policy was written.
func Example() {
	ctx := context.Background()
	header := `{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}`
	weights := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	model := fstest.MapFS{
		"README.md":             {Data: []byte("---\nlicense: apache-2.0\n---\n# Small\n")},
		"config.json":           {Data: []byte(`{"model_type":"llama"}`)},
		"holdfast.json":         {Data: []byte(`{"name":"small","version":3}`)},
		"model.safetensors":     {Data: append(weights, make([]byte, 16)...)},
		"tokenizer_config.json": {Data: []byte(`{"chat_template":"{{ another }}"}`)},
	}
	bom, err := mbom.Build(ctx, model, mbom.BuildOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(bom.Name, bom.Version, len(bom.Files), "files,", bom.Parameters[0].Elements, "parameters")

	policy := mbom.Policy{
		Formats:                 mbom.SafeFormats(),
		Licences:                []string{"Apache-2.0"},
		Templates:               [][32]byte{sha256.Sum256([]byte("{{ the template that was reviewed }}"))},
		InsecureAllowMissingBOM: true,
	}
	var signed []manifest.Resource // from sign.Model.Files
	for _, f := range bom.Files {
		signed = append(signed, manifest.Resource{Name: f.Name, Algorithm: manifest.SHA256, Digest: f.SHA256[:]})
	}
	_, err = mbom.Open(ctx, model, signed, policy)
	if e, ok := errors.AsType[*mbom.PolicyError](err); ok {
		fmt.Println("refused by", e.Field, "in", e.Path)
	}
	// Output:
	// small 3 5 files, 4 parameters
	// refused by Templates in tokenizer_config.json#/chat_template
}
