package main

import (
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
	"github.com/holdfast-ai/holdfast/sign"
)

func newSignDenyList(ui *ui) *cobra.Command {
	var private privateKey
	var out string
	cmd := &cobra.Command{
		Use:   "deny-list LIST",
		Short: "Sign a list of models, files, keys and certificates that are refused from now on",
		Long: "Sign a deny list. LIST is JSON as in section 10 of the specification, where every list and issued, which is now, may be left out:\n\n" +
			"  {\"version\": 1, \"number\": 4, \"expires\": \"2027-01-01T00:00:00Z\",\n" +
			"   \"models\": [{\"model_id\": \"…\", \"reason\": \"backdoor\"}], \"files\": [{\"digest\": \"…\", \"reason\": \"\"}],\n" +
			"   \"keys\": [{\"fingerprint\": \"…\", \"signed_after\": null, \"reason\": \"stolen\"}],\n" +
			"   \"certificates\": [{\"serial\": \"…\", \"issuer\": \"\", \"signed_after\": null, \"reason\": \"\"}]}\n\n" +
			"Where --out is there, it must be a list of the same key with a lower number, which is replaced. Number and digest are printed for a\n" +
			"key server's policy. Exits with 0, with 1 if the number is not above the one that is there, and with 2 if the list or the command\n" +
			"line is at fault.",
		Example: "  holdfast sign deny-list --private-key deny.key --out denied.json list.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := private.load()
			if err != nil {
				return err
			}
			list, err := readDenyList(args[0])
			if err != nil {
				return err
			}
			if err := rises(out, key.Public(), list.Number, denyListNumber); err != nil {
				return err
			}
			envelope, err := sign.SignDenyList(key, list)
			if errors.Is(err, sign.ErrFormat) { // it is the list that is at fault, and no signature
				return fmt.Errorf("%w: %s: %w", errUsage, args[0], err)
			}
			if err != nil {
				return err
			}
			// What nobody would accept is not written.
			number, digest, err := denyListKeys(key.Public()).VerifyDenyList(envelope, time.Now())
			if err != nil {
				return fmt.Errorf("%w: %s: %w", errUsage, args[0], err)
			}
			if err := replaceFile(out, envelope); err != nil {
				return err
			}
			return ui.result(map[string]any{"deny_list": out, "number": number, "digest": hexOf(digest)},
				fmt.Sprintf("signed deny list number %d: %s", number, out), "digest "+hexOf(digest))
		},
	}
	private.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "file to write the signed list to (required)")
	required(cmd, "out")
	return cmd
}

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

// readDenyList reads a list that is not signed yet.
func readDenyList(name string) (*sign.DenyList, error) {
	text, err := readFile(name, maxDocument)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Version int `json:"version"`
		sign.DenyList
	}
	// Depth and number of entries are bounded again, and closer, when it is signed.
	if err := strictjson.Unmarshal(text, &doc, strictjson.Limits{MaxBytes: maxDocument, MaxDepth: 8, MaxItems: 1 << 20}); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errUsage, name, err)
	}
	if doc.Version != 1 {
		return nil, fmt.Errorf("%w: %s: version is not 1", errUsage, name)
	}
	if doc.Issued.IsZero() {
		doc.Issued = time.Now().UTC().Truncate(time.Second)
	}
	return &doc.DenyList, nil
}

// denyListNumber is the number of a signed deny list, of an expired one too.
func denyListNumber(envelope []byte, key crypto.PublicKey) (uint64, error) {
	number, _, err := denyListKeys(key).VerifyDenyList(envelope, time.Time{})
	if err != nil {
		return 0, fmt.Errorf("no deny list of this key: %w", err)
	}
	return number, nil
}

// rises makes sure that what is written to a file replaces nothing else, and nothing of the same key with the same or a higher
// number: those who have that one would refuse the new one.
func rises(out string, key crypto.PublicKey, number uint64, numberOf func(envelope []byte, key crypto.PublicKey) (uint64, error)) error {
	old, err := readFile(out, maxDocument)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	was, err := numberOf(old, key)
	if err != nil {
		return fmt.Errorf("%w: %s is left as it is: %w", errUsage, out, err)
	}
	if number <= was {
		return fmt.Errorf("%w: number %d is not above %d, which %s has", errRefused, number, was, out)
	}
	return nil
}
