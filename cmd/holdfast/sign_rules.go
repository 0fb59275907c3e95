package main

import (
	"crypto"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/internal/dsse"
)

func newSignRules(ui *ui) *cobra.Command {
	var private privateKey
	var out string
	cmd := &cobra.Command{
		Use:   "rules FILE",
		Short: "Sign a file of detection rules for the guard",
		Long: "Sign a file of detection rules. FILE is JSON with number, date, expires, classes and rules, each rule with examples of both signs,\n" +
			"which must hold. Where --out is there, it must be rules of the same key with a lower number, which are replaced.\n" +
			"Exits with 0, with 1 if the number is not above the one that is there, and with 2 if the file or the command line is at fault.",
		Example: "  holdfast sign rules --private-key rules.key --out rules.signed rules.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := private.load(cmd.Context(), ui)
			if err != nil {
				return err
			}
			data, err := readFile(args[0], maxDocument)
			if err != nil {
				return err
			}
			envelope, err := dsse.Sign(key, detect.RulesPayloadType, data)
			if err != nil {
				return err
			}
			// What nobody would accept is not written.
			r, err := openRules(envelope, key.Public())
			if err != nil {
				return inFile(args[0], data, err)
			}
			if err := rises(out, key.Public(), r.Number(), rulesNumber); err != nil {
				return err
			}
			if err := replaceFile(out, envelope); err != nil {
				return err
			}
			return ui.result(map[string]any{"rules": out, "number": r.Number(), "digest": hexOf(r.Digest())},
				fmt.Sprintf("signed rules number %d: %s", r.Number(), out), "digest "+hexOf(r.Digest()))
		},
	}
	private.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "file to write the signed rules to (required)")
	required(cmd, "out")
	return cmd
}

// openRules opens signed rules of any number that are in force.
func openRules(envelope []byte, keys ...crypto.PublicKey) (*detect.Rules, error) {
	return detect.OpenRules(envelope, signedBy(keys), 0, time.Now())
}

// rulesNumber is the number of signed rules, expired ones too.
func rulesNumber(envelope []byte, key crypto.PublicKey) (uint64, error) {
	data, err := dsse.Verify(key, detect.RulesPayloadType, envelope)
	if err != nil {
		return 0, fmt.Errorf("no rules of this key: %w", err)
	}
	r, err := detect.ParseRules(data)
	if err != nil {
		return 0, err
	}
	return r.Number(), nil
}
