package main

import (
	"crypto"
	"errors"
	"fmt"
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
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := private.load(cmd.Context(), ui)
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
		return nil, inFile(name, text, err)
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
