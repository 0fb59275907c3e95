package main

import (
	"context"
	"crypto"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// policyFlags pin what a signature alone leaves open: which of the signer's models this must be.
type policyFlags struct {
	name           string
	minVersion     uint64
	ignoreUnsigned bool
}

func (p *policyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.name, "name", "", "name that holdfast.json must give (default: any model of the signer)")
	cmd.Flags().Uint64Var(&p.minVersion, "min-version", 0, "lowest version that holdfast.json may give")
	cmd.Flags().BoolVar(&p.ignoreUnsigned, "ignore-unsigned-files", false, "do not refuse files that are not signed")
}

func (p *policyFlags) policy() sign.Policy {
	return sign.Policy{Name: p.name, MinVersion: p.minVersion, InsecureAnyModel: p.name == ""}
}

func newVerify(ui *ui) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Verify the signature of a model directory and every file in it",
		Args:  cobra.NoArgs,
		RunE:  group,
	}
	cmd.AddCommand(newVerifyKey(ui), newVerifyCertificate(ui))
	return cmd
}

func newVerifyKey(ui *ui) *cobra.Command {
	var flags modelFlags
	var policy policyFlags
	var public []string
	cmd := &cobra.Command{
		Use:     "key DIR",
		Short:   "Verify with public keys; one of them must have signed",
		Example: "  holdfast verify key --public-key model.pub --signature model.sig model",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p := policy.policy()
			var err error
			if p.Keys, err = readPublicKeys(public); err != nil {
				return err
			}
			return verifyDir(cmd.Context(), ui, args[0], &flags, policy.ignoreUnsigned, p)
		},
	}
	flags.add(cmd)
	policy.add(cmd)
	cmd.Flags().StringArrayVar(&public, "public-key", nil, "public key file, PEM; may be given again (required)")
	required(cmd, "public-key")
	return cmd
}

func newVerifyCertificate(ui *ui) *cobra.Command {
	var flags modelFlags
	var policy policyFlags
	var roots, identities []string
	var anyIdentity bool
	cmd := &cobra.Command{
		Use:   "certificate DIR",
		Short: "Verify with certificate authorities; a certificate under one of them must have signed",
		Example: "  holdfast verify certificate --certificate-chain ca.pem --identity release@example.org " +
			"--signature model.sig model",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p := policy.policy()
			var err error
			if p.Roots, err = readCertificates(roots); err != nil {
				return err
			}
			p.Identities, p.InsecureAnyIdentity = identities, anyIdentity
			return verifyDir(cmd.Context(), ui, args[0], &flags, policy.ignoreUnsigned, p)
		},
	}
	flags.add(cmd)
	policy.add(cmd)
	cmd.Flags().StringArrayVar(&roots, "certificate-chain", nil, "trusted authorities, PEM; may be given again (required)")
	cmd.Flags().StringArrayVar(&identities, "identity", nil, "e-mail, URI, DNS name or CN=… that the certificate must carry; may be given again")
	cmd.Flags().BoolVar(&anyIdentity, "insecure-any-identity", false, "accept every certificate under the authorities")
	required(cmd, "certificate-chain")
	return cmd
}

func readPublicKeys(names []string) ([]crypto.PublicKey, error) {
	var keys []crypto.PublicKey
	for _, n := range names {
		text, err := readFile(n, maxKeyFile)
		if err != nil {
			return nil, err
		}
		k, err := bundle.ParsePublicKey(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// verifyDir verifies the signature and every signed file, and refuses files that are not signed, as model_signing does.
func verifyDir(ctx context.Context, ui *ui, dir string, flags *modelFlags, ignoreUnsigned bool, p sign.Policy) error {
	var opts []sign.Option
	if flags.signature != "" {
		data, err := readFile(flags.signature, bundle.MaxSize)
		if err != nil {
			return err
		}
		opts = append(opts, sign.WithBundle(data))
	}
	ignore, err := flags.relative(dir)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	m, err := sign.Open(ctx, sign.DirFS(root), p, opts...)
	if err != nil {
		return err
	}
	if !ignoreUnsigned {
		extra, err := m.Extra(ctx, ignore...)
		if err != nil {
			return err
		}
		if len(extra) > 0 {
			return fmt.Errorf("%w: %d files that are not signed: %q", errRefused, len(extra), extra[:min(len(extra), 20)])
		}
	}
	update, end := ui.progress("verify")
	err = m.VerifyAll(ctx, func(p sign.Progress) { update(p.Done, p.Total) })
	end()
	if err != nil {
		return err
	}
	id := m.Identity()
	return ui.result(map[string]any{
		"verified": true, "model_id": hexOf(id.ModelID), "root_digest": hexOf(id.RootDigest),
		"signer": hexOf(id.KeyFingerprint), "name": id.Name, "version": id.Version, "files": len(m.Files()),
	},
		fmt.Sprintf("verified %s: %d files", filepath.Clean(dir), len(m.Files())),
		"model id "+hexOf(id.ModelID), "signer   "+hexOf(id.KeyFingerprint))
}
