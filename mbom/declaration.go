package mbom

import (
	"io/fs"
	"time"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// DeclarationFile is the file of a model that says its name and version (docs/SPEC.md section 2).
const DeclarationFile = "holdfast.json"

// maxDeclaration bounds holdfast.json, in bytes: it holds four short fields.
const maxDeclaration = 64 << 10

// A Declaration is the content of [DeclarationFile].
type Declaration struct {
	Name    string `json:"name"`
	Version uint64 `json:"version"`
	Display string `json:"display"`
	Created string `json:"created"` // RFC 3339
}

// ReadDeclaration reads [DeclarationFile] in the root of fsys.
// Errors: [ErrFormat]; faults of fsys, among them [fs.ErrNotExist].
func ReadDeclaration(fsys fs.FS) (Declaration, error) {
	data, err := readFile(fsys, DeclarationFile, maxDeclaration)
	if err != nil {
		return Declaration{}, err
	}
	return parseDeclaration(data)
}

func parseDeclaration(data []byte) (d Declaration, err error) {
	if err := strictjson.UnmarshalKnown(data, &d, strictjson.Limits{MaxBytes: maxDeclaration}); err != nil {
		return d, &FormatError{DeclarationFile, "declaration", err}
	}
	if d.Name == "" {
		return d, &FormatError{DeclarationFile, "no name", nil}
	}
	if _, err := time.Parse(time.RFC3339, d.Created); d.Created != "" && err != nil {
		return d, &FormatError{DeclarationFile, "created is not RFC 3339", nil}
	}
	return d, nil
}
