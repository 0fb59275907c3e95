package mbom_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/internal/testkit"
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
	big := strings.Repeat(" ", 5<<20)
	for name, c := range map[string]struct{ path, data string }{
		"attention of the Hub":               {"config.json", `{"attn_implementation":"evil/kernel"}`}, // CVE-2026-4372
		"attention, internal name":           {"config.json", `{"text_config":{"_attn_implementation_internal":"evil/kernel@main"}}`},
		"attention by part":                  {"config.json", `{"attn_implementation":{"text_config":"sdpa","vision_config":"evil/kernel"}}`},
		"class of Hydra":                     {"model_config.json", `{"loss":{"_target_":"os.system","command":"id"}}`}, // CVE-2025-23304
		"layer of Keras":                     {"model.json", `{"config":{"layers":[{"class_name":"Lambda","config":{"function":["4wEA"]}}]}}`},
		"function of Keras 3":                {"model.json", `{"config":{"function":{"class_name":"__lambda__","config":{"code":"4wEA"}}}}`},
		"function of Keras 2":                {"model.json", `{"config":{"function":["4wEA"],"function_type":"lambda"}}`},
		"activation of any module":           {"2_Dense/config.json", `{"activation_function":"os.system"}`},
		"activation of a cross encoder":      {"config.json", `{"sentence_transformers":{"activation_fn":"evil.Module"}}`},
		"file of MLX":                        {"config.json", `{"model_file":"../outside.py"}`},
		"large, no configuration":            {"model.json", big + `{"config":{"class_name":"Lambda"}}`},
		"large and escaped":                  {"model.json", big + `{"config":{"class\u005fname":"\u004cambda"}}`},
		"other case":                         {"Modules.json", `[{"type":"x.Y"}]`},
		"module of PEFT":                     {"adapter_config.json", `{"peft_type":"LORA","megatron_config":{},"megatron_core":"evil.core"}`},
		"library of ONNX Runtime":            {"genai_config.json", `{"model":{"decoder":{"session_options":{"custom_ops_library":"evil.so"}}}}`},
		"library of diffusers":               {"model_index.json", `{"_class_name":"FluxPipeline","unet":["os","X"]}`},
		"library of diffusers, modular":      {"modular_model_index.json", `{"unet":[null,null,{"type_hint":["evil.sub","X"]}]}`},
		"tokenizer of sentence-transformers": {"0_WordEmbeddings/wordembedding_config.json", `{"tokenizer_class":"evil.Tokenizer"}`},
		"part of a router":                   {"router_config.json", `{"types":{"query_0":"evil.Module"},"structure":{"query":["query_0"]}}`},
		"part of an older router":            {"1_Asym/config.json", `{"types":{"0":"os.system"}}`},
		"module of Keras":                    {"config.json", `{"module":"os","class_name":"function","config":"system","registered_name":"system"}`}, // CVE-2025-1550
		"module of Keras, deep":              {"model.json", `{"config":{"layers":[{"class_name":"X","config":{},"module":"evil.sub"}]}}`},
		"module of Keras, large":             {"model.json", big + `{"config":{"layers":[{"class_name":"X","config":{},"module":"evil.sub"}]}}`},
		"module of Keras, twice":             {"model.json", `{"a":[{"module":"evil","class_name":"X","module":"keras"}]}`},
		"bundle of MONAI":                    {"configs/inference.json", `{"run":["$@x","$__import__('os').system('id')"]}`},
		"bundle of MONAI, import":            {"b/configs/inference.json", `{"imports":["$import os"]}`},
		"bundle of MONAI in YAML":            {"configs/inference.yaml", "a:\n- b: ${__import__('os').system('id')}\n"},
		"object of jsonpickle":               {"state.json", `{"a":[{"py/reduce":[{"py/function":"posix.system"},{"py/tuple":["id"]}]}]}`},
		"large, of jsonpickle":               {"state.json", big + `{"py\/object":"evil.C"}`},
		"YAML of Python":                     {"config.yaml", "a: !!python/object/apply:os.system [id]\n"},
		"YAML, tag in letters":               {"config.yml", "a: !!%70ython/object/apply:os.system [id]\n"},
		"YAML, tag by directive":             {"c.yaml", "%TAG !e! tag:yaml.org,2002:py\n---\na: !e!thon/object/apply:os.system [id]\n"},
		"YAML, local tag":                    {"c.yaml", "a: !apply [id]\n"},
		"YAML, second document":              {"c.YAML", "a: 1\n---\nb: !!python/name:os.system ''\n"},
		"YAML of Hydra":                      {"c.yaml", "loss:\n  _target_: os.system\n"},
		"YAML of Hydra, by an alias":         {"c.yaml", "a: &t _target_\nloss:\n  *t : os.system\n"},
		"YAML of Hydra, quoted":              {"c.yaml", "loss:\n  \"\\x5ftarget_\": os.system\n"},
		"YAML of latent diffusion":           {"v1-inference.yaml", "model:\n  target: os.system\n  params: {command: id}\n"},
		"YAML of MLflow, other case":         {"mlmodel", "flavors:\n  python_function:\n    loader_module: evil\n"},
		"YAML of torchtune":                  {"c.yaml", "model:\n  _component_: os.system\n"},
		"YAML of Lightning":                  {"c.yaml", "model:\n  class_path: os.system\n"},
		"YAML of pyannote":                   {"config.yaml", "pipeline:\n  name: evil.Pipeline\n"},
		"YAML of pyannote, merged":           {"config.yaml", "a: &a\n  name: evil.Pipeline\npipeline:\n  <<: [*a]\n"},
		"YAML of pyannote, by an alias":      {"config.yaml", "a: &a {name: &n evil.Pipeline}\nb: &b pipeline\n*b : *a\n"},
		"YAML of pyannote, preprocessors":    {"config.yaml", "preprocessors:\n  audio:\n    name: evil.Reader\n"},
		"YAML of MLflow":                     {"MLmodel", "flavors:\n  python_function:\n    loader_module: evil\n"},
	} {
		src := small()
		src[c.path] = &fstest.MapFile{Data: []byte(c.data)}
		p := missing()
		_, err := mbom.Open(t.Context(), src, resources(t, src), p)
		if pe, ok := errors.AsType[*mbom.PolicyError](err); !ok || pe.Field != "InsecureAllowRemoteCode" || pe.Path != c.path {
			t.Errorf("%s: got %v", name, err)
		}
		p.InsecureAllowRemoteCode = true
		if _, err := mbom.Open(t.Context(), src, resources(t, src), p); err != nil {
			t.Errorf("%s: allowed: %v", name, err)
		}
	}
	for path, data := range map[string]string{
		"config.json":             `{"attn_implementation":"sdpa","_attn_implementation":"flash_attention_2","activation_function":"gelu_new","model_file":"model.onnx"}`,
		"adapter_config.json":     `{"peft_type":"LORA","megatron_config":null,"megatron_core":"megatron.core"}`,
		"router_config.json":      `{"types":{"query_0":"sentence_transformers.models.Transformer"},"structure":{"query":["query_0"]}}`,
		"keras/config.json":       `{"module":"keras_hub.src.models.gemma.gemma_backbone","class_name":"GemmaBackbone","config":{"dtype":{"module":"keras","class_name":"DTypePolicy","registered_name":null},"activation":{"module":"builtins","class_name":"function","config":"gelu"}}}`,
		"other/config.json":       `{"module":"vision","types":["a.b"],"x":{"types":{"a":"one. two","b":"v1.5"}}}`,
		"vocab.json":              `{"py/object":7,"py/tuple":8,"ab":{"py/tuple":["a"]}}`,
		"configs/train.json":      `{"path":"$HOME/x","price":"5 $ (net)","x":"${oc.env:HOME}","$(a)":1}`,
		"configs/train.yaml":      "path: $HOME/x\nx: ${oc.env:HOME}\n",
		"prompts.json":            `{"text":"$import (of goods)"}`,
		"pyannote/config.yaml":    "pipeline:\n  name: pyannote.audio.pipelines.SpeakerDiarization\n  params:\n    embedding: hbredin/wespeaker\n    version: 3.1\n",
		"word_config.json":        `{"tokenizer_class":"sentence_transformers.models.tokenizer.WhitespaceTokenizer.WhitespaceTokenizer"}`,
		"special_tokens_map.json": `{"chat_template":null,"bos_token":"<s>"}`,
		"vocab.txt.json":          `{"chat_template":17,"name":18}`,
		"MLmodel":                 "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n",
		"train.yaml":              "target: wer\ntargets: [a.b]\nx: {target: [1, 2]}\n",
		"2_Dense/config.json":     `{"activation_function":"torch.nn.modules.linear.Identity"}`,
		"model.json":              `{"class_name":"Dense","vocab":{"Lambda":1,"_target_":2}}`,
		"conda.yaml":              "name: env\nchannels: &c [conda-forge]\ndependencies:\n- pip: *c\n",
		"big.json":                big + `["auto_map","caf\u00e9"]`,
	} {
		src := small()
		src[path] = &fstest.MapFile{Data: []byte(data)}
		if _, err := mbom.Open(t.Context(), src, resources(t, src), missing()); err != nil {
			t.Errorf("%s is harmless: %v", path, err)
		}
	}
	for path, data := range map[string]string{"a.yaml": "a: [\n", "b.yml": strings.Repeat("# padding\n", 1<<17)} { // what is not read is not waved through
		src := small()
		src[path] = &fstest.MapFile{Data: []byte(data)}
		if _, err := mbom.Open(t.Context(), src, resources(t, src), missing()); !errors.Is(err, mbom.ErrFormat) {
			t.Errorf("%s: got %v", path, err)
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
	src["model_index.json"] = &fstest.MapFile{Data: []byte(`{"_class_name":"FluxPipeline","_diffusers_version":"0.30","scheduler":["diffusers","S"],"text_encoder":["transformers","T"],"safety_checker":["stable_diffusion","S"],"vae":["optimum.onnxruntime.modeling_diffusion","V"],"safety":[null,null],"force_zeros":true}`)}
	if _, err := open(t, complete(t, src), policy()); err != nil {
		t.Error(err)
	}
}

func missing() mbom.Policy {
	p := policy()
	p.InsecureAllowMissingBOM = true
	return p
}

// A template takes more memory than its text: a file of many is refused.
func TestManyTemplates(t *testing.T) {
	for n, want := range map[int]error{900: nil, 2000: mbom.ErrFormat} {
		src := small()
		src["special_tokens_map.json"] = &fstest.MapFile{Data: []byte(`{"chat_template":["` + strings.Repeat(`x","`, n) + `"]}`)}
		p := missing()
		p.AnySignedTemplate = true
		if _, err := mbom.Open(t.Context(), src, resources(t, src), p); !errors.Is(err, want) {
			t.Errorf("%d: %v, want %v", n, err, want)
		}
	}
}

// An index must name files that were signed with the model, beside it.
func TestIndexPointsIntoTheModel(t *testing.T) {
	for name, c := range map[string]struct {
		path, data string
		ok         bool
	}{
		"beside":        {"model.safetensors.index.json", `{"metadata":{"total_size":4},"weight_map":{"w":"model.safetensors"}}`, true},
		"upward":        {"model.safetensors.index.json", `{"weight_map":{"w":"../other/model.safetensors"}}`, false},
		"absolute":      {"model.safetensors.index.json", `{"weight_map":{"w":"/tmp/model.safetensors"}}`, false},
		"not signed":    {"model.safetensors.index.json", `{"weight_map":{"w":"model.safetensors","v":"more.safetensors"}}`, false},
		"of a folder":   {"sub/model.safetensors.index.json", `{"weight_map":{"w":"model.safetensors"}}`, false},
		"pickle":        {"pytorch_model.bin.index.json", `{"weight_map":{"w":"pytorch_model-1.bin"}}`, false},
		"no text":       {"model.safetensors.index.json", `{"weight_map":{"w":1}}`, false},
		"variant":       {"model.safetensors.index.fp16.json", `{"weight_map":{"w":"../x"}}`, false},
		"upper case":    {"MODEL.SAFETENSORS.INDEX.JSON", `{"weight_map":{"w":"more.safetensors"}}`, false},
		"two maps":      {"model.safetensors.index.json", `{"weight_map":{"w":"../x"},"weight_map":{"w":"model.safetensors"}}`, false},
		"other index":   {"search.index.json", `{"documents":["a"]}`, true},
		"escaped":       {"model.safetensors.index.json", `{"weight\u005fmap":{"w":"\u002e\u002e/x"}}`, false},
		"two spellings": {"model.safetensors.index.json", `{"weight_map":{"w":"model.safetensors"},"Weight_Map":{"w":"x"}}`, false},
		"tensor twice":  {"model.safetensors.index.json", `{"weight_map":{"w":"model.safetensors","w":"model.safetensors"}}`, false},
		"tensor cases":  {"model.safetensors.index.json", `{"weight_map":{"w":"model.safetensors","W":"model.safetensors"}}`, true},
		"labels":        {"index_to_name.json", `{"0":"tench","A":"x","a":"y","a":"z"}`, true},
		"same, nested":  {"model.safetensors.index.json", `{"weight_map":{"a":{"b":"../x"}}}`, false},
	} {
		src := small()
		src[c.path] = &fstest.MapFile{Data: []byte(c.data)}
		_, err := mbom.Open(t.Context(), src, resources(t, src), missing())
		if c.ok && err != nil || !c.ok && !errors.Is(err, mbom.ErrPolicy) && !errors.Is(err, mbom.ErrFormat) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// The indexes of the vectors: what readers take differently, or what is not where the index says, is refused when the bill is made, and
// what leads elsewhere when the model is opened too.
func TestIndexVectors(t *testing.T) {
	dir, labels := testkit.Labelled[struct{ Path, Verdict string }](t, "formats", "safetensors-index")
	for _, l := range labels {
		src := fstest.MapFS{}
		files, err := fs.Glob(os.DirFS(filepath.Join(dir, filepath.Dir(l.Path))), "*")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			data, err := os.ReadFile(filepath.Join(dir, filepath.Dir(l.Path), name))
			if err != nil {
				t.Fatal(err)
			}
			src[name] = &fstest.MapFile{Data: data}
		}
		b, buildErr := mbom.Build(t.Context(), src, mbom.BuildOptions{})
		refusedByBuild := errors.Is(buildErr, mbom.ErrFormat)
		p := missing()
		p.InsecureAnyLicence = true
		_, err = mbom.Open(t.Context(), src, resources(t, src), p)
		refusedByOpen := errors.Is(err, mbom.ErrFormat)
		switch l.Verdict {
		case "reject":
			if !refusedByBuild && !refusedByOpen {
				t.Errorf("%s: Build says %v and Open %v", l.Path, buildErr, err)
			}
		case "finding":
			if buildErr != nil || err != nil || len(b.Findings) == 0 {
				t.Errorf("%s: %v, %v, %v", l.Path, b, buildErr, err)
			}
		default:
			if buildErr != nil || err != nil || len(b.Findings) != 0 {
				t.Errorf("%s: %v, %v, %v", l.Path, b, buildErr, err)
			}
		}
	}
	if len(labels) != 11 {
		t.Errorf("%d labelled indexes, want 11", len(labels))
	}
}

// One place that asks for code is enough to refuse: many of them, deep in a configuration, cost no more than its size.
func TestRemoteCodeCostsItsSize(t *testing.T) {
	for name, data := range map[string]string{
		"long key": `{"` + strings.Repeat("k", 1<<20) + `":[` + strings.TrimSuffix(strings.Repeat(`{"auto_map":"x"},`, 100_000), ",") + `]}`,
		"deep":     strings.Repeat("[", 9000) + strings.TrimSuffix(strings.Repeat(`{"auto_map":"x"},`, 100_000), ",") + strings.Repeat("]", 9000),
		"paths":    strings.Repeat("[", 9000) + `{"auto_map":"x"}` + strings.Repeat(`,"/"`, 500_000) + strings.Repeat("]", 9000),
	} {
		src := fstest.MapFS{"other.json": {Data: []byte(data)}}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		b, err := mbom.Build(t.Context(), src, mbom.BuildOptions{})
		runtime.ReadMemStats(&after)
		if err != nil || len(b.RemoteCode) == 0 || len(b.RemoteCode) > 1000 {
			t.Fatalf("%s: %v", name, err)
		}
		if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 200 {
			t.Errorf("%s: %d MiB for %d", name, mib, len(data)>>20)
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":4},"weight_map":{"w":"model.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"../x","a":1},"Weight_Map":[]}`))
	src := small()
	f.Fuzz(func(t *testing.T, data []byte) {
		src["model.safetensors.index.json"] = &fstest.MapFile{Data: data}
		if _, err := mbom.Build(t.Context(), src, mbom.BuildOptions{}); err != nil && !errors.Is(err, mbom.ErrFormat) {
			t.Fatalf("untyped error: %v", err)
		}
	})
}
