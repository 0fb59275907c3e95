package mbom_test

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/mbom"
)

func TestOpen(t *testing.T) {
	src := complete(t, small())
	b, err := open(t, src, policy())
	if err != nil {
		t.Fatal(err)
	}
	if b.Digest != sha256.Sum256(src[mbom.BOMFile].Data) || b.Missing || b.Model.Name != "small" {
		t.Errorf("got %+v", b)
	}
	src[mbom.BOMFile] = &fstest.MapFile{Data: build(t, src, "1.6")}
	if _, err := open(t, src, policy()); err != nil {
		t.Errorf("version 1.6: %v", err)
	}
}

func TestZeroPolicyRefuses(t *testing.T) {
	if _, err := open(t, complete(t, small()), mbom.Policy{}); !errors.Is(err, mbom.ErrPolicy) {
		t.Errorf("want ErrPolicy, got %v", err)
	}
}

// Each field of the policy decides: one change to a good policy, one refusal by that field.
func TestPolicyFields(t *testing.T) {
	for field, change := range map[string]func(*mbom.Policy){
		"Formats":   func(p *mbom.Policy) { p.Formats = p.Formats[1:] },
		"Licences":  func(p *mbom.Policy) { p.Licences = []string{"MIT"} },
		"Templates": func(p *mbom.Policy) { p.Templates[0][0]++ },
	} {
		p := policy()
		change(&p)
		_, err := open(t, complete(t, small()), p)
		pe, ok := errors.AsType[*mbom.PolicyError](err)
		if !ok || pe.Field != field || !errors.Is(err, mbom.ErrPolicy) {
			t.Errorf("%s: got %v", field, err)
		}
	}
	p := policy()
	p.Templates, p.AnySignedTemplate = nil, true
	if _, err := open(t, complete(t, small()), p); err != nil {
		t.Errorf("AnySignedTemplate: %v", err)
	}
}

// The bill and the signature must agree on every file, both ways.
func TestBound(t *testing.T) {
	for name, c := range map[string]struct {
		change func(fstest.MapFS)
		want   error
	}{
		"extra-file":      {func(m fstest.MapFS) { m["extra.txt"] = &fstest.MapFile{Data: []byte("x")} }, mbom.ErrMismatch},
		"changed-file":    {func(m fstest.MapFS) { m["sub/notes.txt"] = &fstest.MapFile{Data: []byte("x")} }, mbom.ErrMismatch},
		"missing-file":    {func(m fstest.MapFS) { delete(m, "sub/notes.txt") }, mbom.ErrMismatch},
		"renamed-file":    {func(m fstest.MapFS) { m["n.txt"] = m["sub/notes.txt"]; delete(m, "sub/notes.txt") }, mbom.ErrMismatch},
		"changed-weights": {func(m fstest.MapFS) { m["model.safetensors"] = &fstest.MapFile{Data: weights([]float32{7})} }, mbom.ErrMismatch},
		"no-bom":          {func(m fstest.MapFS) { delete(m, mbom.BOMFile) }, mbom.ErrPolicy},
		"not-json":        {func(m fstest.MapFS) { m[mbom.BOMFile].Data = []byte("x") }, mbom.ErrFormat},
		"other-format":    {func(m fstest.MapFS) { m[mbom.BOMFile].Data = []byte(`{"bomFormat":"SPDX"}`) }, mbom.ErrFormat},
		"duplicate-key": {func(m fstest.MapFS) {
			m[mbom.BOMFile].Data = []byte(strings.Replace(string(m[mbom.BOMFile].Data), `"bomFormat"`, `"bomFormat": "CycloneDX", "bomFormat"`, 1))
		}, mbom.ErrFormat},
		"no-digest": {func(m fstest.MapFS) {
			m[mbom.BOMFile].Data = []byte(strings.Replace(string(m[mbom.BOMFile].Data), `"SHA-256"`, `"SHA-512"`, 1))
		}, mbom.ErrFormat},
	} {
		src := complete(t, small())
		c.change(src)
		if _, err := open(t, src, policy()); !errors.Is(err, c.want) {
			t.Errorf("%s: want %v, got %v", name, c.want, err)
		}
	}
	// The bytes that are read must be those that were signed.
	src := complete(t, small())
	files := resources(t, src)
	src[mbom.BOMFile].Data = append(src[mbom.BOMFile].Data, ' ')
	if _, err := mbom.Open(t.Context(), src, files, policy()); !errors.Is(err, mbom.ErrMismatch) {
		t.Errorf("swapped bill: %v", err)
	}
}

func TestMissingBOMByPolicy(t *testing.T) {
	p := policy()
	p.InsecureAllowMissingBOM = true
	b, err := open(t, small(), p)
	if err != nil {
		t.Fatal(err)
	}
	if !b.Missing || b.Digest != [32]byte{} {
		t.Errorf("got %+v", b)
	}
	p.Licences = []string{"MIT"}
	if _, err := open(t, small(), p); !errors.Is(err, mbom.ErrPolicy) {
		t.Errorf("other rules must hold without a bill: %v", err)
	}
}

const evil = "cos\nsystem\n(S'true'\ntR."

// Files are judged by content and by what a loader would do with their name.
func TestFormats(t *testing.T) {
	text := "harmless"
	for name, c := range map[string]struct {
		path, data string
		allow      []string // further formats, with which the file passes
	}{
		"pickle-as-text":      {"notes2.txt", evil, nil},
		"pickle-as-json":      {"extra.json", "\x80\x04\x8c\x02os\x8c\x06system\x93.", nil},
		"pickle-as-bin":       {"pytorch_model.bin", "\x80\x02}q\x00.", []string{"pickle"}},
		"pickle-name":         {"state.pkl", text, nil},
		"clean-pickle":        {"state.PKL", "\x80\x02}q\x00.", []string{"pickle"}},
		"evil-pickle-allowed": {"state2.pkl", evil, nil},
		"safetensors-as-bin":  {"model.bin", string(weights([]float32{1})), nil},
		"elf":                 {"lib", "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 60), []string{"executable"}},
		"so-name":             {"libx.so.1", text, []string{"executable"}},
		"python":              {"modeling.py", "import os\n", []string{"python"}},
		"shell":               {"run", "#!/bin/sh\n", []string{"script"}},
		"zip":                 {"a.zip", "PK\x05\x06" + strings.Repeat("\x00", 18), []string{"zip"}},
		"unknown-binary":      {"blob", "\x00\x01\x02\x03", []string{"unknown"}},
		"text-as-json":        {"x.json", "not json", nil},
		"lfs-pointer":         {"w", "version https://git-lfs.github.com/spec/v1\noid sha256:00\n", []string{"lfs-pointer"}},
		"numpy":               {"a.npy", "\x93NUMPY\x01\x00", []string{"numpy"}},
		"svg":                 {"a.svg", "<svg><script/></svg>", []string{"svg"}},
	} {
		t.Run(name, func(t *testing.T) {
			src := small()
			src[c.path] = &fstest.MapFile{Data: []byte(c.data)}
			complete(t, src)
			_, err := open(t, src, policy())
			pe, ok := errors.AsType[*mbom.PolicyError](err)
			if !ok || pe.Field != "Formats" || pe.Path != c.path {
				t.Errorf("got %v", err)
			}
			p := policy()
			p.Formats = append(p.Formats, c.allow...)
			if _, err := open(t, src, p); c.allow != nil && err != nil {
				t.Errorf("allowed by name of the format: %v", err)
			}
			p.Formats = append(p.Formats, "pickle", "torch", "python")
			if _, err := open(t, src, p); c.allow == nil && err == nil && c.path != "state.pkl" {
				t.Error("accepted")
			}
		})
	}
}

// hugeFS says that one file has a tebibyte.
type hugeFS struct{ fstest.MapFS }

func (f hugeFS) Stat(name string) (fs.FileInfo, error) {
	info, err := f.MapFS.Stat(name)
	if name == "pytorch_model.bin" {
		return hugeInfo{info}, err
	}
	return info, err
}

type hugeInfo struct{ fs.FileInfo }

func (hugeInfo) Size() int64 { return 1 << 40 }

// A file that is too large to look into is refused, not waved through.
func TestTooLargeToInspect(t *testing.T) {
	src := small()
	src["pytorch_model.bin"] = &fstest.MapFile{Data: []byte("text")}
	complete(t, src)
	if _, err := open(t, src, policy()); err != nil {
		t.Fatal(err)
	}
	_, err := mbom.Open(t.Context(), hugeFS{src}, resources(t, src), policy())
	if pe, ok := errors.AsType[*mbom.PolicyError](err); !ok || pe.Path != "pytorch_model.bin" {
		t.Errorf("got %v", err)
	}
}

func TestRemoteCode(t *testing.T) {
	for name, c := range map[string]struct{ path, data string }{
		"auto_map":   {"config.json", `{"auto_map":{"AutoModel":"modeling.Model"}}`},
		"other-repo": {"config.json", `{"text_config":{"auto_map":{"AutoModel":"x/y--m.M"}}}`},
		"tokenizer":  {"tokenizer_config.json", `{"auto_map":{"AutoTokenizer":["t.T",null]}}`},
		"escaped":    {"config.json", `{"auto\u005fmap":{"AutoModel":"m.M"}}`},
		"adapter":    {"adapter_config.json", `{"auto_mapping":{"base_model_class":"M"}}`},
		"processor":  {"sub/preprocessor_config.json", `{"auto_map":"p.P"}`},
		"generate":   {"generation_config.json", `{"custom_generate":"x/y"}`},
		"any-json":   {"other.json", `[{"auto_map":["m.M"]}]`},
		"trust":      {"config.json", `{"trust_remote_code":true}`},
	} {
		src := small()
		src[c.path] = &fstest.MapFile{Data: []byte(c.data)}
		complete(t, src)
		p := policy()
		_, err := open(t, src, p)
		pe, ok := errors.AsType[*mbom.PolicyError](err)
		if !ok || pe.Field != "InsecureAllowRemoteCode" || pe.Path != c.path {
			t.Errorf("%s: got %v", name, err)
		}
		p.InsecureAllowRemoteCode = true
		if _, err := open(t, src, p); err != nil {
			t.Errorf("%s: allowed: %v", name, err)
		}
	}
	// The place is a JSON pointer.
	at := small()
	at["config.json"].Data = []byte(`{"a/b":[0,{"auto_map":"m.M"}]}`)
	b, err := mbom.Build(t.Context(), at, mbom.BuildOptions{})
	if err != nil || len(b.RemoteCode) != 1 || b.RemoteCode[0].Evidence.Pointer != "/a~1b/1/auto_map" {
		t.Errorf("got %+v, %v", b, err)
	}
	// Null and false ask for nothing.
	src := small()
	src["config.json"].Data = []byte(`{"auto_map":null,"trust_remote_code":false}`)
	if _, err := open(t, complete(t, src), policy()); err != nil {
		t.Error(err)
	}
}

func TestTemplates(t *testing.T) {
	for name, c := range map[string]struct{ path, data string }{
		"file":        {"chat_template.jinja", "{{ evil }}"},
		"named-file":  {"additional_chat_templates/tool.jinja", "{{ evil }}"},
		"list":        {"tokenizer_config.json", `{"chat_template":[{"name":"default","template":"` + template + `"},{"name":"tool","template":"{{ evil }}"}]}`},
		"swapped":     {"tokenizer_config.json", `{"chat_template":"{{ evil }}"}`},
		"json":        {"chat_template.json", `{"chat_template":"{{ evil }}"}`},
		"yaml":        {"chat.yaml", "a: 1\nchat_template: '{{ evil }}'\n"},
		"template":    {"chat.template", "{{ evil }}"},
		"tokens":      {"special_tokens_map.json", `{"bos_token":"<s>","chat_template":"{{ evil }}"}`},
		"nested":      {"processor_config.json", `{"tokenizer":{"chat_template":"{{ evil }}"}}`},
		"nested-list": {"processor_config.json", `{"a":[{"chat_template":[{"name":"x","template":"{{ evil }}"}]}]}`},
		"nested-map":  {"processor_config.json", `{"a":[{"chat_template":{"name":"{{ evil }}"}}]}`},
		"escaped":     {"tokenizer.json", strings.Repeat(" ", 5<<20) + `{"chat\u005ftemplate":"{{ evil }}"}`},
	} {
		src := small()
		src[c.path] = &fstest.MapFile{Data: []byte(c.data)}
		complete(t, src)
		_, err := open(t, src, policy())
		if pe, ok := errors.AsType[*mbom.PolicyError](err); !ok || pe.Field != "Templates" {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestLicences(t *testing.T) {
	for _, c := range []struct {
		card string
		list []string
		ok   bool
	}{
		{"license: apache-2.0", []string{"Apache-2.0"}, true},
		{"license: mit", []string{"Apache-2.0"}, false},
		{"license: [mit, apache-2.0]", []string{"Apache-2.0"}, false},
		{"license: [mit, apache-2.0]", []string{"Apache-2.0", "mit"}, true},
		{"language: en", []string{"Apache-2.0"}, false},
		{"license: MIT OR GPL-3.0-only", []string{"MIT"}, true},
		{"license: MIT AND GPL-3.0-only", []string{"MIT"}, false},
		{"license: (MIT OR X) AND (Y OR MIT)", []string{"MIT"}, true},
		{"license: X OR (MIT AND (Y", []string{"MIT", "Y"}, false},
		{"license: MIT MIT", []string{"MIT"}, false},
		{"license: MIT OR", []string{"MIT"}, false},
		{"license: GPL-2.0-only WITH Classpath-exception-2.0", []string{"GPL-2.0-only"}, false},
		{"license: GPL-2.0-only WITH Classpath-exception-2.0", []string{"GPL-2.0-only WITH Classpath-exception-2.0"}, true},
		{"license: other\nlicense_name: house", []string{"house"}, true},
		{"license: other\nlicense_name: house", []string{"other"}, false},
	} {
		src := small()
		src["README.md"].Data = []byte("---\n" + c.card + "\n---\n")
		p := policy()
		p.Licences = c.list
		_, err := open(t, complete(t, src), p)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, mbom.ErrPolicy) {
			t.Errorf("%q with %v: %v", c.card, c.list, err)
		}
	}
	// A licence that the bill gives without a name is one that is not allowed.
	nameless := complete(t, small())
	nameless[mbom.BOMFile].Data = []byte(strings.Replace(string(nameless[mbom.BOMFile].Data), `"id": "Apache-2.0"`, `"url": "https://example.org/terms"`, 1))
	if _, err := open(t, nameless, policy()); !errors.Is(err, mbom.ErrPolicy) {
		t.Errorf("nameless licence: %v", err)
	}
	src := small()
	delete(src, "README.md")
	p := policy()
	p.Licences, p.InsecureAnyLicence = nil, true
	if _, err := open(t, complete(t, src), p); err != nil {
		t.Errorf("InsecureAnyLicence: %v", err)
	}
}

// Every field enters the digest; the order of lists does not.
func TestPolicyDigest(t *testing.T) {
	seen := map[[32]byte]string{policy().Digest(): "policy", (mbom.Policy{}).Digest(): "zero"}
	for name, change := range map[string]func(*mbom.Policy){
		"Formats":                 func(p *mbom.Policy) { p.Formats = p.Formats[1:] },
		"Licences":                func(p *mbom.Policy) { p.Licences = []string{"MIT"} },
		"InsecureAnyLicence":      func(p *mbom.Policy) { p.InsecureAnyLicence = true },
		"Templates":               func(p *mbom.Policy) { p.Templates = nil },
		"AnySignedTemplate":       func(p *mbom.Policy) { p.AnySignedTemplate = true },
		"InsecureAllowRemoteCode": func(p *mbom.Policy) { p.InsecureAllowRemoteCode = true },
		"InsecureAllowMissingBOM": func(p *mbom.Policy) { p.InsecureAllowMissingBOM = true },
	} {
		p := policy()
		change(&p)
		if other, dup := seen[p.Digest()]; dup {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[p.Digest()] = name
	}
	p := policy()
	p.Formats = append(p.Formats[1:], p.Formats[0], p.Formats[1])
	p.Licences = []string{"apache-2.0", "Apache-2.0"}
	if p.Digest() != policy().Digest() {
		t.Error("order or repetition changes the digest")
	}
}
