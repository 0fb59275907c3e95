package main

import (
	"crypto/sha256"
	"encoding/hex"
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
		Use:     "mbom DIR",
		Short:   "Write the model's bill of materials (CycloneDX), to be signed with it",
		Example: "  holdfast mbom model && holdfast sign key --private-key model.key model",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			root, err := os.OpenRoot(args[0])
			if err != nil {
				return err
			}
			defer root.Close()
			bom, err := mbom.Build(cmd.Context(), sign.DirFS(root), mbom.BuildOptions{})
			if err != nil {
				return err
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
			return ui.result(map[string]any{"mbom": out, "sha256": hex.EncodeToString(d[:]), "spec_version": version},
				fmt.Sprintf("wrote %s (CycloneDX %s)", out, version), "sha256 "+hex.EncodeToString(d[:]))
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write (default DIR/"+mbom.BOMFile+")")
	cmd.Flags().StringVar(&version, "spec-version", "1.7", "CycloneDX version, 1.7 or 1.6")
	return cmd
}
