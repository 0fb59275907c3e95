package mbom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
	"github.com/holdfast-ai/holdfast/mbom/model"
)

// json reads a JSON file for what a loader would act on. Vocabularies and indexes may be large and use keys that differ only
// in case: they are looked at for code, and only configurations are held to strict JSON.
func (x *extractor) json(name string) error {
	config := isConfig(name)
	limit := int64(MaxInspected)
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
	if config || len(data) <= maxConfig || isBundle(name) || mightAsk(data) {
		if err := x.remoteCode(name, data); errors.Is(err, errTemplates) {
			return &FormatError{name, "chat templates", err}
		} else if err != nil { // of a configuration this cannot be: it was checked
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
