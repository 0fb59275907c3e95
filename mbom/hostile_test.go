package mbom_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/mbom"
)

// Files that loaders take instructions from, whatever their size and name.
func TestRemoteCodeInOtherConfigurations(t *testing.T) {
	for name, c := range map[string]struct{ path, data string }{
		"module of another repository": {"modules.json", `[{"idx":0,"name":"0","path":"","type":"x/y--custom_st.Transformer"}]`},
		"module of this repository":    {"modules.json", `[{"idx":0,"name":"0","path":"","type":"custom_st.Transformer"}]`},
		"pipeline":                     {"model_index.json", `{"_class_name":["pipeline","MyPipeline"]}`},
	} {
		src := small()
		src[c.path] = &fstest.MapFile{Data: []byte(c.data)}
		complete(t, src)
		_, err := open(t, src, policy())
		if pe, ok := errors.AsType[*mbom.PolicyError](err); !ok || pe.Field != "InsecureAllowRemoteCode" || pe.Path != c.path {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, path := range []string{"modules.json", "model_index.json"} { // too large to be looked into is too large
		src := small()
		src[path] = &fstest.MapFile{Data: []byte(strings.Repeat(" ", 5<<20) + `{"auto_map":"m.M"}`)}
		if _, err := mbom.Open(t.Context(), src, resources(t, src), missing()); !errors.Is(err, mbom.ErrFormat) {
			t.Errorf("%s of 5 MiB: got %v", path, err)
		}
	}
	src := small()
	src["modules.json"] = &fstest.MapFile{Data: []byte(`[{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"}]`)}
	src["model_index.json"] = &fstest.MapFile{Data: []byte(`{"_class_name":"FluxPipeline","_diffusers_version":"0.30","scheduler":["diffusers","S"],"text_encoder":["transformers","T"],"safety":[null,null],"force_zeros":true}`)}
	if _, err := open(t, complete(t, src), policy()); err != nil {
		t.Error(err)
	}
}

func missing() mbom.Policy {
	p := policy()
	p.InsecureAllowMissingBOM = true
	return p
}

// An index must name files that were signed with the model, beside it.
func TestIndexPointsIntoTheModel(t *testing.T) {
	for name, c := range map[string]struct {
		path, data string
		ok         bool
	}{
		"beside":       {"model.safetensors.index.json", `{"metadata":{"total_size":4},"weight_map":{"w":"model.safetensors"}}`, true},
		"upward":       {"model.safetensors.index.json", `{"weight_map":{"w":"../other/model.safetensors"}}`, false},
		"absolute":     {"model.safetensors.index.json", `{"weight_map":{"w":"/tmp/model.safetensors"}}`, false},
		"not signed":   {"model.safetensors.index.json", `{"weight_map":{"w":"model.safetensors","v":"more.safetensors"}}`, false},
		"of a folder":  {"sub/model.safetensors.index.json", `{"weight_map":{"w":"model.safetensors"}}`, false},
		"pickle":       {"pytorch_model.bin.index.json", `{"weight_map":{"w":"pytorch_model-1.bin"}}`, false},
		"no text":      {"model.safetensors.index.json", `{"weight_map":{"w":1}}`, false},
		"upper case":   {"MODEL.SAFETENSORS.INDEX.JSON", `{"weight_map":{"w":"more.safetensors"}}`, false},
		"two maps":     {"model.safetensors.index.json", `{"weight_map":{"w":"../x"},"weight_map":{"w":"model.safetensors"}}`, false},
		"other index":  {"search.index.json", `{"documents":["a"]}`, true},
		"escaped":      {"model.safetensors.index.json", `{"weight\u005fmap":{"w":"\u002e\u002e/x"}}`, false},
		"same, nested": {"model.safetensors.index.json", `{"weight_map":{"a":{"b":"../x"}}}`, false},
	} {
		src := small()
		src[c.path] = &fstest.MapFile{Data: []byte(c.data)}
		_, err := mbom.Open(t.Context(), src, resources(t, src), missing())
		if c.ok && err != nil || !c.ok && !errors.Is(err, mbom.ErrPolicy) && !errors.Is(err, mbom.ErrFormat) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
