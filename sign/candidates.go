package sign

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// A candidate is one bundle that may count.
type candidate struct {
	from   string // path in the source, or what it was given as
	read   func() ([]byte, error)
	data   []byte
	bundle *bundle.Bundle
	signer Signer
	man    *manifest.Manifest
	err    error // why it does not count
}

// load reads and parses the bundle, unless that was done before.
func (c *candidate) load() {
	if c.bundle != nil || c.err != nil {
		return
	}
	if c.data, c.err = c.read(); c.err == nil {
		c.bundle, c.err = bundle.Parse(c.data)
	}
}

// drop lets go of what is large: an attacker may fill [Dir], and a bundle may have [bundle.MaxSize] bytes.
func (c *candidate) drop() { c.data, c.bundle, c.man = nil, nil, nil }

// candidates returns the bundle that [Open] was given or found, and with need > 1 those of further signers: what
// [WithCosigners] gave, else the other "*.sig" in [Dir]. Only the first must be readable; the others are not read yet.
func (m *Model) candidates(ctx context.Context, need int) ([]*candidate, error) {
	data, err := m.findBundle(ctx)
	if err != nil {
		return nil, err
	}
	first := &candidate{from: "given", data: data}
	if m.sig != "" {
		first.from = m.sig
	}
	if first.bundle, err = bundle.Parse(data); err != nil {
		return nil, err
	}
	out := []*candidate{first}
	if need == 1 {
		return out, nil
	}
	if m.opts.cosigners == nil {
		more, err := m.findCosigners(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	for i, data := range m.opts.cosigners {
		out = append(out, &candidate{from: fmt.Sprintf("cosigner %d", i), read: func() ([]byte, error) { return data, nil }})
	}
	return out, nil
}

// findCosigners lists further bundles of the source in the order of their names.
func (m *Model) findCosigners(ctx context.Context) ([]*candidate, error) {
	entries, err := fs.ReadDir(m.src, Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, in(Dir, err)
	}
	var out []*candidate
	for _, e := range entries {
		name := path.Join(Dir, e.Name())
		if path.Ext(name) != ".sig" || name == m.sig {
			continue
		}
		if len(out) == maxSigners-1 {
			break
		}
		out = append(out, &candidate{from: name, read: func() ([]byte, error) {
			return readBounded(ctx, m.src, name, bundle.MaxSize)
		}})
	}
	return out, nil
}
