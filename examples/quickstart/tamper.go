package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/sign"
)

// heldKey is the key source of an attacker's dream: it hands the keyset over without asking. Attacks on sealed bytes use
// it, so that the refusal comes from the seal itself.
type heldKey struct{ h *keyset.Handle }

func (k heldKey) Keyset(context.Context, seal.Info, []seal.Wrapped) (*keyset.Handle, error) {
	return k.h, nil
}

// load opens a directory under cfg and releases every file of it, as an engine would.
func load(ctx context.Context, cfg holdfast.Config, dir string) error {
	return with(ctx, cfg, dir, func(c *holdfast.Chain) error {
		for _, f := range c.Model().Files() {
			size, err := c.Model().Size(f.Name)
			if err != nil {
				return err
			}
			if _, err := c.Model().ReadInto(ctx, f.Name, make([]byte, size)); err != nil {
				return err
			}
		}
		return nil
	})
}

// with opens a directory under cfg and calls f.
func with(ctx context.Context, cfg holdfast.Config, dir string, f func(*holdfast.Chain) error) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	cfg.Source = sign.DirFS(root)
	c, err := holdfast.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	return f(c)
}

// tampered copies a directory and lets edit loose on the copy.
func tampered(dir, label string, edit func(dir string) error) (string, error) {
	to := filepath.Join(filepath.Dir(dir), label)
	if err := os.RemoveAll(to); err != nil {
		return "", err
	}
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		return "", err
	}
	if edit == nil {
		return to, nil
	}
	return to, edit(to)
}

// flipBit flips one bit in the middle of a file.
func flipBit(name string) func(string) error {
	return func(dir string) error {
		return rewrite(filepath.Join(dir, name), func(b []byte) ([]byte, error) {
			b[len(b)/2] ^= 0x10
			return b, nil
		})
	}
}

// truncate cuts the last byte off a file.
func truncate(name string) func(string) error {
	return func(dir string) error {
		return rewrite(filepath.Join(dir, name), func(b []byte) ([]byte, error) { return b[:len(b)-1], nil })
	}
}

// rename moves a file to a name beside its own.
func rename(name string) func(string) error {
	return func(dir string) error {
		return os.Rename(filepath.Join(dir, name), filepath.Join(dir, "renamed-"+name))
	}
}

// largest returns the path of the largest file below dir, relative to it: in a sealed directory, the weights.
func largest(dir string) (string, error) {
	var name string
	var most int64
	err := filepath.Walk(dir, func(p string, fi os.FileInfo, err error) error {
		if err == nil && fi.Mode().IsRegular() && fi.Size() > most {
			name, most = p, fi.Size()
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return filepath.Rel(dir, name)
}

// swapTemplate changes the chat template: what it does with a conversation is code that runs before every answer.
func (d *demo) swapTemplate(dir string) error {
	return rewrite(filepath.Join(dir, d.template), func(b []byte) ([]byte, error) {
		i := max(bytes.Index(b, []byte("{%")), bytes.Index(b, []byte("{{")))
		if i < 0 {
			return nil, fmt.Errorf("%s holds no chat template", d.template)
		}
		b[i+2] = '+' // one byte, so that the offsets of a GGUF file hold
		return b, nil
	})
}

// setCard changes holdfast.json.
func setCard(key string, value any) func(string) error {
	return func(dir string) error {
		return rewrite(filepath.Join(dir, "holdfast.json"), func(b []byte) ([]byte, error) {
			var m map[string]any
			if err := json.Unmarshal(b, &m); err != nil {
				return nil, err
			}
			m[key] = value
			return json.Marshal(m)
		})
	}
}

// addPickle adds a file that runs a command when Python loads it. Nothing here ever loads it.
func addPickle(dir string) error {
	program := "\x80\x02cposix\nsystem\nX\x05\x00\x00\x00true \x85R."
	return os.WriteFile(filepath.Join(dir, "pytorch_model.bin"), []byte(program), 0o644)
}

// addText adds a harmless file of the same name in a format that anyone may read.
func addText(dir string) error {
	return os.WriteFile(filepath.Join(dir, "NOTES.md"), bytes.Repeat([]byte("Nothing to run here.\n"), 2), 0o644)
}

func rewrite(name string, f func([]byte) ([]byte, error)) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if b, err = f(b); err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o644)
}
