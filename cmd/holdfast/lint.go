package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/sign"
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
		Example: "  holdfast lint --strict --public-key model.pub model",
		Args:    cobra.ExactArgs(1),
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
				return ui.refuse(fmt.Errorf("%w: by others, for %d reasons", errRefused, refused), doc, lines...)
			}
			if len(lines) == 0 {
				lines = append(lines, "no findings: no implementation known here refuses it")
			}
			return ui.result(doc, lines...)
		},
	}
	from.add(cmd)
	cmd.Flags().StringArrayVar(&public, "public-key", nil, "key that verifiers will use, PEM; may be given again")
	cmd.Flags().BoolVar(&strict, "strict", false, "exit with 1 if anyone refuses the signature")
	return cmd
}
