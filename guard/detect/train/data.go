// Package train makes the linear model of package detect from labelled texts and from texts that it writes itself. The
// same data and the same program give the same model, bit for bit.
package train

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

// ErrData means that a row cannot be used.
var ErrData = errors.New("train: unusable data")

// A Row is one labelled text.
type Row struct {
	Text   string `json:"text"`
	Label  int    `json:"label"`  // 1: an attack
	Source string `json:"source"` // where it comes from: evaluation leaves whole sources out
	Kind   string `json:"kind"`   // direct, indirect, jailbreak, extraction, benign, benign-hard, harmful-plain
	Lang   string `json:"lang,omitempty"`
	Role   string `json:"role,omitempty"`   // user (default), tool, document, assistant
	Lic    string `json:"lic,omitempty"`    // licence
	Family string `json:"family,omitempty"` // of the texts of a corpus: what the attack does, or what the harmless text is about
	Span   []int  `json:"span,omitempty"`   // of the attack in the text: [start, end) in code points

	Payload string `json:"payload,omitempty"` // of the texts of a corpus: the attack, word for word, where the rest of the text is none

	carrier string // source of the document that an attack was put into
}

// maxLine bounds a row, in bytes.
const maxLine = 16 << 20

// Read reads JSON lines. Unknown fields are ignored: they are notes of whoever made the file.
// Errors unwrap to [ErrData] and name the line, not its text.
func Read(r io.Reader) ([]Row, error) {
	var rows []Row
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	for n := 1; s.Scan(); n++ {
		if strings.TrimSpace(s.Text()) == "" {
			continue
		}
		var row Row
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			return nil, fmt.Errorf("%w: line %d is no row", ErrData, n)
		}
		if row.Label != 0 && row.Label != 1 {
			return nil, fmt.Errorf("%w: line %d has label %d", ErrData, n, row.Label)
		}
		rows = append(rows, row)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrData, err)
	}
	return rows, nil
}

// Trust says how the text is read: documents and results of tools come from outside the conversation.
func (r *Row) Trust() detect.Trust {
	if r.Role == "tool" || r.Role == "document" || r.Role == "" && r.Kind == "indirect" {
		return detect.TrustNone
	}
	return detect.TrustUser
}
