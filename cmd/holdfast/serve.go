package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// serveFlags say what may be served and where.
type serveFlags struct {
	effort     effortFlags
	keys       kekFlags
	at         listenFlags
	from       layoutFlags
	server     keyServerFlags
	scanners   scannerFlags
	print      bool
	denyList   string
	denyKeys   []string
	public     []string
	name       string
	minVersion uint64
	licences   []string
	anyLicence bool
	templates  bool
	template   []string
	formats    []string
	guardFile  string
	guardRules string
	ruleKeys   []string
	upstream   string
	bearer     string
	platform   string
}

func newServe(ui *ui) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve DIR",
		Short: "Verify a model, sealed or plain, load it in one pass and serve it behind the guard",
		Long: "Serve opens the model under the given policy and answers POST /v1/chat/completions, GET /v1/models\n" +
			"and GET /healthz, or what the guard policy has.\n" +
			"With --upstream the guard stands before another server, which loads the model itself: the model here is then\n" +
			"verified as a whole, and what the other server reads is up to that server. It gets no credential of callers: of the headers\n" +
			"of a request go on " + strings.Join(upstreamHeaders(), ", ") + ".\n" +
			"Let nobody but this command reach it.",
		Example: "  holdfast serve --public-key model.pub --name harbor-tiny --kek serving.kek model.sealed",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return advice(f.guardFault(f.serve(cmd.Context(), ui, args[0])))
		},
	}
	f.keys.add(cmd)
	f.at.add(cmd, "127.0.0.1:8080")
	f.server.add(cmd)
	f.from.add(cmd)
	f.effort.add(cmd)
	f.scanners.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.denyList, "deny-list", "", "signed deny list; what it names is refused")
	flags.StringArrayVar(&f.denyKeys, "deny-list-key", nil, "trusted signer of deny lists, PEM; may be given again")
	flags.BoolVar(&f.print, "print-config", false, "print the configuration digest, for a key server's policy, and end; DIR is not read")
	flags.StringArrayVar(&f.public, "public-key", nil, "trusted signer, PEM; may be given again (required)")
	flags.StringVar(&f.name, "name", "", "name that holdfast.json must give (required)")
	flags.Uint64Var(&f.minVersion, "min-version", 0, "lowest version that holdfast.json may give")
	flags.StringArrayVar(&f.licences, "licence", []string{"apache-2.0", "mit"}, "accepted licence, SPDX id, in place of the default; may be given again")
	flags.BoolVar(&f.anyLicence, "insecure-any-licence", false, "accept every licence and none")
	flags.BoolVar(&f.templates, "any-signed-template", true, "accept every chat template that was signed with the model")
	flags.StringArrayVar(&f.template, "template-sha256", nil, "SHA-256 of a chat template, as mbom prints it: no other is accepted; may be given again")
	flags.StringArrayVar(&f.formats, "allow-format", nil, "format of files to accept beside the safe ones, which is not looked into (docs/formats.md); may be given again")
	cmd.MarkFlagsMutuallyExclusive("any-signed-template", "template-sha256")
	flags.StringVar(&f.guardFile, "guard-policy", "", "guard policy, JSON (default: the built-in policy)")
	flags.StringVar(&f.guardRules, "guard-rules", "", "signed file of detection rules, in place of the policy's and the built-in ones")
	flags.StringArrayVar(&f.ruleKeys, "guard-rules-key", nil, "trusted signer of detection rules, PEM; may be given again")
	flags.StringVar(&f.upstream, "upstream", "", "URL of an OpenAI-compatible server to guard instead of the built-in engine")
	flags.StringVar(&f.bearer, "upstream-key-file", "", "file whose first line is the API key that --upstream wants, such as vLLM's --api-key; - for standard input")
	flags.StringVar(&f.platform, "platform", "", "evidence of this machine: snp or tdx (default: none)")
	cmd.MarkFlagsRequiredTogether("deny-list", "deny-list-key")
	required(cmd, "public-key", "name")
	return cmd
}

func (f *serveFlags) serve(ctx context.Context, ui *ui, dir string) error {
	if err := f.from.check(); err != nil {
		return err
	}
	to, err := f.upstreamURL()
	if err != nil {
		return err
	}
	cfg, err := f.config(ctx, ui)
	if err != nil {
		return err
	}
	if f.print {
		d, err := cfg.Digest()
		if err != nil {
			return err
		}
		return ui.result(map[string]any{"config": hexOf(d)}, hexOf(d))
	}
	if f.server.url != "" {
		if cfg.Key, err = f.server.client(cfg); err != nil {
			return err
		}
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, ErrorLog: errorLog(cfg.Logger)}
	if server.TLSConfig, err = f.at.tls(); err != nil {
		return err
	}
	if c := server.TLSConfig; c != nil {
		c.NextProtos = []string{"http/1.1"}
		leaf, err := x509.ParseCertificate(c.Certificates[0].Certificate[0])
		if err != nil {
			return err
		}
		cfg.TLSKey = leaf.PublicKey
	}
	bearer, err := f.bearerOf(ctx, ui)
	if err != nil {
		return err
	}
	t, err := f.from.directory(ctx, dir)
	if err != nil {
		return err
	}
	defer t.Close()
	if cfg.Source, err = t.signed(ctx); err != nil {
		return err
	}
	switch sealed := seal.IsSealed(cfg.Source); {
	case sealed && cfg.Key == nil:
		return fmt.Errorf("%w: %s is sealed: give --kek, --passphrase-file or --key-server", errUsage, dir)
	case !sealed && cfg.Key != nil:
		return fmt.Errorf("%w: %s is not sealed: leave --kek, --passphrase-file and --key-server out", errUsage, dir)
	}
	chain, err := holdfast.Open(ctx, cfg)
	if err != nil {
		return whichKEK(cfg.Source, err)
	}
	defer chain.Close()
	if err := f.at.free(); err != nil {
		return err
	}
	engine, err := f.backend(ctx, chain, to, bearer, cfg.Logger)
	if err != nil {
		return err
	}
	if server.Handler, err = chain.Handler(ctx, engine); err != nil {
		return err
	}
	if chain.Epochs() != nil {
		go renewing(ctx, chain.Renew, cfg.Logger)
	}
	return f.listen(ctx, ui, server, chain)
}

// listen serves until ctx ends, then lets running answers finish.
func (f *serveFlags) listen(ctx context.Context, ui *ui, server *http.Server, chain *holdfast.Chain) error {
	ln, link, err := f.at.listen(server)
	if err != nil {
		return err
	}
	id, config := chain.Model().Identity(), chain.ConfigDigest()
	err = ui.result(map[string]any{
		"url": link, "model": id.Name, "version": id.Version, "model_id": hexOf(id.ModelID), "config": hexOf(config),
	}, fmt.Sprintf("serving %s version %d on %s", id.Name, id.Version, link), "model id "+hexOf(id.ModelID), "config   "+hexOf(config))
	if err != nil {
		ln.Close()
		return err
	}
	return f.at.serveUntil(ctx, ui, server, ln)
}
