package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
)

func newMBOM(ui *ui) *cobra.Command {
	var out, version string
	cmd := &cobra.Command{
		Use:   "mbom DIR",
		Short: "Write the model's bill of materials (CycloneDX), to be signed with it",
		Long: "Mbom writes the bill of materials, and lists the declared licences (serve --licence), the chat templates with the digests that serve\n" +
			"takes (--template-sha256) and what serve refuses the model for, unless it is told otherwise: a format that is not safe (--allow-format),\n" +
			"or no licence, which is declared at the head of README.md, or in a GGUF file, before mbom.",
		Example: "  holdfast mbom model && holdfast sign key --private-key model.key model",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if version != "1.7" && version != "1.6" { // before a large model is read
				return fmt.Errorf("%w: --spec-version %q is neither 1.7 nor 1.6", errUsage, version)
			}
			root, err := os.OpenRoot(args[0])
			if err != nil {
				return err
			}
			defer root.Close()
			bom, err := mbom.Build(cmd.Context(), sign.DirFS(root), mbom.BuildOptions{})
			if err != nil {
				return err
			}
			if len(bom.Files) == 0 { // the bill alone could be signed, and would stand for nothing
				return fmt.Errorf("%w: %s has no files of a model", errUsage, args[0])
			}
			data, err := bom.CycloneDX(version)
			if err != nil {
				return err
			}
			if out == "" {
				out = filepath.Join(args[0], mbom.BOMFile)
			}
			if err := replaceFile(out, data); err != nil {
				return err
			}
			d := sha256.Sum256(data)
			view := map[string]any{"mbom": out, "sha256": hex.EncodeToString(d[:]), "spec_version": version}
			lines := []string{fmt.Sprintf("wrote %s (CycloneDX %s)", out, version), "sha256 " + hex.EncodeToString(d[:])}
			licences := []string{}
			for _, l := range bom.Licences {
				licences = append(licences, l.Text)
				lines = append(lines, fmt.Sprintf("licence %s of %s", l.Text, l.Evidence.File))
			}
			templates := []map[string]string{}
			for _, t := range bom.Templates {
				templates = append(templates, map[string]string{"name": t.Name, "file": t.Evidence.File, "sha256": hex.EncodeToString(t.SHA256[:])})
				lines = append(lines, fmt.Sprintf("template %s of %s: sha256 %x", t.Name, t.Evidence.File, t.SHA256))
			}
			refused, byDefault := []map[string]string{}, mbom.Policy{Formats: mbom.SafeFormats()}
			for _, f := range bom.Files {
				if pe, no := errors.AsType[*mbom.PolicyError](byDefault.CheckFormat(f)); no {
					refused = append(refused, map[string]string{"file": f.Name, "format": pe.Got})
					lines = append(lines, fmt.Sprintf("refused by default: %s (%s)", f.Name, pe.Got))
				}
			}
			if len(licences) == 0 {
				lines = append(lines, "refused by default: no licence is declared")
			}
			view["licences"], view["templates"], view["refused"] = licences, templates, refused
			return ui.result(view, lines...)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write (default DIR/"+mbom.BOMFile+")")
	cmd.Flags().StringVar(&version, "spec-version", "1.7", "CycloneDX version, 1.7 or 1.6")
	return cmd
}
