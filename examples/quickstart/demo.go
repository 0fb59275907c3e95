package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/attesttest"
	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
)

// A demo is the whole cast: who publishes, who keeps keys, who serves, and what all of them agreed on.
type demo struct {
	report    *report
	work      string // temporary directory
	bulk      int    // bytes of weights that speed is measured on
	source    fs.FS  // the model as it was trained
	weights   string // its weight file
	template  string // the file that holds its chat template, or "" where it has none
	float     *place // a number in its weights, or nil where they are quantised
	publisher *publisher
	stranger  *publisher // signs as well as the publisher does, with a key that nobody trusts
	release   *release
	policy    holdfast.Config // what the operator accepts; no source, key or platform yet

	vendor  *attesttest.Vendor // of simulated machines
	machine attesttest.Options // what the operator's machine is
	device  *attesttest.Device
	config  attest.Digest // of policy
	keys    *keyServer
	server  *server
}

// close stops both servers.
func (d *demo) close() {
	if d.server != nil {
		d.server.close()
	}
	if d.keys != nil {
		d.keys.close()
	}
}

// newDemo publishes the model in dir and writes the operator's policy for it.
func newDemo(ctx context.Context, rep *report, work string, o options) (*demo, error) {
	dir, err := filepath.Abs(o.model)
	if err != nil {
		return nil, err
	}
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
		return nil, errors.Join(fmt.Errorf("-model wants a directory: %s", o.model), err)
	}
	d := &demo{report: rep, work: work, bulk: o.bulk, source: os.DirFS(dir)}
	if d.weights, err = weightFile(d.source); err != nil {
		return nil, err
	}
	if d.float, err = someFloat(filepath.Join(dir, d.weights)); err != nil {
		return nil, err
	}
	if d.publisher, err = newPublisher(filepath.Join(work, "publisher")); err != nil {
		return nil, err
	}
	if d.stranger, err = newPublisher(filepath.Join(work, "stranger")); err != nil {
		return nil, err
	}
	if d.release, err = d.publisher.publish(ctx, "model", d.source, ensureCard(filepath.Base(dir))); err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	d.source = withoutOurs{os.DirFS(d.release.plain)}
	return d, d.write(ctx, o)
}

// write is the operator's work: look at the release once, and pin what was seen.
func (d *demo) write(ctx context.Context, o options) error {
	bom, err := mbom.Build(ctx, os.DirFS(d.release.plain), mbom.BuildOptions{})
	if err != nil {
		return err
	}
	var templates [][32]byte
	for _, t := range bom.Templates {
		templates = append(templates, t.SHA256)
		d.template = t.Evidence.File
	}
	g := guard.DefaultPolicy()
	g.Canary = []string{watchword}
	g.Limits.MaxBodyBytes = 256 << 10
	d.policy = holdfast.Config{
		Signature: sign.Policy{
			Keys: []crypto.PublicKey{d.publisher.key.Public()}, Name: d.release.name, MinVersion: d.release.version,
		},
		MBOM: mbom.Policy{
			Formats: mbom.SafeFormats(), Licences: strings.Split(o.licences, ","), InsecureAnyLicence: o.anyLicence, Templates: templates,
		},
		Weights: mbom.WeightPolicy{Finite: true, Templates: templates},
		Guard:   g,
	}
	return nil
}

// weightFile finds the one file of weights in a model directory.
func weightFile(src fs.FS) (string, error) {
	var found []string
	for _, pattern := range []string{"*.safetensors", "*.gguf"} {
		names, err := fs.Glob(src, pattern)
		if err != nil {
			return "", err
		}
		found = append(found, names...)
	}
	if len(found) != 1 {
		return "", fmt.Errorf("-model wants a directory with one .safetensors or .gguf file; there are %d", len(found))
	}
	return found[0], nil
}

// ensureCard writes a holdfast.json where a model has none yet, since rollback protection rests on it.
func ensureCard(name string) func(string) error {
	return func(dir string) error {
		file := filepath.Join(dir, mbom.DeclarationFile)
		if _, err := os.Stat(file); err == nil {
			return nil
		}
		card := fmt.Sprintf(`{"name":%q,"version":7,"display":%q,"created":"2026-01-01T00:00:00Z"}`, name, name)
		return os.WriteFile(file, []byte(card), 0o644)
	}
}

// withoutOurs hides signature and bill of materials of a published directory, so that it can be published again.
type withoutOurs struct{ fs.FS }

func (w withoutOurs) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(w.FS, name)
	if name != "." {
		return entries, err
	}
	var out []fs.DirEntry
	for _, e := range entries {
		if e.Name() != sign.Dir && e.Name() != mbom.BOMFile {
			out = append(out, e)
		}
	}
	return out, err
}
