package main

import (
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

func newInspect(ui *ui) *cobra.Command {
	var from layoutFlags
	cmd := &cobra.Command{
		Use:     "inspect DIR|SIGNATURE",
		Short:   "Say what a sealed directory, a signed directory or a signature claims; nothing is verified",
		Example: "  holdfast inspect model.sealed\n  holdfast inspect model/.holdfast/model.sig",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := from.check(); err != nil {
				return err
			}
			if from.stored() {
				data, err := readSignature(cmd.Context(), args[0], from)
				if err != nil {
					return err
				}
				return inspectBundle(ui, data)
			}
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
			data, found, err := signatureIn(src)
			if err != nil {
				return err
			}
			if found {
				return inspectBundle(ui, data)
			}
			return fmt.Errorf("%w: %s is neither sealed nor signed", errUsage, args[0])
		},
	}
	from.add(cmd)
	return cmd
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
	id := m.ModelID()
	method, certificates := sign.MethodKey, []map[string]string{}
	switch {
	case b.Keyless:
		method = "keyless"
	case len(b.Chain) > 0:
		method = sign.MethodCertificate
	}
	lines := []string{
		"model signature (not verified)", "method   " + method, "subject  " + m.Subject, "model id " + hexOf(id), "key hint " + b.Hint,
		"digests  of " + m.Method + ", " + m.Spelling,
	}
	for _, c := range b.Chain {
		certificates = append(certificates, map[string]string{
			"subject": c.Subject.String(), "issuer": c.Issuer.String(), "serial": c.SerialNumber.Text(16),
			"not_before": c.NotBefore.UTC().Format(time.RFC3339), "not_after": c.NotAfter.UTC().Format(time.RFC3339),
		})
		lines = append(lines, fmt.Sprintf("certificate of %s by %s, serial %x, until %s", c.Subject, c.Issuer, c.SerialNumber, c.NotAfter.UTC().Format(time.RFC3339)))
	}
	files := []map[string]string{}
	for _, r := range m.Resources {
		files = append(files, map[string]string{"name": r.Name, "algorithm": r.Algorithm, "digest": fmt.Sprintf("%x", r.Digest)})
		lines = append(lines, fmt.Sprintf("%x  %s", r.Digest, r.Name))
	}
	return ui.result(map[string]any{
		"kind": "signature", "verified": false, "method": method, "subject": m.Subject, "model_id": hexOf(id), "hint": b.Hint,
		"certificates": certificates, "serialization": m.Method, "hash_type": m.HashType, "shard_size": m.ShardSize,
		"ignore_paths": append([]string{}, m.IgnorePaths...), "allow_symlinks": m.AllowSymlinks, "files": files,
	}, lines...)
}

// inspectSealed says what a sealed directory tells without a key.
func inspectSealed(ui *ui, src fs.FS) error {
	c, err := seal.Inspect(src)
	if err != nil {
		return err
	}
	view := sealView(c.Info)
	view["kind"], view["authenticated"], view["segment"], view["hidden"] = "sealed", false, c.Segment, c.Hidden
	files, wraps := []map[string]any{}, []string{}
	lines := []string{
		fmt.Sprintf("sealed directory: %s version %d (nothing here is authenticated without the key)", c.Name, c.Version),
		"commitment " + hexOf(c.Commitment),
		fmt.Sprintf("segments   of %d bytes", c.Segment),
	}
	if c.Hidden {
		lines = append(lines, "the names of its files are sealed too")
	}
	for _, w := range c.Wraps {
		wraps = append(wraps, w.ID)
		lines = append(lines, "wrapped for "+w.ID)
	}
	for _, f := range c.Files {
		files = append(files, map[string]any{"path": f.Path, "size": f.Size})
		lines = append(lines, fmt.Sprintf("%12d  %s", f.Size, f.Path))
	}
	view["files"], view["wraps"] = files, wraps
	return ui.result(view, lines...)
}
