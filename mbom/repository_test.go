package mbom_test

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/mbom"
)

// spiece is a tokenizer of SentencePiece with one piece.
func spiece(text string) string {
	body := "\x0a" + string(rune(len(text))) + text + "\x15" + string(binary.LittleEndian.AppendUint32(nil, math.Float32bits(-1)))
	return "\x0a" + string(rune(len(body))) + body
}

// The usual files of published models, and what SafeFormats makes of each: nothing is accepted or refused by accident. docs/formats.md
// says the same for people.
func TestFilesOfPublishedModels(t *testing.T) {
	png := "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", 32)
	zip := "PK\x03\x04" + strings.Repeat("\x00", 26) + "archive/data.pklPK\x05\x06" + strings.Repeat("\x00", 18)
	for name, c := range map[string]struct{ data, refused string }{
		"generation_config.json":                  {`{"temperature":1}`, ""},
		"special_tokens_map.json":                 {`{"bos_token":"<s>"}`, ""},
		"added_tokens.json":                       {`{"<pad>":32000}`, ""},
		"vocab.json":                              {`{"a":0,"A":1}`, ""},
		"preprocessor_config.json":                {`{"size":224}`, ""},
		"processor_config.json":                   {`{"processor_class":"P"}`, ""},
		"params.json":                             {`{"dim":4096}`, ""},
		"tekken.json":                             {`{"config":{"pattern":"[^\\r\\n]"},"vocab":[{"rank":0,"token_bytes":"AA=="}]}`, ""},
		"adapter_config.json":                     {`{"peft_type":"LORA","base_model_name_or_path":"a/b"}`, ""},
		"modules.json":                            {`[{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"}]`, ""},
		"1_Pooling/config.json":                   {`{"pooling_mode_mean_tokens":true}`, ""},
		"config_sentence_transformers.json":       {`{"__version__":{"pytorch":"2.0"}}`, ""},
		"sentence_bert_config.json":               {`{"max_seq_length":512}`, ""},
		"model_index.json":                        {`{"_class_name":"StableDiffusionPipeline"}`, ""},
		"trainer_state.json":                      {`{"epoch":1.0}`, ""},
		"example.ipynb":                           {`{"cells":[]}`, ""},
		"merges.txt":                              {"#version: 0.2\n\u0120 t\n", ""},
		"vocab.txt":                               {"[PAD]\n[unused0]\n##ing\n", ""},
		"qwen.tiktoken":                           {"IQ== 0\nIg== 1\n", ""},
		"original/tokenizer.model":                {"IQ== 0\nIg== 1\n", ""}, // of Llama 3: tiktoken under a name of SentencePiece
		"chat_template.jinja":                     {template, ""},
		"additional_chat_templates/default.jinja": {template, ""},
		"chat_template.json":                      {`{"chat_template":"` + template + `"}`, ""},
		"LICENSE":                                 {"Apache License\n", ""},
		"USE_POLICY.md":                           {"# Policy\n", ""},
		"Modelfile":                               {"FROM ./model.gguf\n", ""},
		"requirements.txt":                        {"torch\n", ""},
		"train.jsonl":                             {"{\"a\":1}\n{\"a\":2}\n", ""},
		"config.yaml":                             {"a: 1\n", ""},
		"openvino/openvino_model.xml":             {"<?xml version=\"1.0\"?><net/>\n", ""},
		"assets/picture.png":                      {png, ""},
		"assets/photo.jpg":                        {"\xff\xd8\xff\xe0", ""},
		"tokenizer.model":                         {spiece("a"), ""},
		"tokenizer.model.v3":                      {spiece("a"), ""},
		"spiece.model":                            {spiece("a"), ""},
		"sentencepiece.bpe.model":                 {spiece("a"), ""},
		"source.spm":                              {spiece("a"), ""},
		"adapter_model.safetensors":               {string(weights([]float32{1})), ""},

		"spm.model":                          {spiece("PK\x05\x06" + strings.Repeat("\x00", 18)), "zip"},
		"tok.model":                          {spiece("a") + "\x32\x00", "unknown"},
		"word2vec.model":                     {evil, "pickle"}, // gensim writes pickles
		"chat_template.json.model":           {"\x0a\x05\x0a\x01a\x12\x00", "unknown"},
		"training_args.bin":                  {zip, "torch"},
		"optimizer.pt":                       {zip, "pickle"},
		"consolidated.00.pth":                {zip, "pickle"},
		"adapter_model.bin":                  {zip, "torch"},
		"rust_model.ot":                      {zip, "torch"},
		"flax_model.msgpack":                 {"\x81\xa6params\x80", "unknown"},
		"tf_model.h5":                        {"\x89HDF\r\n\x1a\n", "hdf5"},
		"onnx/model.onnx":                    {"\x08\x08\x12\x07pytorch", "onnx"},
		"onnx/model.onnx_data":               {"\x00\x00\x80\x3f", "unknown"},
		"openvino/openvino_model.bin":        {"\x00\x00\x80\x3f", "unknown"},
		"coreml/model.mlmodel":               {"\x08\x05\x12\x00", "unknown"},
		"model.tflite":                       {"\x1c\x00\x00\x00TFL3", "unknown"},
		"runs/events.out.tfevents.1":         {"\x18\x00\x00\x00\x00\x00\x00\x00\xa3\x7f\x4b\x22", "unknown"},
		"ggml-model.bin":                     {"ggjt\x03\x00\x00\x00", "unknown"},
		"model.imatrix":                      {"\x01\x00\x00\x00\x05\x00\x00\x00", "unknown"}, // before it was GGUF
		"data/train.parquet":                 {"PAR1\x15\x04\x15\x00PAR1", "unknown"},
		"sample.wav":                         {"RIFF\x24\x00\x00\x00WAVEfmt ", "unknown"},
		".DS_Store":                          {"\x00\x00\x00\x01Bud1", "unknown"},
		"voices.npz":                         {zip, "numpy"},
		"paper.pdf":                          {"%PDF-1.7\n", "pdf"},
		"figures/logo.svg":                   {"<svg/>", "svg"},
		"modeling_custom.py":                 {"import os\n", "python"},
		"setup.sh":                           {"#!/bin/sh\n", "script"},
		"LICENSE.de.txt":                     {"Lizenz f\xfcr das Modell\n", "unknown"}, // Latin-1
		"model-00001-of-00002.safetensors.x": {"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "lfs-pointer"},
	} {
		src := small()
		src[name] = &fstest.MapFile{Data: []byte(c.data)}
		p := policy()
		p.InsecureAllowMissingBOM = true
		_, err := mbom.Open(t.Context(), src, resources(t, src), p)
		if c.refused == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if pe, ok := errors.AsType[*mbom.PolicyError](err); !ok || pe.Field != "Formats" || pe.Path != name || pe.Got != c.refused {
			t.Errorf("%s: want the refusal of %s, got %v", name, c.refused, err)
		}
	}
	// What git alone reads is no part of a model, and none of a signature.
	src := small()
	src[".gitattributes"] = &fstest.MapFile{Data: []byte("*.safetensors filter=lfs\n")}
	complete(t, src)
	delete(src, ".gitattributes")
	if _, err := open(t, src, policy()); err != nil {
		t.Error(err)
	}
}
