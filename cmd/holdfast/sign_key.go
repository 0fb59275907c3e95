package main

import "github.com/spf13/cobra"

func newSignKey(ui *ui) *cobra.Command {
	var flags signFlags
	var private privateKey
	cmd := &cobra.Command{
		Use:     "key MODEL",
		Short:   "Sign with a private key (ECDSA P-256, P-384 or P-521, PEM)",
		Example: "  holdfast sign key --private-key model.key --signature model.sig model",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := private.load(cmd.Context(), ui)
			if err != nil {
				return err
			}
			return signDir(cmd.Context(), ui, args[0], &flags, key, nil)
		},
	}
	flags.add(cmd)
	private.add(cmd)
	return cmd
}
