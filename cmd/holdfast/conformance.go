package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/sign"
)

// The commands below speak the protocol of the public conformance suite for model signing (sampras343/model-signing-conformance,
// docs/conformance_adapter_cli_protocol.md), so that its harness can be pointed at this binary: pytest test/ --entrypoint=holdfast. They are
// the ordinary commands under other flags and are hidden, since nobody else needs them.

// conformanceFlags are the flags of the protocol.
type conformanceFlags struct {
	method, model, bundle string
	private, public, leaf string
	chain                 []string
	ignore                []string
	ignoreUnsigned        bool
	shardSize             int64
	hash                  string
}

func (f *conformanceFlags) add(cmd *cobra.Command) {
	cmd.Hidden = true
	cmd.Args = cobra.NoArgs
	cmd.Flags().StringVar(&f.method, "method", "", "key or certificate")
	cmd.Flags().StringVar(&f.model, "model-path", "", "model directory or file")
	cmd.Flags().StringArrayVar(&f.chain, "cert-chain", nil, "certificate, PEM")
	cmd.Flags().StringArrayVar(&f.ignore, "ignore-paths", nil, "path to leave out")
	required(cmd, "method", "model-path")
}

func newSignModel(ui *ui) *cobra.Command {
	var f conformanceFlags
	cmd := &cobra.Command{
		Use:   "sign-model",
		Short: "Sign for the conformance suite of model signing",
		RunE: func(cmd *cobra.Command, _ []string) error {
			private := privateKey{file: f.private}
			key, err := private.load(cmd.Context(), ui)
			if err != nil {
				return err
			}
			if f.hash != "sha256" {
				return fmt.Errorf("%w: signatures use sha256", errUsage)
			}
			flags := signFlags{modelFlags: modelFlags{f.bundle, f.ignore}, shardSize: f.shardSize}
			switch f.method {
			case sign.MethodKey:
				return signDir(cmd.Context(), ui, f.model, &flags, key, nil)
			case sign.MethodCertificate:
				certs, err := readCertificates(append([]string{f.leaf}, f.chain...))
				if err != nil {
					return err
				}
				return signDir(cmd.Context(), ui, f.model, &flags, key, certs)
			}
			return fmt.Errorf("%w: method %q", errUsage, f.method)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.bundle, "output-bundle", "", "signature file to write")
	cmd.Flags().StringVar(&f.private, "private-key", "", "private key, PEM")
	cmd.Flags().StringVar(&f.leaf, "signing-cert", "", "certificate of the key, PEM")
	cmd.Flags().Int64Var(&f.shardSize, "shard-size", 0, "bytes of a shard")
	cmd.Flags().StringVar(&f.hash, "hash-algorithm", "sha256", "sha256")
	required(cmd, "output-bundle", "private-key")
	return cmd
}

func newVerifyModel(ui *ui) *cobra.Command {
	var f conformanceFlags
	cmd := &cobra.Command{
		Use:   "verify-model",
		Short: "Verify for the conformance suite of model signing",
		RunE: func(cmd *cobra.Command, _ []string) error {
			p := sign.Policy{InsecureAnyModel: true} // the protocol knows neither names nor versions
			var err error
			switch f.method {
			case sign.MethodKey:
				p.Keys, err = readPublicKeys([]string{f.public})
			case sign.MethodCertificate:
				p.InsecureAnyIdentity, p.InsecureLeafAsRoot = true, true // nor identities, and its suite has a certificate that is signed by itself
				p.Roots, err = readCertificates(f.chain)
			default:
				err = fmt.Errorf("%w: method %q", errUsage, f.method)
			}
			if err != nil {
				return err
			}
			v := verification{modelFlags: modelFlags{f.bundle, f.ignore}, ignoreUnsigned: f.ignoreUnsigned}
			return v.run(cmd.Context(), ui, f.model, p)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.bundle, "bundle", "", "signature file")
	cmd.Flags().StringVar(&f.public, "public-key", "", "public key, PEM")
	cmd.Flags().BoolVar(&f.ignoreUnsigned, "ignore-unsigned-files", false, "do not refuse files that are not signed")
	required(cmd, "bundle")
	return cmd
}

func newCapabilities(ui *ui) *cobra.Command {
	return &cobra.Command{
		Use: "capabilities", Short: "Describe this adapter to the conformance suite of model signing", Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			ui.printed = true
			return json.NewEncoder(ui.out).Encode(map[string]any{
				"flags": []string{"--hash-algorithm", "--shard-size"}, "hash_algorithms": []string{"sha256"},
				"benchmark_model": false, "client_version": version(),
			})
		},
	}
}
