package mbom

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
	"github.com/holdfast-ai/holdfast/mbom/format/card"
	"github.com/holdfast-ai/holdfast/mbom/model"
)

// extractor collects what the small files of a model declare.
type extractor struct {
	src fs.FS
	bom *model.BOM
}

func declared(file, pointer string) model.Evidence {
	return model.Evidence{Class: model.Declared, File: file, Pointer: pointer}
}

// extract reads the files of names that declare something; it reads no weights.
func extract(src fs.FS, names []string) (*model.BOM, error) {
	x := &extractor{src, &model.BOM{Identity: model.Evidence{Class: model.Unresolved, Rule: "no " + DeclarationFile}}}
	for _, name := range names {
		if err := x.file(name); err != nil {
			return nil, err
		}
	}
	return x.bom, nil
}

func (x *extractor) file(name string) error {
	base := strings.ToLower(path.Base(name))
	switch {
	case name == DeclarationFile:
		return x.declaration(name)
	case name == "README.md":
		return x.card(name)
	case path.Ext(base) == ".md" && (strings.HasPrefix(base, "dataset") || base == "readme.md" && strings.HasPrefix(strings.ToLower(name), "data")):
		return x.dataset(name)
	case isTemplate(name):
		return x.templateFile(name)
	case isJSON(name):
		return x.json(name)
	case isYAML(name):
		return x.yaml(name)
	}
	return nil
}

func (x *extractor) declaration(name string) error {
	data, err := readFile(x.src, name, maxDeclaration)
	if err != nil {
		return err
	}
	d, err := parseDeclaration(data)
	if err != nil {
		return err
	}
	x.bom.Name, x.bom.Version, x.bom.Display, x.bom.Created = d.Name, strconv.FormatUint(d.Version, 10), d.Display, d.Created
	x.bom.Identity = declared(name, "/name")
	return nil
}

func (x *extractor) card(name string) error {
	data, err := readFile(x.src, name, card.MaxSize)
	if err != nil {
		return err
	}
	c, err := card.Parse(data)
	if err != nil {
		return &FormatError{name, "model card", err}
	}
	add := func(to *[]model.Value, pointer string, texts ...string) {
		for _, t := range texts {
			if t != "" {
				*to = append(*to, model.Value{Text: t, Evidence: declared(name, pointer)})
			}
		}
	}
	add(&x.bom.Licences, "/license", c.Licences...)
	add(&x.bom.Datasets, "/datasets", c.Datasets...)
	add(&x.bom.BaseModels, "/base_model", c.BaseModels...)
	add(&x.bom.Tasks, "/pipeline_tag", c.Task)
	add(&x.bom.Findings, "/", c.Findings...)
	for _, m := range c.Results {
		x.bom.Metrics = append(x.bom.Metrics, model.Metric{Type: m.Type, Value: m.Value, Dataset: m.Dataset, Evidence: declared(name, "/model-index")})
	}
	x.property("library", c.Library, name, "/library_name")
	x.property("cdx:ai-ml:model:language", strings.Join(c.Languages, ","), name, "/language")
	x.property("base-model-relation", c.BaseModelRelation, name, "/base_model_relation")
	return nil
}

// dataset reads the card of a data set that lies beside the model.
func (x *extractor) dataset(name string) error {
	data, err := readFile(x.src, name, card.MaxSize)
	if err != nil {
		return err
	}
	c, err := card.Parse(data)
	if err != nil {
		return &FormatError{name, "data-set card", err}
	}
	if c.PrettyName != "" {
		x.bom.Datasets = append(x.bom.Datasets, model.Value{Text: c.PrettyName, Evidence: declared(name, "/pretty_name")})
	}
	return nil
}

func (x *extractor) property(name, text, file, pointer string) {
	if text != "" {
		x.bom.Properties = append(x.bom.Properties, model.Property{Name: name, Value: model.Value{Text: text, Evidence: declared(file, pointer)}})
	}
}

func (x *extractor) template(name, text, file, pointer string) {
	ev := declared(file, pointer)
	ev.Class = model.Verified // the digest is computed from the bytes
	x.bom.Templates = append(x.bom.Templates, model.Template{Name: name, SHA256: sha256.Sum256([]byte(text)), Evidence: ev})
}

func (x *extractor) templateFile(name string) error {
	data, err := readFile(x.src, name, maxConfig)
	if err != nil {
		return err
	}
	if !utf8.Valid(data) {
		return &FormatError{name, "template is not UTF-8", nil}
	}
	label := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if label == "chat_template" {
		label = "default"
	}
	x.template(label, string(data), name, "")
	return nil
}

// json reads a JSON file for what a loader would act on. Vocabularies and indexes may be large and use keys that differ only
// in case: they are looked at for code, and only configurations are held to strict JSON.
func (x *extractor) json(name string) error {
	config := isConfig(name)
	limit := int64(maxInspected)
	if config {
		limit = maxConfig
	}
	data, err := readFile(x.src, name, limit)
	if err != nil {
		return err
	}
	if config {
		if err := strictjson.Check(data, strictjson.Limits{MaxBytes: maxConfig}); err != nil {
			return &FormatError{name, "configuration", err}
		}
	}
	if config || len(data) <= maxConfig || mightAsk(data) {
		if err := x.remoteCode(name, data); err != nil { // of a configuration this cannot be: it was checked
			finding(x.bom, name, "its name says JSON and its content does not")
		}
	}
	if !config {
		return nil
	}
	if strings.EqualFold(path.Base(name), modulesFile) {
		return x.modules(name, data)
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(data, &top); err != nil {
		return nil //nolint:nilerr // a list or scalar: nothing that a loader reads as configuration
	}
	if err := x.templates(name, top["chat_template"]); err != nil {
		return err
	}
	return x.config(name, top)
}

// config takes the fields of the configuration files that describe the model.
func (x *extractor) config(name string, top map[string]json.RawMessage) error {
	switch strings.ToLower(path.Base(name)) {
	case "config.json":
		for _, a := range texts(top["architectures"]) {
			x.bom.Architects = append(x.bom.Architects, model.Value{Text: a, Evidence: declared(name, "/architectures")})
		}
		for _, f := range texts(top["model_type"]) {
			x.bom.Families = append(x.bom.Families, model.Value{Text: f, Evidence: declared(name, "/model_type")})
		}
		for _, key := range []string{"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
			"vocab_size", "max_position_embeddings", "num_experts", "num_local_experts", "torch_dtype", "dtype", "transformers_version", "tie_word_embeddings"} {
			x.property("cdx:ai-ml:model:parameter:"+key, scalar(top[key]), name, "/"+key)
		}
	case "generation_config.json":
		for _, key := range []string{"temperature", "top_p", "top_k", "do_sample", "max_new_tokens", "repetition_penalty"} {
			x.property("cdx:ai-ml:model:hyperparameter:"+key, scalar(top[key]), name, "/"+key)
		}
	case "tokenizer_config.json":
		x.property("cdx:ai-ml:model:tokenizer", scalar(top["tokenizer_class"]), name, "/tokenizer_class")
		x.property("cdx:ai-ml:model:parameter:model_max_length", scalar(top["model_max_length"]), name, "/model_max_length")
	case pipelineFile:
		if c := bytes.TrimSpace(top["_class_name"]); len(c) > 0 && c[0] == '[' { // [file of the repository, class]
			x.asks("_class_name", name, "/_class_name")
		}
	case "adapter_config.json":
		for _, base := range texts(top["base_model_name_or_path"]) {
			ev := declared(name, "/base_model_name_or_path")
			if scalar(top["revision"]) == "" {
				ev.Class, ev.Rule = model.Unresolved, "no revision: the base model is not pinned"
			}
			x.bom.BaseModels = append(x.bom.BaseModels, model.Value{Text: base, Evidence: ev})
		}
		for _, key := range []string{"peft_type", "r", "lora_alpha", "task_type"} {
			x.property("cdx:ai-ml:model:hyperparameter:"+key, scalar(top[key]), name, "/"+key)
		}
	}
	return nil
}

// templates reads chat_template: a string, a list of {name, template}, or null.
func (x *extractor) templates(name string, raw json.RawMessage) error {
	if raw == nil || string(bytes.TrimSpace(raw)) == "null" {
		return nil
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		x.template("default", one, name, "/chat_template")
		return nil
	}
	var many []struct {
		Name     string  `json:"name"`
		Template *string `json:"template"`
	}
	var byName map[string]string
	switch {
	case json.Unmarshal(raw, &many) == nil:
		for i, t := range many {
			if t.Template == nil {
				return &FormatError{name, "chat_template has an entry without template", nil}
			}
			x.template(t.Name, *t.Template, name, fmt.Sprintf("/chat_template/%d/template", i))
		}
	case json.Unmarshal(raw, &byName) == nil:
		for n, t := range byName {
			x.template(n, t, name, "/chat_template/"+n)
		}
	default:
		return &FormatError{name, "chat_template is neither text nor a list of templates", nil}
	}
	return nil
}

// texts reads a string or a list of strings; anything else is nothing.
func texts(raw json.RawMessage) []string {
	var one string
	if raw != nil && json.Unmarshal(raw, &one) == nil {
		if one == "" {
			return nil
		}
		return []string{one}
	}
	var many []string
	if raw == nil || json.Unmarshal(raw, &many) != nil {
		return nil
	}
	return many
}

// scalar returns the text of a string, number or boolean.
func scalar(raw json.RawMessage) string {
	s := string(bytes.TrimSpace(raw))
	if s == "" || s == "null" || s[0] == '{' || s[0] == '[' {
		return ""
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return s
}

// sortBOM puts every list into an order that depends on content alone.
func sortBOM(b *model.BOM) {
	value := func(a, b model.Value) int {
		return cmp.Or(cmp.Compare(a.Text, b.Text), cmp.Compare(a.Evidence.File, b.Evidence.File), cmp.Compare(a.Evidence.Pointer, b.Evidence.Pointer))
	}
	for _, l := range []*[]model.Value{&b.Licences, &b.Datasets, &b.BaseModels, &b.Architects, &b.Families, &b.Tasks, &b.RemoteCode, &b.Findings} {
		slices.SortFunc(*l, value)
	}
	slices.SortFunc(b.Files, func(a, b model.File) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(b.Templates, func(a, b model.Template) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Evidence.File, b.Evidence.File), cmp.Compare(a.Evidence.Pointer, b.Evidence.Pointer))
	})
	slices.SortFunc(b.Metrics, func(a, b model.Metric) int {
		return cmp.Or(cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Value, b.Value))
	})
	slices.SortFunc(b.Properties, func(a, b model.Property) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), value(a.Value, b.Value))
	})
	slices.SortFunc(b.Parameters, func(a, b model.Count) int { return cmp.Compare(a.DType, b.DType) })
	slices.Sort(b.Weights)
}
