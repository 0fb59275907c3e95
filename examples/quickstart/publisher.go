package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
)

// A publisher owns the signing key. It works on its own machine and publishes sealed directories.
type publisher struct {
	key *ecdsa.PrivateKey
	dir string // workspace
}

// A release is one published model: a plain signed directory, which stays with the publisher, and the sealed one.
type release struct {
	name    string
	version uint64
	plain   string // directory with .holdfast/model.sig
	sealed  string // what goes to registries
	keyset  *keyset.Handle
	info    seal.Info
	id      [32]byte // ModelID
	took    struct{ inventory, sign, seal time.Duration }
}

func newPublisher(dir string) (*publisher, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return &publisher{key: key, dir: dir}, err
}

// publish runs the publisher's order of work on a copy of src: change, MBOM, sign, seal (docs/SPEC.md section 3).
// edit, if not nil, changes the copy before the MBOM is made.
func (p *publisher) publish(ctx context.Context, label string, src fs.FS, edit func(dir string) error) (*release, error) {
	r := &release{plain: filepath.Join(p.dir, label), sealed: filepath.Join(p.dir, label+".sealed")}
	if err := os.CopyFS(r.plain, src); err != nil {
		return nil, err
	}
	if edit != nil {
		if err := edit(r.plain); err != nil {
			return nil, err
		}
	}
	for _, step := range []struct {
		name string
		do   func(context.Context, *release) error
		took *time.Duration
	}{{"mbom", p.inventory, &r.took.inventory}, {"sign", p.sign, &r.took.sign}, {"seal", p.seal, &r.took.seal}} {
		start := time.Now()
		if err := step.do(ctx, r); err != nil {
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
		*step.took = time.Since(start)
	}
	return r, nil
}

func (p *publisher) inventory(ctx context.Context, r *release) error {
	decl, err := mbom.ReadDeclaration(os.DirFS(r.plain))
	if err != nil {
		return err
	}
	r.name, r.version = decl.Name, decl.Version
	bom, err := mbom.Build(ctx, os.DirFS(r.plain), mbom.BuildOptions{})
	if err != nil {
		return err
	}
	data, err := bom.CycloneDX("1.7")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.plain, mbom.BOMFile), data, 0o644)
}

func (p *publisher) sign(ctx context.Context, r *release) error {
	root, err := os.OpenRoot(r.plain)
	if err != nil {
		return err
	}
	defer root.Close()
	bundle, id, err := sign.Sign(ctx, sign.DirFS(root), p.key, sign.SignOptions{Subject: r.name})
	if err != nil {
		return err
	}
	r.id = id
	if err := root.MkdirAll(sign.Dir, 0o755); err != nil {
		return err
	}
	return root.WriteFile(sign.SignatureFile, bundle, 0o644)
}

func (p *publisher) seal(ctx context.Context, r *release) error {
	var err error
	if r.keyset, err = kek.NewKeyset(); err != nil {
		return err
	}
	root, err := os.OpenRoot(r.plain)
	if err != nil {
		return err
	}
	defer root.Close()
	r.info, err = seal.Dir(ctx, r.sealed, sign.DirFS(root), r.keyset, seal.Options{Name: r.name, Version: r.version})
	return err
}
