package main

import "github.com/spf13/cobra"

func newAttest(ui *ui) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "attest",
		Short: "Judge what confidential machines say of themselves",
		Args:  cobra.ArbitraryArgs,
		RunE:  group,
	}
	verify := &cobra.Command{
		Use:   "verify",
		Short: "Verify evidence of a machine, or the document that a server gives of itself, against a policy",
		Long: "Verify evidence against a policy, without network access. The policy is JSON; what is left out is refused:\n\n" +
			"  {\"version\": 1,\n" +
			"   \"machines\": {\"products\": [\"Genoa\"], \"measurements\": [\"…\"],\n" +
			"     \"tdx\": {\"measurements\": [{\"mrtd\": \"…\", \"rtmr1\": \"…\", \"rtmr2\": \"…\"}], \"collateral\": [\"collateral.json\"]}},\n" +
			"   \"configs\": [\"…\"], \"models\": [{\"name\": \"harbor-tiny\", \"min_version\": 7, \"model_id\": \"…\"}],\n" +
			"   \"guard_policies\": [], \"mboms\": [], \"max_age\": \"24h\", \"insecure_any_config\": false, \"insecure_any_model\": false}\n\n" +
			"machines has the fields of a key server's policy (docs/keyrelease.md). What follows it is about documents, and is left out for\n" +
			"evidence, reports and quotes. Every check is listed. Exits with 0 if all hold, with 1 if the evidence is not genuine, is about something else\n" +
			"or is refused, and with 2 if the policy or the command line is at fault.",
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	verify.AddCommand(newAttestDocument(ui), newAttestEvidence(ui), newAttestReport(ui), newAttestQuote(ui))
	cmd.AddCommand(verify)
	return cmd
}
