package main

import "github.com/spf13/cobra"

func newSignCertificate(ui *ui) *cobra.Command {
	var flags signFlags
	var private privateKey
	var leaf string
	var chain []string
	cmd := &cobra.Command{
		Use:   "certificate MODEL",
		Short: "Sign with a private key and the certificate that was issued for it",
		Example: "  holdfast sign certificate --private-key model.key --signing-certificate model.pem \\\n" +
			"    --certificate-chain ca.pem --signature model.sig model",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := private.load(cmd.Context(), ui)
			if err != nil {
				return err
			}
			certs, err := readCertificates(append([]string{leaf}, chain...))
			if err != nil {
				return err
			}
			return signDir(cmd.Context(), ui, args[0], &flags, key, certs)
		},
	}
	flags.add(cmd)
	private.add(cmd)
	cmd.Flags().StringVar(&leaf, "signing-certificate", "", "certificate of the private key, PEM (required)")
	cmd.Flags().StringArrayVar(&chain, "certificate-chain", nil, "certificates from the issuer on, PEM; may be given again")
	required(cmd, "signing-certificate")
	return cmd
}
