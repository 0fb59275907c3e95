package guard_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// Compressed data that inflates to nothing, block after block, is bounded by its own bytes: no ratio and no length would ever end it.
func TestEmptyBlocks(t *testing.T) {
	stored := func(n int) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, hello)
		for range n {
			_ = z.Flush()
		}
		_ = z.Close()
		return b.Bytes()
	}
	coded := func(n int) []byte { // of ten bits each, four in five bytes, and a last one (RFC 1951, section 3.2.6)
		b := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}
		for range n / 4 {
			b = append(b, 0x02, 0x08, 0x20, 0x80, 0x00)
		}
		return append(b, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	for name, c := range map[string]struct {
		body []byte
		want int
	}{
		"none":              {stored(0), http.StatusOK},
		"some stored ones":  {stored(100), http.StatusOK},
		"many stored ones":  {stored(1000), http.StatusRequestEntityTooLarge},
		"some coded ones":   {coded(1000), http.StatusBadRequest}, // of an empty body
		"many coded ones":   {coded(4000), http.StatusRequestEntityTooLarge},
		"and nothing after": {coded(4000)[:4500], http.StatusRequestEntityTooLarge},
	} {
		p := all()
		p.Limits.MaxBodyBytes = 4 << 10
		up := &guardtest.Upstream{Pieces: []string{"x"}}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/chat/completions", io.MultiReader(bytes.NewReader(c.body))) // of unknown length
		r.Header["Content-Type"], r.Header["Content-Encoding"] = []string{"application/json"}, []string{"gzip"}
		w := httptest.NewRecorder()
		newGuard(t, p).Handler(up).ServeHTTP(w, r)
		if w.Code != c.want || (up.Ran() == 1) != (c.want == http.StatusOK) {
			t.Errorf("%s: %d, ran %d", name, w.Code, up.Ran())
		}
		if c.want != http.StatusOK && w.Header().Get("Cache-Control") != "no-store" {
			t.Error("a refusal that may be stored")
		}
	}
}
