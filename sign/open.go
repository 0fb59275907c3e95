package sign

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/holdfast-ai/holdfast/sign/bundle"
)

const (
	// Dir is the directory of ours in a model's root: signatures live there, and nothing in it is model content.
	Dir = ".holdfast"
	// SignatureFile is where [Open] looks for the bundle first.
	SignatureFile = Dir + "/model.sig"
	// PlainSignatureFile is the reference implementation's name for it, where Open looks next.
	PlainSignatureFile = "model.sig"
)

// Open verifies the signature of the model in src and holds it against p. It reads the bundle and, where it is signed,
// holdfast.json; no weights. src is typically os.Root's FS, or [DirFS], or a file system that decrypts; it must stay
// valid as long as the Model is used. Further checks happen as files are read.
//
// Errors: [ErrPolicy], [ErrVersion], [ErrDenied], [ErrSignature], [ErrFormat], [ErrUnsupported], [ErrMismatch] and [ErrMissing] of
// holdfast.json, and faults of src.
func Open(ctx context.Context, src fs.FS, p Policy, opts ...Option) (*Model, error) {
	m, c, err := evaluate(ctx, src, p, opts)
	if f := newOptions(opts).onChecks; f != nil {
		f(c.lines)
	}
	return m, err
}

func newModel(src fs.FS, p Policy, opts []Option) *Model {
	m := &Model{src: src, policy: p, opts: newOptions(opts), released: map[string]bool{}, tables: map[*file]*table{}}
	m.cache = newCache(m.opts.cache)
	return m
}

// findBundle returns the bundle's bytes. A bundle that is present and cannot be read is an error: falling through to
// another file would let storage choose the signature.
func (m *Model) findBundle(ctx context.Context) ([]byte, error) {
	if m.opts.given { // by a slip with nothing in it, perhaps: the storage then has no say either
		return m.opts.bundle, nil
	}
	for _, name := range m.opts.signatureFiles() {
		data, err := readBounded(ctx, m.src, name, bundle.MaxSize)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		m.sig = name
		return data, nil
	}
	return nil, fmt.Errorf("%w: neither %s nor %s exists", ErrSignature, SignatureFile, PlainSignatureFile)
}

// readCard reads and verifies holdfast.json, or returns nil where it is not signed.
func (m *Model) readCard(ctx context.Context) (*card, error) {
	f := m.files[CardFile]
	if f == nil {
		return nil, nil
	}
	data, err := m.readVerified(ctx, f, maxCard, nil)
	if err != nil {
		return nil, err
	}
	return parseCard(data)
}
