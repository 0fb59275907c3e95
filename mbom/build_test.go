package mbom_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/mbom/cyclonedx"
	"github.com/holdfast-ai/holdfast/mbom/format"
	"github.com/holdfast-ai/holdfast/mbom/model"
)

// schema compiles the official schema of a version, with format assertions, from files alone.
func schema(t *testing.T, version string) *jsonschema.Schema {
	t.Helper()
	dir := testkit.Vectors(t, "mbom", "cyclonedx", "schema")
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for _, name := range []string{"bom-" + version + ".schema.json", "spdx.schema.json", "jsf-0.82.schema.json", "cryptography-defs.schema.json"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource("http://cyclonedx.org/schema/"+name, doc); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile("http://cyclonedx.org/schema/bom-" + version + ".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(s *jsonschema.Schema, data []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

// bare is a model without a date, a card or templates.
func bare() fstest.MapFS {
	return fstest.MapFS{"model.safetensors": &fstest.MapFile{Data: weights([]float32{1})}}
}

func TestSchema(t *testing.T) {
	for version, least := range map[string]int{"1.5": 2, "1.6": 20, "1.7": 20} {
		s := schema(t, version)
		for name, src := range map[string]fs.FS{"small": small(), "bare": bare()} {
			if version == "1.5" { // is not written
				break
			}
			if err := valid(s, build(t, src, version)); err != nil {
				t.Errorf("%s %s: %v", version, name, err)
			}
		}
		// The validator is alive: official documents get their official verdicts.
		dir := testkit.Vectors(t, "mbom", "cyclonedx", version)
		files, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil || len(files) < least {
			t.Fatalf("%d official documents, %v", len(files), err)
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.HasPrefix(filepath.Base(f), "valid-")
			if err := valid(s, data); (err == nil) != want {
				t.Errorf("%s: %v", filepath.Base(f), err)
			}
		}
	}
}

func TestTwoRunsGiveEqualBytes(t *testing.T) {
	for _, version := range []string{"1.6", "1.7"} {
		first := build(t, small(), version)
		for range 5 { // map order differs between runs
			if !bytes.Equal(first, build(t, small(), version)) {
				t.Fatalf("%s: two runs differ", version)
			}
		}
	}
	// Lists that are gathered from maps come out in one order.
	many := small()
	many["tokenizer_config.json"].Data = []byte(`{"chat_template":{"a":"1","b":"2","c":"3","d":"4","e":"5","f":"6"}}`)
	many["model.safetensors"].Data = container(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"I8","shape":[0],"data_offsets":[0,0]},`+
		`"c":{"dtype":"F16","shape":[0],"data_offsets":[0,0]},"d":{"dtype":"BF16","shape":[0],"data_offsets":[0,0]},"e":{"dtype":"I64","shape":[0],"data_offsets":[0,0]}}`, nil)
	first := build(t, many, "1.7")
	for range 10 {
		if !bytes.Equal(first, build(t, many, "1.7")) {
			t.Fatal("two runs differ")
		}
	}
	other := small()
	other["sub/notes.txt"].Data = []byte("other text\n")
	a, b := serial(t, build(t, small(), "1.7")), serial(t, build(t, other, "1.7"))
	if a == b || a == "" {
		t.Errorf("serial numbers of different models: %s, %s", a, b)
	}
	var doc struct{ Metadata struct{ Timestamp string } }
	if err := json.Unmarshal(build(t, small(), "1.7"), &doc); err != nil || doc.Metadata.Timestamp != "2026-01-02T03:04:05Z" {
		t.Errorf("timestamp %q, %v", doc.Metadata.Timestamp, err)
	}
}

func serial(t *testing.T, data []byte) string {
	var doc struct{ SerialNumber string }
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.SerialNumber
}

// Every citation points at something in the document, and the classes are those of the sources.
func TestCitations(t *testing.T) {
	data := build(t, small(), "1.7")
	var doc any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	var cites struct {
		Citations []struct {
			Pointers           []string
			AttributedTo, Note string
		}
	}
	if err := json.Unmarshal(data, &cites); err != nil {
		t.Fatal(err)
	}
	notes := map[string]string{}
	for _, c := range cites.Citations {
		for _, p := range c.Pointers {
			if !resolves(doc, p) {
				t.Errorf("citation of %s, which does not exist", p)
			}
			notes[p] = c.Note
		}
	}
	for p, want := range map[string]string{
		"/metadata/component/name":                                         "declared: holdfast.json#/name",
		"/metadata/component/licenses/0":                                   "declared: README.md#/license",
		"/metadata/component/modelCard/modelParameters/task":               "declared: README.md#/pipeline_tag",
		"/metadata/component/modelCard/modelParameters/architectureFamily": "declared: config.json#/model_type",
		"/components/0": "verified: DATASET.md",
	} {
		if notes[p] != want {
			t.Errorf("%s: %q, want %q", p, notes[p], want)
		}
	}
}

func resolves(doc any, pointer string) bool {
	for _, part := range strings.Split(pointer, "/")[1:] {
		switch d := doc.(type) {
		case map[string]any:
			v, ok := d[part]
			if !ok {
				return false
			}
			doc = v
		case []any:
			var i int
			if err := json.Unmarshal([]byte(part), &i); err != nil || i < 0 || i >= len(d) {
				return false
			}
			doc = d[i]
		default:
			return false
		}
	}
	return true
}

func TestBuildListsEveryFileButItself(t *testing.T) {
	src := small()
	src[mbom.BOMFile] = &fstest.MapFile{Data: []byte("an older one")}
	src[".holdfast/model.sig"] = &fstest.MapFile{Data: []byte("{}")}
	src[".gitattributes"] = &fstest.MapFile{Data: []byte("x")}
	src["cache/x"] = &fstest.MapFile{Data: []byte("x")}
	src["model.sig"] = &fstest.MapFile{Data: []byte("{}")}
	b, err := mbom.Build(t.Context(), src, mbom.BuildOptions{Ignore: []string{"cache"}})
	if err != nil {
		t.Fatal(err)
	}
	data, err := b.CycloneDX("1.7")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := cyclonedx.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	want := small()
	if len(doc.Files) != len(want) {
		t.Errorf("%d files listed, want %d", len(doc.Files), len(want))
	}
	for name, f := range want {
		if doc.Files[name] != sha256.Sum256(f.Data) {
			t.Errorf("%s: digest %x", name, doc.Files[name])
		}
	}
	if got, want := doc.Templates["tokenizer_config.json#/chat_template"], sha256.Sum256([]byte(template)); got != want {
		t.Errorf("template digest %x", got)
	}
}

func TestBuildCounts(t *testing.T) {
	b, err := mbom.Build(t.Context(), small(), mbom.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Parameters) != 1 || b.Parameters[0].DType != "F32" || b.Parameters[0].Tensors != 2 || b.Parameters[0].Elements != 4 {
		t.Errorf("parameters %+v", b.Parameters)
	}
	if b.Name != "small" || b.Version != "3" || len(b.Datasets) != 2 || b.BaseModels[0].Text != "a/b" || b.Metrics[0].Value != "0.96" {
		t.Errorf("got %+v", b.BOM)
	}
}

// A weight file that a loader of pickles would accept too is named as such, and only it.
func TestPolyglotIsReported(t *testing.T) {
	for name, want := range map[string]bool{"hostile/19-pickle-polyglot.safetensors": true, "valid/own-two-f32.safetensors": false, "valid/jfk-codes.safetensors": false} {
		data, err := os.ReadFile(filepath.Join(testkit.Vectors(t, "formats", "safetensors"), name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := mbom.Build(t.Context(), fstest.MapFS{"m.safetensors": &fstest.MapFile{Data: data}}, mbom.BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got := slices.ContainsFunc(b.Findings, func(v model.Value) bool { return strings.Contains(v.Text, "pickle") })
		if got != want {
			t.Errorf("%s: findings %v", name, b.Findings)
		}
	}
}

func TestBuildErrors(t *testing.T) {
	for name, change := range map[string]func(fstest.MapFS){
		"weights":       func(m fstest.MapFS) { m["model.safetensors"].Data[8] = 'x' },
		"weights-cut":   func(m fstest.MapFS) { m["model.safetensors"].Data = m["model.safetensors"].Data[:20] },
		"config":        func(m fstest.MapFS) { m["config.json"].Data = []byte(`{"a":1,"a":2}`) },
		"declaration":   func(m fstest.MapFS) { m["holdfast.json"].Data = []byte(`{"name":"x","Name":"y"}`) },
		"created":       func(m fstest.MapFS) { m["holdfast.json"].Data = []byte(`{"name":"x","version":1,"created":"now"}`) },
		"card":          func(m fstest.MapFS) { m["README.md"].Data = []byte("---\na: &x 1\n---\n") },
		"link":          func(m fstest.MapFS) { m["link"] = &fstest.MapFile{Data: []byte("config.json"), Mode: fs.ModeSymlink} },
		"template-list": func(m fstest.MapFS) { m["tokenizer_config.json"].Data = []byte(`{"chat_template":[{"name":"x"}]}`) },
	} {
		src := small()
		change(src)
		if _, err := mbom.Build(t.Context(), src, mbom.BuildOptions{}); !errors.Is(err, mbom.ErrFormat) {
			t.Errorf("%s: want ErrFormat, got %v", name, err)
		}
	}
	b := &mbom.BOM{}
	if _, err := b.CycloneDX("1.4"); !errors.Is(err, cyclonedx.ErrVersion) {
		t.Errorf("version 1.4: %v", err)
	}
}

// The metadata of published models: described by valid documents, or refused for the reason that they have.
func TestPublishedModels(t *testing.T) {
	s := schema(t, "1.7")
	for name, want := range map[string]string{
		"devstral-small-2507": "apache-2.0", "falcon-40b": "remote code", "minicpm-v-2": "remote code", "mt5-azerbaijani-summary": "pickle",
		"openmath-lora": "unpinned", "whisper-tiny-nbailab": "apache-2.0", "granite-3.1-1b-a400m-instruct": "LFS", "wizardcoder-15b-gptq": "LFS",
	} {
		b, err := mbom.Build(t.Context(), os.DirFS(testkit.Vectors(t, "mbom", "hf", name)), mbom.BuildOptions{})
		if want == "LFS" {
			if !errors.Is(err, mbom.ErrFormat) || !strings.Contains(err.Error(), "LFS") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		doc, err := b.CycloneDX("1.7")
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(s, doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got := ""
		switch {
		case len(b.RemoteCode) > 0:
			got = "remote code"
		case len(b.Findings) == 3:
			got = "pickle"
		case len(b.BaseModels) > 0 && b.BaseModels[0].Evidence.Class == model.Unresolved:
			got = "unpinned"
		case len(b.Licences) > 0:
			got = b.Licences[0].Text
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// The model of the repository, where it is.
func TestRepositoryModel(t *testing.T) {
	dir := filepath.Join(testkit.Root(t), "models", "harbor-tiny")
	if readme, err := os.ReadFile(filepath.Join(dir, "README.md")); err != nil || bytes.Contains(readme, []byte("@@")) {
		t.Skip("models/harbor-tiny has no finished card here")
	}
	src := fstest.MapFS{}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, name)
		src[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	complete(t, src)
	p := policy()
	p.Formats = append(p.Formats, "svg")
	p.Templates, p.AnySignedTemplate = nil, true
	bound, err := open(t, src, p)
	if err != nil {
		t.Fatal(err)
	}
	if bound.Model.Name != "harbor-tiny" || len(bound.Model.Templates) == 0 {
		t.Errorf("got %+v", bound.Model)
	}
	if err := valid(schema(t, "1.7"), bound.Bytes); err != nil {
		t.Error(err)
	}
}

// What no server would read is not written.
func TestBillThatCannotBeRead(t *testing.T) {
	b := mbom.BOM{BOM: model.BOM{Files: []model.File{{Name: "a"}, {Name: "a"}}}}
	if doc, err := b.CycloneDX("1.7"); !errors.Is(err, mbom.ErrFormat) || doc != nil {
		t.Errorf("a file that is listed twice: %d bytes, %v", len(doc), err)
	}
	b.Files[1].Name = "b"
	if _, err := b.CycloneDX("1.7"); err != nil {
		t.Error(err)
	}
}

// A bill names the format that Open finds, also where the end of a long file makes it another.
func TestFormatsOfLongFiles(t *testing.T) {
	long := strings.Repeat("\n\x08\n\x01a\x15\x00\x00\x00\x00", format.HeadSize/10+1) // pieces of a vocabulary
	for name, c := range map[string]struct{ data, want string }{
		"tokenizer.model": {long, "sentencepiece"},
		"spiece.model":    {long + "\x1a\x06\x12\x04\xff\xff\xff\xff", "unknown"}, // the table of its normalizer leads anywhere
		"a.spm":           {long + "\x12\x18\x3a\x16PK\x05\x06" + strings.Repeat("\x00", 18), "zip"},
		"a.png":           {"\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", format.HeadSize) + "PK\x05\x06" + strings.Repeat("\x00", 18), "zip"},
	} {
		src := small()
		src[name] = &fstest.MapFile{Data: []byte(c.data)}
		bom, err := mbom.Build(t.Context(), src, mbom.BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range bom.Files {
			if f.Name == name && f.Format != c.want {
				t.Errorf("%s: %s, want %s", name, f.Format, c.want)
			}
		}
		p := policy()
		p.Formats = []string{"safetensors", "json", "text", c.want}
		complete(t, src)
		if _, err := open(t, src, p); err != nil {
			t.Errorf("%s as %s: %v", name, c.want, err)
		}
	}
}
