package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/holdfast-ai/holdfast/internal/treefs"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// readSignature reads a signature file, or the signature of a model.
func readSignature(ctx context.Context, path string, from layoutFlags) ([]byte, error) {
	if err := from.check(); err != nil {
		return nil, err
	}
	if from.stored() {
		t, err := from.open(ctx, path)
		if err != nil {
			return nil, err
		}
		defer t.Close()
		data, found, err := t.signature(ctx)
		if err == nil && !found {
			err = fmt.Errorf("%w: %s has no signature", errUsage, path)
		}
		return data, err
	}
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !fi.IsDir() {
		return readFile(path, bundle.MaxSize)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	data, found, err := signatureIn(sign.DirFS(root))
	if err == nil && !found {
		err = fmt.Errorf("%w: %s has no signature", errUsage, path)
	}
	return data, err
}

// signatureIn reads the signature that sign.Open would find.
func signatureIn(src fs.FS) (data []byte, found bool, err error) {
	for _, name := range []string{sign.SignatureFile, sign.PlainSignatureFile} {
		f, err := src.Open(name)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return nil, false, err
		}
		defer f.Close()
		data, err := readRegular(f, name, bundle.MaxSize)
		return data, err == nil, err
	}
	return nil, false, nil
}

// attached returns the one signature that an OCI layout keeps beside the model, or nil where there is none, or files are stored otherwise.
func (t *target) attached(ctx context.Context) ([]byte, error) {
	if t.artifact == nil {
		return nil, nil
	}
	list, err := t.artifact.Bundles(ctx)
	switch {
	case err != nil || len(list) == 0:
		return nil, err
	case len(list) > 1:
		// Who writes to the layout can add one: a refusal, and no fault of the command line.
		return nil, fmt.Errorf("%w: the layout has %d signatures of the model: give one with --signature", errRefused, len(list))
	}
	return list[0], nil
}

// signature returns the signature that verify would take, unless it is told another.
func (t *target) signature(ctx context.Context) (data []byte, found bool, err error) {
	if data, err = t.attached(ctx); data != nil || err != nil {
		return data, err == nil, err
	}
	return signatureIn(t.src)
}

// signed returns the files with the signature that an OCI layout keeps beside them at its place among them: for what reads a model
// as one tree.
func (t *target) signed(ctx context.Context) (fs.FS, error) {
	sig, err := t.attached(ctx)
	if err != nil || sig == nil {
		return t.src, err
	}
	files := []treefs.File{{Name: sign.SignatureFile, Size: int64(len(sig)), Open: func() (io.ReadCloser, error) {
		return inMemory{bytes.NewReader(sig)}, nil
	}}}
	err = fs.WalkDir(t.src, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == sign.SignatureFile {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		files = append(files, treefs.File{Name: name, Size: fi.Size(), Open: func() (io.ReadCloser, error) { return t.src.Open(name) }})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return treefs.New(files)
}

// inMemory is an open file in memory.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }
