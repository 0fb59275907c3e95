package detect

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// documents are harmless English texts of n bytes each, n*count altogether, of the rows that people wrote for training: what a server sees. Their words, names and
// numbers are each another than the one before, so that branch predictors do not learn them as they learn prose.
func documents(t testing.TB, n, count int) [][]byte {
	t.Helper()
	file, err := os.ReadFile("train/corpus/documents.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for line := range bytes.Lines(file) {
		var row struct {
			Text  string
			Label int
		}
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		if row.Label == 0 && len(row.Text) >= 500 && strings.IndexFunc(row.Text, func(r rune) bool { return r > '~' }) < 0 {
			all = append(append(all, row.Text...), "\n\n"...)
		}
	}
	if len(all) < n*count {
		t.Fatalf("documents of %d bytes, want %d", len(all), n*count)
	}
	out := make([][]byte, count)
	for i := range out {
		out[i] = all[i*n:][:n:n]
	}
	return out
}
