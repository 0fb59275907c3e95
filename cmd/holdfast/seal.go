package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
)

func newSeal(ui *ui) *cobra.Command {
	keys := kekFlags{chosen: true}
	var how sealFlags
	var from layoutFlags
	var out string
	cmd := &cobra.Command{
		Use:   "seal DIR",
		Short: "Encrypt a signed model (Tink AES256-GCM-HKDF streaming)",
		Example: "  holdfast seal --kek serving.kek --out model.sealed model\n  holdfast seal --kek serving.kek --hide-names --resume --out model.sealed model\n" +
			"  holdfast seal --kek serving.kek --layout hub --out model.sealed ~/.cache/huggingface/hub/models--org--name",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := how.check(); err != nil {
				return err
			}
			if _, inside := within(args[0], out); inside { // it would be an unsigned part of the model
				return fmt.Errorf("%w: --out %s is inside %s", errUsage, out, args[0])
			}
			k, err := keys.load(cmd.Context(), ui)
			if err != nil {
				return err
			}
			t, err := from.directory(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer t.Close()
			src, err := t.signed(cmd.Context())
			if err != nil {
				return err
			}
			decl, err := mbom.ReadDeclaration(src)
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%w: the model has no %s, whose name and version it is sealed under: {\"name\": …, \"version\": 1}", errUsage, mbom.DeclarationFile)
			}
			if err != nil {
				return err
			}
			o := how.options()
			o.Name, o.Version, o.Wraps = decl.Name, decl.Version, []seal.Wrapper{k}
			h, err := how.keyset(cmd.Context(), out, o, k)
			if err != nil {
				return err
			}
			update, end := ui.progress("seal")
			o.Progress = func(p seal.Progress) { update(p.Done, p.Total) }
			info, err := seal.Dir(cmd.Context(), out, src, h, o)
			end()
			if err != nil {
				return already(err, how.replace)
			}
			lines := []string{fmt.Sprintf("sealed %s version %d in %s", info.Name, info.Version, out), "commitment " + hexOf(info.Commitment)}
			if !signed(src) {
				lines = append(lines, "note: the model is not signed, so that serve refuses it: sign it, and seal it again")
			}
			return ui.result(sealView(info), lines...)
		},
	}
	keys.add(cmd)
	how.add(cmd)
	from.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "directory to create (required)")
	required(cmd, "out")
	return cmd
}

// signed tells whether a signature is there that would be sealed with the model; whose, and over what, verify says.
func signed(src fs.FS) bool {
	for _, name := range []string{sign.SignatureFile, sign.PlainSignatureFile} {
		if _, err := fs.Stat(src, name); err == nil {
			return true
		}
	}
	return false
}

// sealView is what JSON output says of a sealed directory.
func sealView(i seal.Info) map[string]any {
	return map[string]any{
		"name": i.Name, "version": i.Version, "commitment": hexOf(i.Commitment), "seal_json": hexOf(i.ManifestDigest),
	}
}
