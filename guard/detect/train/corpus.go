package train

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"
)

// Rows that people wrote for this project, one by one. They copy nothing: a test compares them with the rows of others.
//
//go:embed corpus/*.jsonl
var corpusFiles embed.FS

// corpus returns the rows of the files in corpus, in the order of their names. The source of a row is "own-corpus-" and the name of its
// file.
func corpus() ([]Row, error) {
	names, err := fs.Glob(corpusFiles, "corpus/*.jsonl") // sorted
	if err != nil {
		return nil, err
	}
	var out []Row
	for _, name := range names {
		data, err := corpusFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		rows, err := Read(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		source := "own-corpus-" + strings.TrimSuffix(strings.TrimPrefix(name, "corpus/"), ".jsonl")
		for i := range rows {
			rows[i].Source, rows[i].Lic = source, "project"
			if from := strings.Index(rows[i].Text, rows[i].Payload); rows[i].Payload != "" && from >= 0 {
				n := utf8.RuneCountInString(rows[i].Text[:from])
				rows[i].Span = []int{n, n + utf8.RuneCountInString(rows[i].Payload)}
			}
		}
		out = append(out, rows...)
	}
	return out, nil
}
