package main

import (
	"crypto"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/sign"
)

func newVerifyDenyList(ui *ui) *cobra.Command {
	var public []string
	var floor uint64
	cmd := &cobra.Command{
		Use:   "deny-list FILE",
		Short: "Verify a signed deny list",
		Long: "Verify a signed deny list: by whom, that it is in force and of which number, and print number and digest for a key server's policy.\n" +
			"Exits with 0 if it would be accepted now, 1 if it is refused, 2 if the command line is at fault.",
		Example: "  holdfast verify deny-list --deny-list-key deny.pub --min-number 4 denied.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			keys, err := readPublicKeys(public)
			if err != nil {
				return err
			}
			envelope, err := readFile(args[0], maxDocument)
			if err != nil {
				return err
			}
			p := denyListKeys(keys...)
			p.MinDenyList = floor
			number, digest, err := p.VerifyDenyList(envelope, time.Now())
			if err != nil {
				return err
			}
			return ui.result(map[string]any{"verified": true, "number": number, "digest": hexOf(digest)},
				fmt.Sprintf("verified deny list number %d", number), "digest "+hexOf(digest))
		},
	}
	cmd.Flags().StringArrayVar(&public, "deny-list-key", nil, "trusted signer of deny lists, PEM; may be given again (required)")
	cmd.Flags().Uint64Var(&floor, "min-number", 0, "lowest number that the list may have")
	required(cmd, "deny-list-key")
	return cmd
}

// denyListKeys is a policy for deny lists alone.
func denyListKeys(keys ...crypto.PublicKey) sign.Policy { return sign.Policy{DenyListKeys: keys} }
