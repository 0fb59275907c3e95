package main

import "github.com/spf13/cobra"

func newVerifyKey(ui *ui) *cobra.Command {
	var flags verification
	var policy policyFlags
	var public []string
	cmd := &cobra.Command{
		Use:     "key MODEL",
		Short:   "Verify with public keys; one of them must have signed",
		Example: "  holdfast verify key --public-key model.pub --signature model.sig model",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p := policy.policy()
			var err error
			if p.Keys, err = readPublicKeys(public); err != nil {
				return err
			}
			return flags.run(cmd.Context(), ui, args[0], p)
		},
	}
	flags.add(cmd)
	policy.add(cmd)
	cmd.Flags().StringArrayVar(&public, "public-key", nil, "public key file, PEM; may be given again (required)")
	required(cmd, "public-key")
	return cmd
}
