package guard_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// TestImageVectors: headers that promise more than a decoder should unpack, files that end early, that are another format, or that
// another file follows, are refused; an ordinary picture is not. What is odd and harmless to decode passes: compressed profiles and
// texts below the bound on metadata.
func TestImageVectors(t *testing.T) {
	dir, labels := testkit.Labelled[struct{ Path, Verdict, Why string }](t, "formats", "image")
	p := all()
	p.Media = &guard.MediaRules{}
	g := newGuard(t, p)
	passes := map[string]bool{"own-ok-1x1.png": true, "own-icc-10mb.png": true, "own-text-1000.png": true}
	for _, l := range labels {
		data, err := os.ReadFile(filepath.Join(dir, l.Path))
		if err != nil {
			t.Fatal(err)
		}
		typ := map[string]string{".png": "png", ".jpg": "jpeg", ".gif": "gif", ".svg": "svg+xml"}[filepath.Ext(l.Path)]
		body := `{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/` + typ + `;base64,` +
			base64.StdEncoding.EncodeToString(data) + `"}}]}]}`
		w := ask(g.Handler(&guardtest.Upstream{}), guard.KindChat, body)
		if (w.Code == 200) != passes[l.Path] {
			t.Errorf("%s (%s: %s): %d %s", l.Path, l.Verdict, l.Why, w.Code, w.Body)
		}
		if l.Verdict == "reject" && passes[l.Path] || l.Verdict == "accept" && !passes[l.Path] {
			t.Errorf("%s is labelled %s", l.Path, l.Verdict)
		}
	}
	if len(labels) != 14 {
		t.Errorf("%d labelled images, want 14", len(labels))
	}
}
