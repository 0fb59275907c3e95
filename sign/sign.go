package sign

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// SignOptions are the choices of [Sign]. The zero value is fine.
type SignOptions struct {
	// Subject is the name recorded for the model, usually of its directory; informational. Default "model".
	Subject string
	// SignaturePath is where in the model the bundle will be stored. It need be given only where that is neither
	// [SignatureFile] nor [PlainSignatureFile], which are never signed.
	SignaturePath string
	// IgnorePaths are further paths that are not signed, each with all below it. They are recorded in the signature, and
	// whoever opens the model does not see them.
	IgnorePaths []string
	// Chain makes a signature of the certificate method: the certificate of the key, then those that lead to a root. Empty:
	// the key method.
	Chain []*x509.Certificate
	// ShardSize, if not 0, makes a signature of the method "shards": each file is signed in ranges of that many bytes, which
	// can be verified one by one. The command of the reference implementation cannot verify these, only its library.
	// The method cannot express files without content: they are not signed, and do not exist for whoever opens the model.
	ShardSize int64
	// AllowSymlinks signs a link to a file as the file, under the link's name, and records that links are allowed: whoever opens the
	// model follows them too. Links to directories are refused all the same. Default: every link is refused.
	AllowSymlinks bool
	// Workers is how many files are hashed at once. Default GOMAXPROCS.
	Workers int
	// Progress, if not nil, is called at most every 100 ms and once at the end.
	Progress func(Progress)
}

// Sign hashes the files of the model in src and returns the signature as a bundle, and the model's identity. Storing the
// bundle, usually as [SignatureFile], is the caller's.
//
// Not signed, and recorded so, are [Dir], git's files, the signature itself and o.IgnorePaths. Everything else must be a
// regular file or a directory: links (but see AllowSymlinks), pipes and devices are refused, because the signature could not say what they mean
// where the model is loaded. A holdfast.json that [Open] would refuse is refused here.
//
// Errors: [ErrKey], [bundle.ErrCertificate], [ErrNotRegular], [ErrFormat] for names that cannot be signed and for a model without files,
// [ErrMismatch] for a file that changes meanwhile, those of a source's own digests (package oci), the signer's, ctx's, and faults of src.
func Sign(ctx context.Context, src fs.FS, key crypto.Signer, o SignOptions) ([]byte, [32]byte, error) {
	none := [32]byte{}
	if key == nil {
		return nil, none, ErrKey
	}
	if err := bundle.CheckKey(key.Public()); err != nil { // before hashing for minutes
		return nil, none, err
	}
	man, payload, err := measure(ctx, src, o)
	if err != nil {
		return nil, none, err
	}
	var b []byte
	if len(o.Chain) > 0 {
		b, err = bundle.SignCertificate(key, o.Chain, payload)
	} else {
		b, err = bundle.Sign(key, payload)
	}
	if err != nil {
		return nil, none, err
	}
	return b, man.ModelID(), nil
}

// Measure hashes the files of the model in src and returns what [Sign] would sign with the same options: the model's identity before
// anybody vouches for it.
// Errors: those of Sign, except for keys.
func Measure(ctx context.Context, src fs.FS, o SignOptions) (*manifest.Manifest, error) {
	man, _, err := measure(ctx, src, o)
	return man, err
}

// measure makes the statement of a model and the payload that says it.
func measure(ctx context.Context, src fs.FS, o SignOptions) (*manifest.Manifest, []byte, error) {
	if o.ShardSize < 0 || o.ShardSize > manifest.MaxShardSize {
		return nil, nil, fmt.Errorf("%w: shard size %d", ErrFormat, o.ShardSize)
	}
	vouches, vouched := src.(voucher)
	if o.AllowSymlinks {
		src = follow{src}
	}
	names, ignore, err := listed(ctx, src, o)
	if err != nil {
		return nil, nil, err
	}
	if len(names) == 0 {
		return nil, nil, errNoFiles{}
	}
	f, e := form{algorithm: manifest.SHA256, shardSize: o.ShardSize}, effort{workers: o.Workers}
	var sums []hashed
	if vouched {
		sums, err = hashVouched(ctx, src, vouches, names, f, e, o.Progress)
	} else {
		sums, err = hashFiles(ctx, src, names, f, e, o.Progress)
	}
	if err != nil {
		return nil, nil, err
	}
	man := &manifest.Manifest{Method: manifest.MethodFiles, HashType: manifest.SHA256, Subject: o.Subject, AllowSymlinks: o.AllowSymlinks, IgnorePaths: ignore}
	if o.ShardSize > 0 {
		man.Method, man.ShardSize = manifest.MethodShards, o.ShardSize
	}
	for i, h := range sums {
		if errors.Is(h.err, errLength) {
			return nil, nil, &MismatchError{Path: names[i]}
		}
		if h.err != nil {
			return nil, nil, h.err
		}
		for n, sum := range h.sums {
			name := names[i]
			if o.ShardSize > 0 {
				start := int64(n) * o.ShardSize
				name = manifest.ShardName(name, start, start+min(o.ShardSize, h.size-start))
			}
			man.Resources = append(man.Resources, manifest.Resource{Name: name, Algorithm: manifest.SHA256, Digest: sum})
		}
	}
	if len(man.Resources) == 0 { // of shards: files without content have none
		return nil, nil, errNoFiles{}
	}
	if man.Subject == "" {
		man.Subject = "model"
	}
	payload, err := manifest.Emit(man)
	if err != nil {
		return nil, nil, err
	}
	if man, err = manifest.Parse(payload); err != nil {
		return nil, nil, err
	}
	return man, payload, checkOwnCard(ctx, src, man.Files)
}

// listed returns the names that are signed, and the paths that are not.
func listed(ctx context.Context, src fs.FS, o SignOptions) (names, ignore []string, err error) {
	ignore = slices.Concat(gitPaths[:], []string{Dir, PlainSignatureFile}, o.IgnorePaths)
	if o.SignaturePath != "" {
		ignore = append(ignore, o.SignaturePath)
	}
	skip := make(map[string]bool, len(ignore))
	for _, p := range ignore {
		if err := manifest.CheckName(p); err != nil {
			return nil, nil, err
		}
		skip[p] = true
	}
	err = walk(ctx, src, skip, func(name string, d fs.DirEntry) error {
		if o.AllowSymlinks && d.Type() == fs.ModeSymlink {
			if _, err := lstat(src, name); err != nil {
				return err
			}
		} else if !d.Type().IsRegular() {
			return &FileError{name, ErrNotRegular, d.Type()}
		}
		names = append(names, name)
		return manifest.CheckName(name)
	})
	return names, ignore, err
}

// checkOwnCard keeps a publisher from signing a holdfast.json that nobody can open.
func checkOwnCard(ctx context.Context, src fs.FS, files []manifest.File) error {
	i := slices.IndexFunc(files, func(f manifest.File) bool { return f.Name == CardFile })
	if i < 0 {
		return nil
	}
	m := &Model{src: src}
	data, err := m.readVerified(ctx, &file{CardFile, files[i]}, maxCard, nil)
	if err != nil {
		return err
	}
	_, err = parseCard(data)
	return err
}
