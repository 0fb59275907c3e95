package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// policyFlags pin what a signature alone leaves open: which of the signer's models this must be.
type policyFlags struct {
	name       string
	minVersion uint64
}

func (p *policyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.name, "name", "", "name that holdfast.json must give (default: any model of the signer)")
	cmd.Flags().Uint64Var(&p.minVersion, "min-version", 0, "lowest version that holdfast.json may give")
}

func (p *policyFlags) policy() sign.Policy {
	return sign.Policy{Name: p.name, MinVersion: p.minVersion, InsecureAnyModel: p.name == ""}
}

// verification is what every method of verifying is told.
type verification struct {
	modelFlags
	from                    layoutFlags
	ignoreUnsigned, explain bool
}

func (v *verification) add(cmd *cobra.Command) {
	v.modelFlags.add(cmd)
	v.from.add(cmd)
	cmd.Flags().BoolVar(&v.ignoreUnsigned, "ignore-unsigned-files", false, "do not refuse files that are not signed")
	cmd.Flags().BoolVar(&v.explain, "explain", false, "list every check of the policy")
}

func newVerify(ui *ui) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Verify the signature of a model, a directory or a single file, and every file in it",
		Long: "Verify the signature of a model, a directory or a single file, and every file in it. All that is missing, changed or not signed\n" +
			"is listed in one run. Exits with 0 if everything is as signed, 1 if anything is refused, 2 if the command line or the environment is\n" +
			"at fault, such as a file that may not be read; where something is refused beside it, with 1.",
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	cmd.AddCommand(newVerifyKey(ui), newVerifyCertificate(ui), newVerifyPolicy(ui), newVerifyDenyList(ui))
	return cmd
}

// run verifies the signature and every signed file, and refuses files that are not signed, as model_signing does.
func (v *verification) run(ctx context.Context, ui *ui, path string, p sign.Policy, opts ...sign.Option) error {
	return hubHint(path, v.verify(ctx, ui, path, p, opts...))
}

func (v *verification) verify(ctx context.Context, ui *ui, path string, p sign.Policy, opts ...sign.Option) error {
	t, err := v.from.open(ctx, path)
	if err != nil {
		return err
	}
	defer t.Close()
	if v.signature != "" {
		data, err := readFile(v.signature, bundle.MaxSize)
		if err != nil {
			return err
		}
		opts = append(opts, sign.WithBundle(data))
	} else if t.file != "" {
		return fmt.Errorf("%w: --signature is needed for a single file", errUsage)
	} else if data, err := t.attached(ctx); err != nil {
		return err
	} else if data != nil {
		opts = append(opts, sign.WithBundle(data))
	}
	ignore, err := v.relative(t.dir)
	if err != nil {
		return err
	}
	var list []sign.Check
	m, err := sign.Open(ctx, t.src, p, append(opts, sign.WithChecks(func(c []sign.Check) { list = c }))...)
	if err != nil {
		if errors.Is(err, sign.ErrSignature) && seal.IsSealed(t.src) {
			err = fmt.Errorf("%w\n%s is sealed, and its signature with it: serve checks that, or verify what unseal writes", err, path)
		}
		if !v.explain {
			return err
		}
		return ui.refuse(err, map[string]any{"verified": false, "checks": list}, checkLines(list)...)
	}
	d, err := compare(ctx, ui, m, v.ignoreUnsigned, ignore)
	if err != nil {
		return err
	}
	id := m.Identity()
	signers := []string{}
	for _, s := range m.Signers() {
		signers = append(signers, s.String())
	}
	doc := map[string]any{
		"verified": d.none() && len(m.Warnings()) == 0, "model_id": hexOf(id.ModelID), "root_digest": hexOf(id.RootDigest),
		"signer": hexOf(id.KeyFingerprint), "signers": signers, "name": id.Name, "version": id.Version, "files": len(m.Files()),
		"differences": d, "checks": m.Checks(),
	}
	var lines []string
	if v.explain {
		lines = checkLines(m.Checks())
	}
	for _, w := range m.Warnings() {
		lines = append(lines, fmt.Sprintf("warning: refused by policy: %s: want %s, got %s", w.Code, w.Want, w.Got))
	}
	if refusal := d.err(); refusal != nil {
		doc["error"], doc["exit"] = d.summary(), exitCode(refusal)
		return errors.Join(refusal, ui.result(doc, lines...))
	}
	if len(m.Warnings()) > 0 {
		return ui.result(doc, append(lines, fmt.Sprintf("files of %s are as the signature says: %d files", filepath.Clean(path), len(m.Files())))...)
	}
	return ui.result(doc, append(lines,
		fmt.Sprintf("verified %s: %d files", filepath.Clean(path), len(m.Files())),
		"model id "+hexOf(id.ModelID), "signer   "+hex.EncodeToString(id.KeyFingerprint[:]))...)
}

// checkLines lists what a policy asked for and what there was, one check a line.
func checkLines(list []sign.Check) []string {
	lines := make([]string, len(list))
	for i, c := range list {
		lines[i] = fmt.Sprintf("%s %-11s want %s; got %s", c.Status, c.Code, c.Want, c.Got)
	}
	return lines
}
