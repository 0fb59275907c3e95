package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

func newInspect(ui *ui) *cobra.Command {
	return &cobra.Command{
		Use:   "inspect DIR|SIGNATURE",
		Short: "Say what a sealed directory, a signed directory or a signature claims; nothing is verified",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			fi, err := os.Stat(args[0])
			if err != nil {
				return err
			}
			if !fi.IsDir() {
				data, err := readFile(args[0], bundle.MaxSize)
				if err != nil {
					return err
				}
				return inspectBundle(ui, data)
			}
			root, err := os.OpenRoot(args[0])
			if err != nil {
				return err
			}
			defer root.Close()
			src := sign.DirFS(root)
			if seal.IsSealed(src) {
				return inspectSealed(ui, src)
			}
			for _, name := range []string{sign.SignatureFile, sign.PlainSignatureFile} {
				f, err := src.Open(name)
				if errors.Is(err, fs.ErrNotExist) {
					continue
				}
				if err != nil {
					return err
				}
				defer f.Close()
				data, err := readRegular(f, name, bundle.MaxSize)
				if err != nil {
					return err
				}
				return inspectBundle(ui, data)
			}
			return fmt.Errorf("%w: %s is neither sealed nor signed", errUsage, args[0])
		},
	}
}

// inspectBundle prints what a signature says, without any key.
func inspectBundle(ui *ui, data []byte) error {
	b, err := bundle.Parse(data)
	if err != nil {
		return err
	}
	m, err := manifest.Parse(b.Payload)
	if err != nil {
		return err
	}
	files := []map[string]string{}
	id := m.ModelID()
	lines := []string{
		"model signature (not verified)", "subject  " + m.Subject, "model id " + hexOf(id), "key hint " + b.Hint,
	}
	for _, r := range m.Resources {
		files = append(files, map[string]string{"name": r.Name, "algorithm": r.Algorithm, "digest": fmt.Sprintf("%x", r.Digest)})
		lines = append(lines, fmt.Sprintf("%x  %s", r.Digest, r.Name))
	}
	return ui.result(map[string]any{
		"kind": "signature", "verified": false, "subject": m.Subject, "model_id": hexOf(id), "hint": b.Hint, "files": files,
	}, lines...)
}
