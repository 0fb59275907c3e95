package cyclonedx_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/mbom/cyclonedx"
)

const digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func document(components string) []byte {
	return []byte(`{"bomFormat":"CycloneDX","specVersion":"1.7","components":[` + components + `]}`)
}

func file(name, hashes string) string {
	return `{"type":"file","name":"` + name + `","hashes":[` + hashes + `]}`
}

const sha = `{"alg":"SHA-256","content":"` + digest + `"}`

func TestDecode(t *testing.T) {
	doc, err := cyclonedx.Decode(document(file("a", sha) + `,{"type":"library","name":"x"},` + file("b", `{"alg":"MD5","content":"00"},`+sha)))
	if err != nil || len(doc.Files) != 2 || doc.Files["a"][0] != 0xe3 {
		t.Errorf("got %+v, %v", doc, err)
	}
	for name, data := range map[string][]byte{
		"empty":           {},
		"not-cyclonedx":   []byte(`{"bomFormat":"x","specVersion":"1.7"}`),
		"version":         []byte(`{"bomFormat":"CycloneDX","specVersion":"1.5"}`),
		"no-digest":       document(file("a", "")),
		"two-digests":     document(file("a", sha+","+sha)),
		"short-digest":    document(file("a", `{"alg":"SHA-256","content":"00"}`)),
		"twice":           document(file("a", sha) + "," + file("a", sha)),
		"nested":          document(`{"type":"library","name":"x","components":[{"type":"library","name":"y","components":[` + file("a", sha) + `]}]}`),
		"nested-in-model": []byte(`{"bomFormat":"CycloneDX","specVersion":"1.7","metadata":{"component":{"components":[` + file("a", sha) + `]}}}`),
		"duplicate-key":   []byte(`{"bomFormat":"CycloneDX","specVersion":"1.7","specVersion":"1.7"}`),
		"case-variant":    []byte(`{"bomFormat":"CycloneDX","specVersion":"1.7","Components":[]}`),
		"trailing":        append(document(""), "{}"...),
		"components-text": []byte(`{"bomFormat":"CycloneDX","specVersion":"1.7","components":"x"}`),
	} {
		if _, err := cyclonedx.Decode(data); !errors.Is(err, cyclonedx.ErrFormat) {
			t.Errorf("%s: want ErrFormat, got %v", name, err)
		}
	}
}

// A bill may state the licence where it describes the model, beside it, in its parts, or at a file: each counts, and no dataset's.
func TestLicences(t *testing.T) {
	licensed := func(kind, id, more string) string {
		return `{"type":"` + kind + `","name":"x","licenses":[{"license":{"id":"` + id + `"}}]` + more + `}`
	}
	for data, want := range map[string]string{
		`{"bomFormat":"CycloneDX","specVersion":"1.7","metadata":{"component":` + licensed("machine-learning-model", "A", "") + `}}`: "A",
		string(document(licensed("machine-learning-model", "A", ""))):                                                                "A",
		string(document(licensed("application", "B", `,"components":[`+licensed("machine-learning-model", "A", "")+`]`))):            "A",
		string(document(licensed("file", "A", `,"hashes":[`+sha+`]`))):                                                               "A",
		string(document(licensed("data", "B", "") + "," + licensed("library", "C", ""))):                                             "",
	} {
		doc, err := cyclonedx.Decode([]byte(data))
		if err != nil || strings.Join(doc.Licences, ",") != want {
			t.Errorf("%s: %v, %v; want %q", data, doc, err, want)
		}
	}
}

func TestSPDX(t *testing.T) {
	for in, want := range map[string]string{"apache-2.0": "Apache-2.0", "MIT": "MIT", "llama3": "", "": ""} {
		if got := cyclonedx.SPDX(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(document(file("a", sha)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := cyclonedx.Decode(data); err != nil && !errors.Is(err, cyclonedx.ErrFormat) {
			t.Fatalf("untyped error: %v", err)
		}
	})
}
