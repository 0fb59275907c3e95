package main

import (
	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

func newVerifyPolicy(ui *ui) *cobra.Command {
	var flags verification
	var file, denied string
	var cosigners []string
	cmd := &cobra.Command{
		Use:   "policy MODEL",
		Short: "Verify with a policy in JSON: keys, authorities, several signers, deny lists, pinned models",
		Long: `Verify with a policy in JSON: keys, authorities, several signers, deny lists, pinned models. One that accepts what two of three keys
signed:

  {"version": 1, "name": "harbor-tiny", "min_version": 7, "signers": 2,
   "keys": [{"pem": "-----BEGIN PUBLIC KEY-----\n..."}, {"pem": "...", "not_after": "2027-01-01T00:00:00Z"}, {"pem": "..."}]}

Further fields: mode (enforce, or warn), roots (PEM), identities, identity_patterns, model_ids, deny_list {keys, min_number},
insecure_any_model, insecure_any_identity, insecure_leaf_as_root. What is left out is not asked for, but name, model_ids or insecure_any_model
must be there; a field that is not known is an error. go doc github.com/holdfast-ai/holdfast/sign.Policy says what each means.`,
		Example: "  holdfast verify policy --policy policy.json --deny-list denied.json model",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readFile(file, maxDocument)
			if err != nil {
				return err
			}
			p, err := sign.ParsePolicy(text)
			if err != nil { // the policy is at fault, not the model
				return inFile(file, text, err)
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
