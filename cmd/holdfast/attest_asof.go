package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/snp"
	"github.com/holdfast-ai/holdfast/attest/tdx"
)

// asOf is the flag that has evidence judged at an earlier time, as auditors do: certificates of clouds hold for a year, and documents
// for a day. Whoever relies on that verdict now relies on keys that may have been taken since, so the name says insecure.
type asOf struct{ text string }

func (a *asOf) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.text, "insecure-as-of", "", "for audits of what was recorded: judge as at this earlier time, RFC 3339, and not as of now")
}

// apply sets the clocks of p and returns what that gives up.
func (a *asOf) apply(p *attest.Policy) ([]string, error) {
	if a.text == "" {
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339, a.text)
	if err != nil || at.IsZero() || at.After(time.Now()) { // the zero time is what verifiers take for now
		return nil, fmt.Errorf("%w: --insecure-as-of %q is no earlier time such as 2025-06-01T00:00:00Z", errUsage, a.text)
	}
	clock := func() time.Time { return at }
	p.Clock = clock
	for _, v := range p.Verifiers {
		switch v := v.(type) {
		case *snp.Verifier:
			v.Clock = clock
		case *tdx.Verifier:
			v.Clock = clock
		default:
			return nil, fmt.Errorf("%w: --insecure-as-of is for SEV-SNP and TDX", errUsage)
		}
	}
	return []string{"INSECURE: judged as of " + at.UTC().Format(time.RFC3339) + ", which says nothing of now"}, nil
}
