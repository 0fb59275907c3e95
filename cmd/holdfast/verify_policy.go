package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

func newVerifyPolicy(ui *ui) *cobra.Command {
	var flags verification
	var file, denied string
	var cosigners []string
	cmd := &cobra.Command{
		Use:     "policy MODEL",
		Short:   "Verify with a policy in JSON: keys, authorities, several signers, deny lists, pinned models",
		Example: "  holdfast verify policy --policy policy.json --deny-list denied.json model",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readFile(file, maxDocument)
			if err != nil {
				return err
			}
			p, err := sign.ParsePolicy(text)
			if err != nil { // the policy is at fault, not the model
				return fmt.Errorf("%w: %s: %w", errUsage, file, err)
			}
			var opts []sign.Option
			if denied != "" {
				list, err := readFile(denied, maxDocument)
				if err != nil {
					return err
				}
				opts = append(opts, sign.WithDenyList(list))
			}
			var more [][]byte
			for _, name := range cosigners {
				data, err := readFile(name, bundle.MaxSize)
				if err != nil {
					return err
				}
				more = append(more, data)
			}
			if more != nil {
				opts = append(opts, sign.WithCosigners(more...))
			}
			return flags.run(cmd.Context(), ui, args[0], p, opts...)
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&file, "policy", "", "policy file, JSON (required)")
	cmd.Flags().StringVar(&denied, "deny-list", "", "signed deny list, where the policy asks for one")
	cmd.Flags().StringArrayVar(&cosigners, "cosignature", nil, "signature file of a further signer; may be given again (default DIR/"+sign.Dir+"/*.sig)")
	required(cmd, "policy")
	return cmd
}
