package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

func newLint(ui *ui) *cobra.Command {
	var public []string
	var strict bool
	var from layoutFlags
	cmd := &cobra.Command{
		Use:   "lint DIR|SIGNATURE",
		Short: "Say which other implementations will refuse a signature, and why; nothing is verified",
		Long: "Say which other implementations will refuse a signature, and why. Nothing is verified. Exits with 0, with --strict with 1 if anyone\n" +
			"refuses it, and with 1 for a signature that holdfast itself refuses to read.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := readSignature(cmd.Context(), args[0], from)
			if err != nil {
				return err
			}
			keys, err := readPublicKeys(public)
			if err != nil {
				return err
			}
			list, err := sign.Lint(data, keys...)
			if err != nil {
				return err
			}
			lines, refused := []string{}, 0
			for _, f := range list {
				who := "noted"
				if len(f.RefusedBy) > 0 {
					refused++
					who = "refused by " + strings.Join(f.RefusedBy, ", ")
				}
				lines = append(lines, f.Code+": "+who+": "+f.Detail)
			}
			doc := map[string]any{"findings": append([]sign.Finding{}, list...)}
			if strict && refused > 0 {
				err = fmt.Errorf("%w: by others, for %d reasons", errRefused, refused)
				doc["error"], doc["exit"] = err.Error(), exitRefused
			}
			if len(lines) == 0 {
				lines = append(lines, "no findings: no implementation known here refuses it")
			}
			if printed := ui.result(doc, lines...); printed != nil {
				return printed
			}
			return err
		},
	}
	from.add(cmd)
	cmd.Flags().StringArrayVar(&public, "public-key", nil, "key that verifiers will use, PEM; may be given again")
	cmd.Flags().BoolVar(&strict, "strict", false, "exit with 1 if anyone refuses the signature")
	return cmd
}

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
