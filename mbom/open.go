package mbom

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"slices"

	"github.com/holdfast-ai/holdfast/mbom/cyclonedx"
	"github.com/holdfast-ai/holdfast/mbom/format"
	"github.com/holdfast-ai/holdfast/mbom/format/pickle"
	"github.com/holdfast-ai/holdfast/mbom/model"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// Bound is a bill of materials that was held against the signed files and accepted by a policy.
type Bound struct {
	// Digest is SHA-256 of the exact bytes of [BOMFile]: what evidence and receipts name. Zero where Missing.
	Digest [32]byte
	// Bytes are the bytes of [BOMFile]. They must not be modified.
	Bytes []byte
	// Missing says that the model has no bill and the policy accepted that.
	Missing bool
	// Model is what the model's small files declare, read anew from the verified files. Files, Parameters and Weights are
	// empty: they need a pass over the weights.
	Model *model.BOM
}

// Open reads [BOMFile] from the verified file system fsys and checks that it lists every file of files, except itself, with
// equal digest, and no other. Then it holds the model against p. Weight files are not read: see the package comment.
//
// Errors: [ErrPolicy], [ErrMismatch], [ErrFormat]; faults of fsys.
func Open(ctx context.Context, fsys fs.FS, files []manifest.Resource, p Policy) (*Bound, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	signed := make(map[string][]byte, len(files))
	var names []string
	for _, r := range files {
		if r.Algorithm != manifest.SHA256 || len(r.Digest) != sha256.Size {
			return nil, &FormatError{r.Name, "is not signed with SHA-256", nil}
		}
		if signed[r.Name] = r.Digest; r.Name != BOMFile {
			names = append(names, r.Name)
		}
	}
	slices.Sort(names)
	b := &Bound{}
	doc, err := b.bind(fsys, signed, p)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := p.gateFile(fsys, name, signed); err != nil {
			return nil, err
		}
	}
	if b.Model, err = extract(fsys, names); err != nil {
		return nil, err
	}
	sortBOM(b.Model)
	if err := p.gateModel(b.Model, doc); err != nil {
		return nil, err
	}
	return b, nil
}

// bind reads the bill and compares it with the signed files.
func (b *Bound) bind(fsys fs.FS, signed map[string][]byte, p Policy) (*cyclonedx.Document, error) {
	want, ok := signed[BOMFile]
	if !ok {
		if !p.InsecureAllowMissingBOM {
			return nil, &PolicyError{Field: "InsecureAllowMissingBOM", Want: BOMFile, Got: "no signed bill of materials"}
		}
		b.Missing = true
		return &cyclonedx.Document{}, nil
	}
	data, err := readFile(fsys, BOMFile, maxBOM)
	if err != nil {
		return nil, err
	}
	b.Bytes, b.Digest = data, sha256.Sum256(data)
	if !bytes.Equal(b.Digest[:], want) { // the file system was not the verified one
		return nil, &MismatchError{BOMFile, want, b.Digest[:]}
	}
	doc, err := cyclonedx.Decode(data)
	if err != nil {
		return nil, &FormatError{BOMFile, "bill of materials", err}
	}
	for name, digest := range signed {
		got, listed := doc.Files[name]
		switch {
		case name == BOMFile && listed:
			return nil, &FormatError{BOMFile, "lists itself", nil}
		case name == BOMFile:
		case !listed:
			return nil, &MismatchError{name, digest, nil}
		case !bytes.Equal(got[:], digest):
			return nil, &MismatchError{name, digest, got[:]}
		}
	}
	for name, got := range doc.Files {
		if _, ok := signed[name]; !ok {
			return nil, &MismatchError{name, nil, got[:]}
		}
	}
	return doc, nil
}

// CheckFormat holds the name, size and format of a file against p, as [Open] does before it looks into pickles and indexes.
// Errors: [ErrPolicy].
func (p Policy) CheckFormat(f model.File) error {
	if err := p.checkName(f.Name, f.Size); err != nil || isWeights(f.Name) {
		return err
	}
	kind := format.Kind(f.Format)
	if err := p.allowFormat(f.Name, kind); err != nil {
		return err
	}
	switch {
	case format.ByName(f.Name) == format.JSON && kind != format.JSON:
		return &PolicyError{"Formats", f.Name, "the JSON that its name says", f.Format + " under another name"}
	case kind == format.Safetensors || kind == format.GGUF: // no tap would look at it
		return &PolicyError{"Formats", f.Name, "weights under their own name", f.Format + " under another name"}
	}
	return nil
}

// checkName is the part of CheckFormat that needs no content.
func (p Policy) checkName(name string, size int64) error {
	if byName := format.ByName(name); byName != "" {
		if err := p.allowFormat(name, byName); err != nil {
			return err
		}
	}
	if size > MaxInspected && !isWeights(name) {
		return &PolicyError{"Formats", name, fmt.Sprintf("weights by name, or at most %d bytes", MaxInspected), fmt.Sprintf("%d bytes", size)}
	}
	return nil
}

// isWeights reports whether the tap of WeightPolicy reads a file.
func isWeights(name string) bool {
	byName := format.ByName(name)
	return byName == format.Safetensors || byName == format.GGUF
}

// gateFile holds one file against the allowed formats.
func (p Policy) gateFile(fsys fs.FS, name string, signed map[string][]byte) error {
	if isWeights(name) {
		return p.checkName(name, 0)
	}
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return fmt.Errorf("mbom: %w", err)
	}
	if err := p.checkName(name, info.Size()); err != nil {
		return err
	}
	data, err := readFile(fsys, name, MaxInspected)
	if err != nil {
		return err
	}
	kind := format.Detect(data, int64(len(data)))
	if err := p.CheckFormat(model.File{Name: name, Size: int64(len(data)), Format: string(kind)}); err != nil {
		return err
	}
	switch {
	case kind == format.Pickle || kind == format.Torch || format.ByName(name) == format.Pickle:
		if rep := pickle.Scan(bytes.NewReader(data), int64(len(data))); rep.Verdict != pickle.Clean {
			return &PolicyError{"Formats", name, "a pickle that imports allowed names only", rep.Verdict.String()}
		}
	case isIndex(name):
		return checkIndex(name, data, signed)
	}
	return nil
}

// gateModel holds what the files declare, and what the bill says, against p.
func (p Policy) gateModel(m *model.BOM, doc *cyclonedx.Document) error {
	licences := slices.Clone(doc.Licences)
	for _, l := range m.Licences {
		licences = append(licences, l.Text)
	}
	if err := p.allowLicences(licences); err != nil {
		return err
	}
	if len(m.RemoteCode) > 0 && !p.InsecureAllowRemoteCode {
		r := m.RemoteCode[0]
		return &PolicyError{"InsecureAllowRemoteCode", r.Evidence.File, "no code of a repository", r.Text}
	}
	if p.AnySignedTemplate {
		return nil
	}
	for _, t := range m.Templates {
		if err := allowTemplate(p.Templates, t.Evidence.File+"#"+t.Evidence.Pointer, t.SHA256); err != nil {
			return err
		}
	}
	for place, digest := range doc.Templates {
		if err := allowTemplate(p.Templates, place, digest); err != nil {
			return err
		}
	}
	return nil
}
