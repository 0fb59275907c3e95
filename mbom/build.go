package mbom

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/holdfast-ai/holdfast/internal/ctxio"
	"github.com/holdfast-ai/holdfast/mbom/cyclonedx"
	"github.com/holdfast-ai/holdfast/mbom/format"
	"github.com/holdfast-ai/holdfast/mbom/format/gguf"
	"github.com/holdfast-ai/holdfast/mbom/format/pickle"
	"github.com/holdfast-ai/holdfast/mbom/model"
)

// BuildOptions change what [Build] covers. The zero value covers every file of the directory but [BOMFile], .holdfast/,
// model.sig and git's own files, which is what signing covers by default.
type BuildOptions struct {
	// Ignore lists further paths that are left out, with their subtrees. It must be what the signature leaves out.
	Ignore []string
	// Progress is called after each file with the bytes hashed so far. Optional.
	Progress func(done int64)
}

// A BOM is the bill of materials of a model directory.
type BOM struct{ model.BOM }

// Build reads every file of src once and describes the model. It accepts files that a policy would refuse, such as
// pickles, and names them; malformed weights and configurations are errors.
// Errors: [ErrFormat]; faults of src.
func Build(ctx context.Context, src fs.FS, o BuildOptions) (*BOM, error) {
	names, err := walk(ctx, src, o.Ignore)
	if err != nil {
		return nil, err
	}
	b, err := extract(src, names)
	if err != nil {
		return nil, err
	}
	counts, parts := map[string]model.Count{}, shards{}
	var done int64
	for _, name := range names {
		f, err := describe(ctx, src, name, b, counts, parts)
		if err != nil {
			return nil, err
		}
		b.Files = append(b.Files, f)
		if done += f.Size; o.Progress != nil {
			o.Progress(done)
		}
	}
	for _, name := range names {
		if isIndex(name) {
			if err := parts.checkIndex(src, name, b); err != nil {
				return nil, err
			}
		}
	}
	for _, c := range counts {
		b.Parameters = append(b.Parameters, c)
	}
	sortBOM(b)
	return &BOM{*b}, nil
}

// CycloneDX writes the bill in version "1.7" or "1.6" of CycloneDX JSON. Equal bills give equal bytes. Version 1.7 carries
// the evidence as citations, 1.6 as properties. A bill that [Open] could not read back, for example of too many files, is an
// error here and not at every server.
// Errors: [cyclonedx.ErrVersion], [ErrFormat].
func (b *BOM) CycloneDX(version string) ([]byte, error) {
	doc, err := cyclonedx.Encode(&b.BOM, version)
	if err != nil {
		return nil, err
	}
	if _, err := cyclonedx.Decode(doc); err != nil {
		return nil, &FormatError{BOMFile, "bill of materials", err}
	}
	return doc, nil
}

// describe hashes a file and parses it in the same pass.
func describe(ctx context.Context, src fs.FS, name string, b *model.BOM, counts map[string]model.Count, parts shards) (model.File, error) {
	f, err := src.Open(name)
	if err != nil {
		return model.File{}, fmt.Errorf("mbom: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return model.File{}, fmt.Errorf("mbom: %w", err)
	}
	out := model.File{Name: name, Size: info.Size()}
	hash, head := sha256.New(), &headWriter{max: format.HeadSize}
	sinks := []io.Writer{hash, head}
	var w *weights
	if kind := format.ByName(name); kind == format.Safetensors || kind == format.GGUF {
		w = newWeights(name, kind, out.Size, WeightPolicy{InsecureAnyValue: true, AnySignedTemplate: true})
		sinks = append(sinks, w)
	} else if out.Size <= MaxInspected {
		head.max = MaxInspected // as Open, whose verdict it foretells: a file may be something else by its end
	}
	n, err := io.Copy(io.MultiWriter(sinks...), ctxio.Reader(ctx, f))
	if err != nil {
		if errors.Is(err, ErrFormat) {
			return out, err
		}
		return out, fmt.Errorf("mbom: %q: %w", name, err)
	}
	if n != out.Size {
		return out, &FormatError{name, "size changed while it was read", nil}
	}
	hash.Sum(out.SHA256[:0])
	out.Format = string(format.Detect(head.b, out.Size))
	if out.Format == string(format.Pickle) || out.Format == string(format.Torch) {
		finding(b, name, "loading it may run code")
	}
	if w == nil {
		return out, nil
	}
	if err := w.Finish(); err != nil {
		return out, err
	}
	if pickle.Stops(head.b) {
		finding(b, name, "also reads as a pickle")
	}
	b.Weights = append(b.Weights, name)
	w.count(counts)
	w.metadata(b)
	if w.st != nil {
		parts[name] = map[string]int64{}
		for _, t := range w.st.Tensors {
			parts[name][t.Name] = t.End - t.Begin
		}
	}
	return out, nil
}

func finding(b *model.BOM, file, text string) {
	b.Findings = append(b.Findings, model.Value{Text: text, Evidence: model.Evidence{Class: model.Verified, File: file}})
}

// count adds the parameters of a parsed file.
func (w *weights) count(counts map[string]model.Count) {
	add := func(dtype string, n uint64) {
		c := counts[dtype]
		counts[dtype] = model.Count{DType: dtype, Tensors: c.Tensors + 1, Elements: c.Elements + n}
	}
	if w.st != nil {
		for _, t := range w.st.Tensors {
			add(string(t.DType), t.Elements())
		}
	}
	if w.gg != nil {
		for _, t := range w.gg.Tensors {
			add(t.Type.String(), t.Elements())
		}
	}
}

// metadata takes what a GGUF header declares; of a safetensors header only what may surprise.
func (w *weights) metadata(b *model.BOM) {
	if w.st != nil && !w.st.Aligned {
		finding(b, w.name, "tensors are not aligned to their element size")
	}
	if w.gg == nil {
		return
	}
	for _, p := range w.gg.Pairs {
		if name, ok := templateKey(p); ok {
			(&extractor{bom: b}).template(name, p.Text, w.name, "/"+p.Key)
		}
		if p.Type != gguf.String || p.Text == "" {
			continue
		}
		v := model.Value{Text: p.Text, Evidence: declared(w.name, "/"+p.Key)}
		switch {
		case p.Key == "general.license":
			b.Licences = append(b.Licences, v)
		case p.Key == "general.architecture":
			b.Families = append(b.Families, v)
		}
	}
	for _, key := range w.gg.BadText {
		finding(b, w.name, "the value of "+key+" is not UTF-8")
	}
}

// headWriter keeps the beginning of what is written to it, of max bytes at most.
type headWriter struct {
	b   []byte
	max int
}

func (w *headWriter) Write(p []byte) (int, error) {
	k := min(len(p), w.max-len(w.b))
	w.b = append(w.b, p[:k]...)
	return len(p), nil
}
