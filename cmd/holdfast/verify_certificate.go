package main

import (
	"fmt"
	"regexp"

	"github.com/spf13/cobra"
)

func newVerifyCertificate(ui *ui) *cobra.Command {
	var flags verification
	var policy policyFlags
	var roots, identities, patterns []string
	var anyIdentity, leafAsRoot bool
	cmd := &cobra.Command{
		Use:   "certificate MODEL",
		Short: "Verify with certificate authorities; a certificate under one of them must have signed",
		Example: "  holdfast verify certificate --certificate-chain ca.pem --identity release@example.org " +
			"--signature model.sig model",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, pattern := range patterns { // the command line is at fault, and no check of the model
				if _, err := regexp.Compile(pattern); err != nil {
					return fmt.Errorf("%w: --identity-pattern: %w", errUsage, err)
				}
			}
			p := policy.policy()
			var err error
			if p.Roots, err = readCertificates(roots); err != nil {
				return err
			}
			p.Identities, p.IdentityPatterns, p.InsecureAnyIdentity, p.InsecureLeafAsRoot = identities, patterns, anyIdentity, leafAsRoot
			return flags.run(cmd.Context(), ui, args[0], p)
		},
	}
	flags.add(cmd)
	policy.add(cmd)
	cmd.Flags().StringArrayVar(&roots, "certificate-chain", nil, "trusted authorities, PEM; may be given again (required)")
	cmd.Flags().StringArrayVar(&identities, "identity", nil, "e-mail, URI, DNS name or CN=… that the certificate must carry; may be given again")
	cmd.Flags().StringArrayVar(&patterns, "identity-pattern", nil, "regular expression that such a name must match as a whole (common names only if it begins with CN=); may be given again")
	cmd.Flags().BoolVar(&anyIdentity, "insecure-any-identity", false, "accept every certificate under the authorities")
	cmd.Flags().BoolVar(&leafAsRoot, "insecure-leaf-as-root", false, "accept a signer's certificate that is given as an authority itself, such as one signed by itself")
	cmd.MarkFlagsOneRequired("identity", "identity-pattern", "insecure-any-identity") // model_signing asks for no name, and takes any
	required(cmd, "certificate-chain")
	return cmd
}
