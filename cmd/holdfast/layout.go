package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/oci"
)

// Values of --layout.
const (
	layoutDir = "dir"
	layoutHub = "hub"
	layoutOCI = "oci"
	layoutZip = "zip"
)

// layoutFlags say how a model is stored. Whoever runs the command says it: were it guessed from what lies there, a verified copy
// could hide beside the files that are loaded. The zero value is a directory or a single file.
type layoutFlags struct{ layout, revision, tag string }

func (l *layoutFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.layout, "layout", layoutDir, "how the model is stored: dir (a directory or file), hub (its directory models--ORG--NAME in the Hugging Face Hub's cache),\n"+
		"oci (an OCI image layout) or zip")
	cmd.Flags().StringVar(&l.revision, "revision", "", "commit or name of a revision, with --layout hub (default main)")
	cmd.Flags().StringVar(&l.tag, "tag", "", "tag or manifest digest, with --layout oci (default: the only model)")
}

// stored reports whether the model is stored in another way than as plain files.
func (l *layoutFlags) stored() bool { return l.layout != "" && l.layout != layoutDir }

// check refuses flags that contradict each other.
func (l *layoutFlags) check() error {
	switch {
	case !slices.Contains([]string{"", layoutDir, layoutHub, layoutOCI, layoutZip}, l.layout):
		return fmt.Errorf("%w: --layout %q is none of dir, hub, oci and zip", errUsage, l.layout)
	case l.revision != "" && l.layout != layoutHub:
		return fmt.Errorf("%w: --revision needs --layout hub", errUsage)
	case l.tag != "" && l.layout != layoutOCI:
		return fmt.Errorf("%w: --tag needs --layout oci", errUsage)
	}
	return nil
}

// directory is open for commands that take no single file.
func (l *layoutFlags) directory(ctx context.Context, path string) (*target, error) {
	t, err := l.open(ctx, path)
	if err == nil && t.file != "" {
		return nil, errors.Join(fmt.Errorf("%w: %s is no directory", errUsage, path), t.Close())
	}
	return t, err
}

// open opens what path leads to as the flags say, and as nothing else.
func (l *layoutFlags) open(ctx context.Context, path string) (*target, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	switch {
	case !l.stored():
		return openTarget(path)
	case l.layout == layoutZip:
		return openZip(path)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	t := &target{closer: root}
	if l.layout == layoutHub {
		revision := l.revision
		if revision == "" {
			revision = "main"
		}
		t.src, err = sign.HuggingFaceFS(root, revision)
	} else {
		var a *oci.Artifact
		a, err = oci.Open(ctx, root, l.tag)
		t.src, t.artifact = a, a
	}
	if err != nil {
		root.Close()
		switch {
		case l.layout == layoutHub && errors.Is(err, fs.ErrNotExist):
			err = fmt.Errorf("%w (MODEL is the directory models--ORG--NAME in the Hub's cache)", err)
		case errors.Is(err, oci.ErrAmbiguous):
			err = fmt.Errorf("%w: choose one with --tag, which takes a digest too", err)
		}
		return nil, err
	}
	return t, nil
}

// hubHint says what to do about links where path is a snapshot in the Hub's cache, to which other tools are pointed.
func hubHint(path string, err error) error {
	abs, err2 := filepath.Abs(path)
	if err2 != nil || !errors.Is(err, sign.ErrNotRegular) || filepath.Base(filepath.Dir(abs)) != "snapshots" {
		return err
	}
	return fmt.Errorf("%w\n%s is a snapshot in the Hub's cache: give %s with --layout hub --revision %s", err, path, filepath.Dir(filepath.Dir(abs)), filepath.Base(abs))
}

func openZip(path string) (*target, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	t := &target{closer: f}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s is not a regular file", errUsage, path)
	}
	if err == nil {
		t.src, err = sign.ZipFS(f, fi.Size())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return t, nil
}
