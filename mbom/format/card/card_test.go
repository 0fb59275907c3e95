package card_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/mbom/format/card"
)

func TestVectors(t *testing.T) {
	dir := testkit.Vectors(t, "mbom", "cards")
	for name, want := range map[string]string{
		"datasetcard_template.md":        "reject", // placeholders between braces are no values
		"modelcard_template.md":          "reject",
		"sample_datasetcard_template.md": "accept", // its placeholder is a mapping without known keys
		"sample_template.md":             "reject",
		"sample_invalid_card_data.md":    "reject",
		"sample_invalid_model_index.md":  "finding",
		"sample_datasetcard_simple.md":   "accept",
		"sample_simple.md":               "accept",
		"sample_simple_model_index.md":   "accept",
		"sample_windows_line_breaks.md":  "accept",
		"sample_no_metadata.md":          "accept",
	} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			c, err := card.Parse(data)
			switch {
			case want == "reject" && !errors.Is(err, card.ErrFormat):
				t.Errorf("want ErrFormat, got %v", err)
			case want != "reject" && err != nil:
				t.Error(err)
			case want != "reject" && (len(c.Findings) > 0) != (want == "finding"):
				t.Errorf("findings %v, want %s", c.Findings, want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	c, err := card.Parse([]byte("---\r\nlicense: other\r\nlicense_name: tiny-1\r\ndatasets:\r\n- a\r\n- b\r\nbase_model: x/y\r\npipeline_tag: text-generation\r\nmodel-index:\r\n- name: m\r\n  results:\r\n  - dataset: {name: heldback, split: test}\r\n    metrics:\r\n    - {type: accepted, value: 0.95}\r\n---\r\n# Text with\r\n---\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Licences, []string{"tiny-1"}) || !slices.Equal(c.Datasets, []string{"a", "b"}) || !slices.Equal(c.BaseModels, []string{"x/y"}) || c.Task != "text-generation" {
		t.Errorf("got %+v", c)
	}
	if len(c.Results) != 1 || c.Results[0] != (card.Metric{Type: "accepted", Value: "0.95", Dataset: "heldback (test)"}) {
		t.Errorf("results %+v", c.Results)
	}
}

func TestRefused(t *testing.T) {
	for name, front := range map[string]string{
		"alias":         "a: &x mit\nlicense: *x\n",
		"anchor":        "license: &x mit\n",
		"merge":         "a: {b: c}\n<<: {license: mit}\n",
		"duplicate":     "license: mit\nlicense: gpl-3.0\n",
		"deep":          "a: " + strings.Repeat("[", 20) + strings.Repeat("]", 20) + "\n",
		"duplicate-low": "a:\n  b: 1\n  b: 2\n",
		"tag":           "license: !python/object:os.system mit\n",
		"list":          "- license\n",
		"two-documents": "license: mit\n...\nlicense: x\n",
		"not-yaml":      "license: [\n",
		"not-utf8":      "license: \xff\n",
		"long":          strings.Repeat("# x\n", card.MaxFrontMatter/4+1),
	} {
		if _, err := card.Parse([]byte("---\n" + front + "---\n")); !errors.Is(err, card.ErrFormat) {
			t.Errorf("%s: want ErrFormat, got %v", name, err)
		}
	}
	// Readers differ in where front matter may begin and end: the Hub's skips blank lines before it, and needs a bare mark at its end.
	for _, text := range []string{
		"\n---\nlicense: mit\n---\n", "  ---\nlicense: mit\n---\n", "\r\n\r\n---\r\nlicense: mit\r\n---\r\n", "---\rlicense: mit\r---\r", "\v---\nlicense: mit\n---\n",
		"--- \nlicense: mit\n---\n", "---\nlicense: mit\n--- \nlicense: x\n---\n", "---\nlicense: mit\r---\nlicense: x\n---\n",
	} {
		if c, err := card.Parse([]byte(text)); !errors.Is(err, card.ErrFormat) {
			t.Errorf("%q: want ErrFormat, got %+v, %v", text, c, err)
		}
	}
	for _, text := range []string{"", "---", "----\n# A rule\n", "\n# Title\n\n---\nlicense: mit\n---\n", "--- a list\n", "-- \n---\n"} {
		if c, err := card.Parse([]byte(text)); err != nil && text != "---" || err == nil && len(c.Licences) > 0 {
			t.Errorf("%q: %+v, %v", text, c, err)
		}
	}
	if _, err := card.Parse([]byte("---\nlicense: mit\n")); !errors.Is(err, card.ErrFormat) {
		t.Errorf("no end: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("---\nlicense: mit\ndatasets: [a, b]\nmodel-index:\n- results:\n  - dataset: {name: n}\n    metrics: [{type: t, value: 1}]\n---\n"))
	f.Add([]byte("---\na: &x [*x]\n---\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := card.Parse(data); err != nil && !errors.Is(err, card.ErrFormat) {
			t.Fatalf("untyped error: %v", err)
		}
	})
}
