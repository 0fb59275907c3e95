package mbom_test

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/mbom"
)

// TestTemplateVectors: no template gets past a policy that does not list its digest, neither one that reaches into Python nor one that
// looks harmless, whatever file it is in; with the digests that the refusals name, each model is accepted. Templates are never rendered
// and not judged: a publisher looks at each once.
func TestTemplateVectors(t *testing.T) {
	dir, labels := testkit.Labelled[struct{ Path, Verdict string }](t, "formats", "templates")
	for _, l := range labels {
		data, err := os.ReadFile(filepath.Join(dir, l.Path))
		if err != nil {
			t.Fatal(err)
		}
		name := l.Path // as it is, and under the names that loaders look for
		switch path.Ext(l.Path) {
		case ".json":
			name = "tokenizer_config.json"
		case ".jinja", ".jinja2", ".j2":
			name = "chat_template" + path.Ext(l.Path)
		}
		src := small()
		src[name] = &fstest.MapFile{Data: data}
		p := missing()
		_, err = mbom.Open(t.Context(), src, resources(t, src), p)
		if pe, ok := errors.AsType[*mbom.PolicyError](err); !ok || pe.Field != "Templates" || !strings.HasPrefix(pe.Path, name) {
			t.Errorf("%s (%s): %v", l.Path, l.Verdict, err)
			continue
		}
		b, err := mbom.Build(t.Context(), src, mbom.BuildOptions{})
		if err != nil {
			t.Errorf("%s: %v", l.Path, err)
			continue
		}
		for _, found := range b.Templates {
			p.Templates = append(p.Templates, found.SHA256)
		}
		if _, err := mbom.Open(t.Context(), src, resources(t, src), p); err != nil {
			t.Errorf("%s, listed: %v", l.Path, err)
		}
	}
	if len(labels) != 65 {
		t.Errorf("%d labelled templates, want 65", len(labels))
	}
}
