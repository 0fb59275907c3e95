package mbom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-ai/holdfast/mbom/format/yamlcode"
	"github.com/holdfast-ai/holdfast/mbom/model"
)

// Bounds on what is kept of places that ask for code. One is enough to refuse a model.
const (
	maxPlaces  = 1000    // of a model
	maxPointer = 1 << 10 // bytes of a JSON pointer; a longer one is left out
	maxNesting = 10_000  // of JSON that is no configuration; encoding/json reads no deeper either
)

var errNesting = errors.New("nested too deeply")

// errTemplates is the error of a file with more chat templates than are kept.
var errTemplates = fmt.Errorf("more than %d chat templates", maxPlaces)

// asksForCode reports whether a value makes a loader import or call code that is not its own. in holds it and knows its key.
func asksForCode(in *container, value json.Token) bool {
	text, isText := value.(string)
	switch in.key {
	case "auto_map", "auto_mapping", "custom_generate", "custom_pipelines", "trust_remote_code": // of transformers, PEFT and diffusers
		_, number := value.(float64) // a vocabulary may hold the word
		return value != nil && value != false && !number
	case "_target_": // Hydra and NeMo call it (CVE-2025-23304)
		return isText
	case "class_name": // Keras: code of Python in base64
		return text == "Lambda" || text == "__lambda__"
	case "function_type":
		return text == "lambda"
	case "activation_function", "activation_fn", "sbert_ce_default_activation_function": // sentence-transformers imports it
		return strings.Contains(text, ".") && !strings.HasPrefix(text, "torch.nn.")
	case "model_file": // MLX runs it
		return strings.HasSuffix(text, ".py")
	case "megatron_core": // PEFT imports it
		return isText && text != "megatron" && !strings.HasPrefix(text, "megatron.")
	case "tokenizer_class": // of WordEmbeddings of sentence-transformers, which imports it
		return yamlcode.Qualified(text) && !strings.HasPrefix(text, "sentence_transformers.")
	case "custom_ops_library": // a shared library that ONNX Runtime loads
		return text != ""
	case "py/object", "py/reduce", "py/type", "py/function", "py/repr", "py/mod", "py/factory", "py/newargs", "py/newargsex", "py/newobj", "py/initargs": // jsonpickle
		_, number := value.(float64)
		return value != nil && !number
	}
	if in.classes && yamlcode.Qualified(text) { // sentence-transformers imports the parts of a router
		return !strings.HasPrefix(text, "sentence_transformers.") && !strings.HasPrefix(text, "torch.nn.")
	}
	// transformers fetches kernels with code from the Hub (CVE-2026-4372), for all or for a part of the model.
	return strings.Contains(text, "/") && (in.kernels || isKernel(in.key))
}

// isForeign reports whether Keras imports a module for an object that names it, other than its own (CVE-2025-1550). Functions of
// builtins are looked up among Keras's.
func isForeign(module string) bool {
	top, _, _ := strings.Cut(module, ".")
	return !slices.Contains([]string{"", "keras", "keras_hub", "keras_nlp", "keras_cv", "builtins"}, top)
}

// isBundle reports whether a file is a configuration of a MONAI bundle, which has them in a directory of that name.
func isBundle(name string) bool {
	return slices.Contains(strings.Split(path.Dir(name), "/"), "configs")
}

// isLibrary reports whether diffusers loads a part of a pipeline from a library of its own: other names it imports. Some of its pipelines
// have classes that are nowhere else.
func isLibrary(name string) bool {
	top, _, _ := strings.Cut(name, ".")
	return slices.Contains([]string{"diffusers", "transformers", "optimum"}, top) || slices.Contains([]string{
		"alt_diffusion", "audioldm2", "blip_diffusion", "cosmos", "deepfloyd_if", "flux", "kandinsky", "latent_diffusion", "ltx", "paint_by_example", "shap_e",
		"spectrogram_diffusion", "stable_audio", "stable_diffusion", "stable_diffusion_safe", "unidiffuser", "versatile_diffusion", "wuerstchen",
	}, name)
}

func isKernel(key string) bool {
	return strings.Contains(key, "attn_implementation") || strings.Contains(key, "experts_implementation")
}

// mightAsk reports whether text can hold anything of what asksForCode looks for: a fast answer for large vocabularies. Escapes
// of printable ASCII could spell any of it.
func mightAsk(data []byte) bool {
	for _, word := range []string{
		"auto_map", "custom_generate", "custom_pipelines", "trust_remote_code", "_target_", "Lambda", "__lambda__", "lambda", "activation_f",
		"default_activation_function", "model_file", "_implementation", "megatron_core", "custom_ops_library", "class_name", "py/", `py\/`,
		"tokenizer_class", "chat_template",
	} {
		if bytes.Contains(data, []byte(word)) {
			return true
		}
	}
	return regexp.MustCompile(`\\u00[2-7]`).Match(data)
}

func (x *extractor) asks(text, file, pointer string) {
	if len(x.bom.RemoteCode) < maxPlaces {
		x.bom.RemoteCode = append(x.bom.RemoteCode, model.Value{Text: text, Evidence: declared(file, pointer)})
	}
}

// remoteCode finds values at any depth of JSON that ask for code, and the chat templates that [extractor.templates] does not read: transformers
// takes every key of special_tokens_map.json for an argument of the tokenizer.
func (x *extractor) remoteCode(name string, data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	var open []container
	expectKey := false
	base := strings.ToLower(path.Base(name))
	router, bundle := base == "config.json" || base == "router_config.json", isBundle(name)
	config, parts := isConfig(name), strings.HasSuffix(base, pipelineFile)
	for {
		tok, err := dec.Token()
		if err != nil {
			if len(open) == 0 && errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		var in *container // what holds the token
		if len(open) > 0 {
			in = &open[len(open)-1]
		}
		if key, ok := tok.(string); ok && expectKey {
			in.key, expectKey = key, false
			continue
		}
		switch tok {
		case json.Delim('}'), json.Delim(']'):
			if in.class && isForeign(in.module) {
				in.key = "module"
				x.asks(in.key, name, pointer(open))
			}
			open = open[:len(open)-1]
			expectKey = len(open) > 0 && open[len(open)-1].object
			continue
		}
		if in != nil && !in.object {
			in.key = strconv.Itoa(in.next)
			in.next++
		}
		if text, ok := tok.(string); ok && in != nil && in.object {
			in.class = in.class || in.key == "class_name"
			if in.key == "module" && !isForeign(in.module) { // where it is there twice, each counts
				in.module = text
			}
		}
		if text, ok := tok.(string); ok && in != nil && bundle && yamlcode.Expression(text) {
			x.asks(clip(in.key), name, pointer(open))
		}
		if text, ok := tok.(string); ok && in != nil && (in.chat || in.key == "chat_template" && in.object) && !in.isName(open) && (len(open) > 1 || !config) {
			if len(x.bom.Templates) >= maxPlaces {
				return errTemplates
			}
			x.template("default", text, name, pointer(open))
		}
		if text, ok := tok.(string); ok && parts && in != nil && !in.object && in.next == 1 && !isLibrary(text) { // [library, class]
			x.asks(clip(text), name, pointer(open))
		}
		if in != nil && asksForCode(in, tok) && len(x.bom.RemoteCode) < maxPlaces {
			x.asks(in.key, name, pointer(open))
		}
		if tok == json.Delim('{') || tok == json.Delim('[') {
			open = append(open, container{
				object: tok == json.Delim('{'), kernels: in != nil && (in.kernels || isKernel(in.key)),
				chat:    in != nil && (in.chat || in.object && in.key == "chat_template" && (len(open) > 1 || !config)),
				classes: router && tok == json.Delim('{') && in != nil && in.key == "types",
			})
		}
		if len(open) > maxNesting {
			return errNesting
		}
		expectKey = len(open) > 0 && open[len(open)-1].object
	}
}

// container is an array or object that is open, with the key or index of its current value.
type container struct {
	object  bool
	kernels bool // it lies below the key of a kernel
	classes bool // its values name classes
	chat    bool // it lies below a key chat_template
	class   bool // it has a class_name
	module  string
	key     string
	next    int
}

// isName reports whether the current value is the name in a list of chat templates, {"name": …, "template": …}.
func (c *container) isName(open []container) bool {
	return c.chat && c.object && c.key == "name" && !open[len(open)-2].object
}

// pointer is the JSON pointer (RFC 6901) to the current value, or "" where it is long.
func pointer(open []container) string {
	length := len(open)
	for _, c := range open {
		if length += len(c.key); length > maxPointer {
			return ""
		}
	}
	var b strings.Builder
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	for _, c := range open {
		b.WriteByte('/')
		b.WriteString(escape.Replace(c.key))
	}
	return b.String()
}

// modules finds the classes of modules.json that are imported from a repository: all but those of the library itself.
func (x *extractor) modules(name string, data []byte) error {
	var parts []struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(data, &parts); err != nil {
		return &FormatError{name, "list of modules", err}
	}
	for i, m := range parts {
		if !strings.HasPrefix(m.Type, "sentence_transformers.") {
			x.asks("type", name, fmt.Sprintf("/%d/type", i))
		}
	}
	return nil
}

// yaml finds what a YAML file has its loader call or render.
func (x *extractor) yaml(name string) error {
	data, err := readFile(x.src, name, yamlcode.MaxSize)
	if err != nil {
		return err
	}
	places, err := yamlcode.Places(data)
	if err != nil {
		return &FormatError{name, "configuration in YAML", err}
	}
	if isBundle(name) {
		more, err := yamlcode.Expressions(data)
		if err != nil {
			return &FormatError{name, "configuration in YAML", err}
		}
		places = append(places, more...)
	}
	for _, p := range places {
		x.asks(clip(p), name, "")
	}
	chat, err := yamlcode.Templates(data)
	if err != nil {
		return &FormatError{name, "configuration in YAML", err}
	}
	for _, text := range chat {
		x.template("default", text, name, "/chat_template")
	}
	return nil
}
