package main

import (
	"bytes"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/channel"
	"github.com/holdfast-ai/holdfast/attest/snp"
	"github.com/holdfast-ai/holdfast/attest/tdx"
)

// maxEvidence bounds files of evidence and certificate tables, in bytes; the parsers have closer bounds.
const maxEvidence = 1 << 20

func newAttestDocument(ui *ui) *cobra.Command {
	var policy, challenge string
	var at asOf
	cmd := &cobra.Command{
		Use:   "document FILE",
		Short: "Verify the document that a server gives at " + channel.PathEvidence + ": machine, models, configuration",
		Long: "Verify the document of a server: that a machine which the policy accepts made its key, and signed its claims with it. This says\n" +
			"nothing of a connection: clients use attest/channel, which binds their own. A document that was asked for with a challenge is\n" +
			"verified with --challenge alone.",
		Example: "  curl -s https://server" + channel.PathEvidence + " > document.json\n" +
			"  holdfast attest verify document --policy policy.json document.json",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, p, err := readRelyingPolicy(policy, true)
			if err != nil {
				return err
			}
			earlier, err := at.apply(&p)
			if err != nil {
				return err
			}
			var sent *[32]byte
			if challenge != "" {
				sent = new([32]byte)
				if err := unhex(sent[:], challenge); err != nil {
					return fmt.Errorf("--challenge: %w", err)
				}
			}
			doc, err := readFile(args[0], attest.MaxDocument)
			if err != nil {
				return err
			}
			st, err := attest.VerifyChain(cmd.Context(), doc, sent, p)
			if err != nil {
				return refusedEvidence(ui, err)
			}
			view, lines := machineView(&st.Result, append(file.insecure(), earlier...))
			view["checks"] = st.Checks
			view["models"], view["config"], view["guard_policy"], view["epoch"] = st.Claims.Models, st.Claims.Config, st.Claims.GuardPolicy, st.Claims.Epoch
			view["key"], view["chain"], view["fresh"] = hexOf(st.KeyHash()), st.Chain, st.Fresh
			view["quoted"], view["expires"] = st.Quoted.UTC().Format(time.RFC3339), st.Expires.UTC().Format(time.RFC3339)
			for _, m := range st.Claims.Models {
				lines = append(lines, fmt.Sprintf("model       %s version %d, id %s", m.Name, m.Version, m.ModelID))
			}
			lines = append(lines, "config      "+st.Claims.Config.String(), "quoted      "+st.Quoted.UTC().Format(time.RFC3339), "key         "+hexOf(st.KeyHash()))
			return ui.result(view, append(attestLines(st.Checks), lines...)...)
		},
	}
	cmd.Flags().StringVar(&policy, "policy", "", "policy of the relying party, JSON (required)")
	cmd.Flags().StringVar(&challenge, "challenge", "", "challenge that the document was asked for with, 32 bytes in hex")
	at.add(cmd)
	required(cmd, "policy")
	return cmd
}

// bindingFlags say what evidence must be about.
type bindingFlags struct {
	policy, reportData string
	any                bool
	at                 asOf
}

func (b *bindingFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&b.policy, "policy", "", "policy of the relying party with machines alone, JSON (required)")
	cmd.Flags().StringVar(&b.reportData, "report-data", "", "REPORT_DATA that the evidence must be over, 64 bytes in hex")
	cmd.Flags().BoolVar(&b.any, "insecure-any-report-data", false, "accept evidence over anything, which may be old or of somebody else's request")
	b.at.add(cmd)
	cmd.MarkFlagsOneRequired("report-data", "insecure-any-report-data")
	cmd.MarkFlagsMutuallyExclusive("report-data", "insecure-any-report-data")
	required(cmd, "policy")
}

func newAttestEvidence(ui *ui) *cobra.Command {
	var b bindingFlags
	cmd := &cobra.Command{
		Use:     "evidence FILE",
		Short:   "Verify evidence in its wire form: JSON with kind, report and certs",
		Example: "  holdfast attest verify evidence --policy machines.json --report-data 00… evidence.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := readFile(args[0], maxEvidence)
			if err != nil {
				return err
			}
			return b.verify(cmd, ui, func() (attest.Evidence, error) { return attest.ParseEvidence(data) })
		},
	}
	b.add(cmd)
	return cmd
}

func newAttestReport(ui *ui) *cobra.Command {
	var b bindingFlags
	var certs []string
	var table string
	cmd := &cobra.Command{
		Use:   "report FILE",
		Short: "Verify a report of SEV-SNP as the machine gives it, 1,184 bytes, with AMD's certificates",
		Long: "Verify a report of SEV-SNP, such as the outblob of configfs-tsm. Its certificates are given in the order report key (VCEK or VLEK),\n" +
			"ASK or ASVK, and ARK, as AMD's Key Distribution Service has them, or come from the host's table (auxblob), or both: the table's report\n" +
			"key with two certificates. Nothing is fetched, and the ARK must be one of AMD's that are built in.",
		Example: "  holdfast attest verify report --policy machines.json --report-data 00… --certificate vcek.der --certificate cert_chain.pem report.bin",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			report, err := readFile(args[0], maxEvidence)
			if err != nil {
				return err
			}
			given, err := readDER(certs)
			if err != nil {
				return err
			}
			var host []byte
			if table != "" {
				if host, err = readFile(table, maxEvidence); err != nil {
					return err
				}
			}
			return b.verify(cmd, ui, func() (attest.Evidence, error) {
				all, err := snp.Certificates(given, host)
				return attest.Evidence{Kind: attest.KindSNP, Report: report, Certs: all}, err
			})
		},
	}
	b.add(cmd)
	cmd.Flags().StringArrayVar(&certs, "certificate", nil, "certificates, DER or PEM; may be given again")
	cmd.Flags().StringVar(&table, "certificate-table", "", "the host's certificate table")
	cmd.MarkFlagsOneRequired("certificate", "certificate-table")
	return cmd
}

func newAttestQuote(ui *ui) *cobra.Command {
	var b bindingFlags
	cmd := &cobra.Command{
		Use:   "quote FILE",
		Short: "Verify a quote of TDX as the machine gives it",
		Long: "Verify a quote of TDX of version 4 or 5, such as the outblob of configfs-tsm, which holds its certificates. Nothing is fetched: Intel's\n" +
			"collateral is named in the policy, and the root must be Intel's that is built in.",
		Example: "  holdfast attest verify quote --policy machines.json --report-data 00… quote.bin",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			quote, err := readFile(args[0], maxEvidence)
			if err != nil {
				return err
			}
			return b.verify(cmd, ui, func() (attest.Evidence, error) { return attest.Evidence{Kind: attest.KindTDX, Report: quote}, nil })
		},
	}
	b.add(cmd)
	return cmd
}

// saidData is the REPORT_DATA that evidence says it is over.
func saidData(ev attest.Evidence) ([64]byte, error) {
	if ev.Kind == attest.KindTDX {
		q, err := tdx.ParseQuote(ev.Report)
		if err != nil {
			return [64]byte{}, err
		}
		return q.ReportData, nil
	}
	r, err := snp.ParseReport(ev.Report)
	if err != nil {
		return [64]byte{}, err
	}
	return r.ReportData, nil
}

// verify judges evidence by the machines of the policy.
func (b *bindingFlags) verify(cmd *cobra.Command, ui *ui, evidence func() (attest.Evidence, error)) error {
	file, p, err := readRelyingPolicy(b.policy, false)
	if err != nil {
		return err
	}
	earlier, err := b.at.apply(&p)
	if err != nil {
		return err
	}
	var want [64]byte
	if !b.any {
		if err := unhex(want[:], b.reportData); err != nil {
			return fmt.Errorf("--report-data: %w", err)
		}
	}
	ev, err := evidence()
	if err != nil {
		return refusedEvidence(ui, err)
	}
	insecure := append(file.insecure(), earlier...)
	if b.any {
		if want, err = saidData(ev); err != nil {
			return refusedEvidence(ui, err)
		}
		insecure = append(insecure, "INSECURE: any REPORT_DATA is accepted")
	}
	wire, err := attest.MarshalEvidence(ev)
	if err != nil {
		return refusedEvidence(ui, err)
	}
	r, err := p.VerifyEvidence(cmd.Context(), wire, want)
	if err != nil {
		return refusedEvidence(ui, err)
	}
	view, lines := machineView(r, insecure)
	view["checks"], view["report_data"] = r.Checks, hex.EncodeToString(want[:])
	return ui.result(view, append(attestLines(r.Checks), append(lines, "report data "+hex.EncodeToString(want[:]))...)...)
}

// machineView says which machine it is that was accepted.
func machineView(r *attest.Result, insecure []string) (view map[string]any, lines []string) {
	if insecure == nil {
		insecure = []string{}
	}
	if r.Simulated {
		lines = append(lines, "SIMULATED   no hardware stands behind this evidence")
	}
	lines = append(lines, insecure...)
	lines = append(lines, "verified    "+r.Product+", TCB "+r.TCB, "measurement "+hex.EncodeToString(r.Measurement))
	return map[string]any{
		"verified": true, "kind": r.Kind, "simulated": r.Simulated, "product": r.Product, "measurement": hex.EncodeToString(r.Measurement), "tcb": r.TCB,
		"host_data": hex.EncodeToString(r.HostData), "chip_id": hex.EncodeToString(r.ChipID), "insecure": insecure,
	}, lines
}

// refusedEvidence lists the checks of a refusal. They are none where the evidence is not even genuine.
func refusedEvidence(ui *ui, err error) error {
	checks := attest.Explain(nil, err)
	if checks == nil {
		checks = []attest.Check{}
	}
	return ui.refuse(err, map[string]any{"verified": false, "checks": checks}, attestLines(checks)...)
}

func attestLines(checks []attest.Check) []string {
	lines := make([]string, len(checks))
	for i, c := range checks {
		lines[i] = fmt.Sprintf("%s %-20s want %s; got %s", c.Status, c.Code, c.Want, c.Got)
	}
	return lines
}

// readDER reads the certificates of files in DER, one each, or in PEM.
func readDER(names []string) ([][]byte, error) {
	var out [][]byte
	for _, name := range names {
		data, err := readFile(name, maxKeyFile)
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(data, []byte("-----BEGIN ")) {
			out = append(out, data)
			continue
		}
		before := len(out)
		for b, rest := pem.Decode(data); b != nil; b, rest = pem.Decode(rest) {
			if b.Type != "CERTIFICATE" {
				return nil, fmt.Errorf("%w: %s holds a %q", errUsage, name, b.Type)
			}
			out = append(out, slices.Clone(b.Bytes))
		}
		if len(out) == before {
			return nil, fmt.Errorf("%w: no certificate in %s", errUsage, name)
		}
	}
	return out, nil
}
