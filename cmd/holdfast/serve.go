package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/attest/snp"
	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/examples/engine"
	"github.com/holdfast-ai/holdfast/examples/engine/openai"
	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
)

// serveFlags say what may be served and where.
type serveFlags struct {
	effort     effortFlags
	keys       kekFlags
	from       layoutFlags
	server     keyServerFlags
	print      bool
	denyList   string
	denyKeys   []string
	public     []string
	name       string
	minVersion uint64
	licences   []string
	anyLicence bool
	templates  bool
	guardFile  string
	guardRules string
	ruleKeys   []string
	addr       string
	cert, key  string
	plainHTTP  bool
	upstream   string
	platform   string
}

func newServe(ui *ui) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve DIR",
		Short: "Verify a model, sealed or plain, load it in one pass and serve it behind the guard",
		Long: "Serve opens the model under the given policy and answers POST /v1/chat/completions and GET /v1/models.\n" +
			"With --upstream the guard stands before another server, which loads the model itself: the model here is then\n" +
			"verified as a whole, and what the other server reads is up to that server.",
		Example: "  holdfast serve --public-key model.pub --name harbor-tiny --kek serving.kek model.sealed",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.serve(cmd.Context(), ui, args[0])
		},
	}
	f.keys.add(cmd)
	f.server.add(cmd)
	f.from.add(cmd)
	f.effort.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.denyList, "deny-list", "", "signed deny list; what it names is refused")
	flags.StringArrayVar(&f.denyKeys, "deny-list-key", nil, "trusted signer of deny lists, PEM; may be given again")
	flags.BoolVar(&f.print, "print-config", false, "print the configuration digest, for a key server's policy, and end")
	flags.StringArrayVar(&f.public, "public-key", nil, "trusted signer, PEM; may be given again (required)")
	flags.StringVar(&f.name, "name", "", "name that holdfast.json must give (required)")
	flags.Uint64Var(&f.minVersion, "min-version", 0, "lowest version that holdfast.json may give")
	flags.StringArrayVar(&f.licences, "licence", []string{"apache-2.0", "mit"}, "accepted licence, SPDX id; may be given again")
	flags.BoolVar(&f.anyLicence, "insecure-any-licence", false, "accept every licence and none")
	flags.BoolVar(&f.templates, "any-signed-template", true, "accept the chat template that was signed with the model")
	flags.StringVar(&f.guardFile, "guard-policy", "", "guard policy, JSON (default: the built-in policy)")
	flags.StringVar(&f.guardRules, "guard-rules", "", "signed file of detection rules, in place of the policy's and the built-in ones")
	flags.StringArrayVar(&f.ruleKeys, "guard-rules-key", nil, "trusted signer of detection rules, PEM; may be given again")
	flags.StringVar(&f.addr, "addr", "127.0.0.1:8080", "address to serve on")
	flags.StringVar(&f.cert, "tls-cert", "", "certificate chain, PEM")
	flags.StringVar(&f.key, "tls-key", "", "private key of the certificate, PEM")
	flags.BoolVar(&f.plainHTTP, "insecure-plain-http", false, "serve without TLS on addresses other than loopback")
	flags.StringVar(&f.upstream, "upstream", "", "URL of an OpenAI-compatible server to guard instead of the built-in engine")
	flags.StringVar(&f.platform, "platform", "", "evidence of this machine: snp, or empty for none")
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	cmd.MarkFlagsRequiredTogether("deny-list", "deny-list-key")
	required(cmd, "public-key", "name")
	return cmd
}

func (f *serveFlags) serve(ctx context.Context, ui *ui, dir string) error {
	if err := f.from.check(); err != nil {
		return err
	}
	cfg, err := f.config(ui)
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
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return err
		}
		leaf, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			return err
		}
		cfg.TLSKey = leaf.PublicKey
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
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
		return err
	}
	defer chain.Close()
	backend, err := f.backend(ctx, chain)
	if err != nil {
		return err
	}
	if server.Handler, err = chain.Handler(ctx, backend); err != nil {
		return err
	}
	return f.listen(ctx, ui, server, chain)
}

// config is the policy of the flags. An address that others reach needs TLS.
func (f *serveFlags) config(ui *ui) (holdfast.Config, error) {
	var cfg holdfast.Config
	if f.cert == "" && !f.plainHTTP && !loopback(f.addr) {
		return cfg, fmt.Errorf("%w: %s is not loopback: give --tls-cert and --tls-key", errUsage, f.addr)
	}
	if f.effort.workers < 0 || f.effort.duty < 1 || f.effort.duty > 100 {
		return cfg, fmt.Errorf("%w: --workers is not below 0, and --duty from 1 to 100", errUsage)
	}
	cfg.Workers, cfg.Duty = f.effort.workers, f.effort.duty
	cfg.Logger = slog.New(slog.NewTextHandler(ui.err, nil))
	keys, err := readPublicKeys(f.public)
	if err != nil {
		return cfg, err
	}
	cfg.Signature = sign.Policy{Keys: keys, Name: f.name, MinVersion: f.minVersion}
	if f.denyList != "" {
		if cfg.Signature.DenyListKeys, err = readPublicKeys(f.denyKeys); err != nil {
			return cfg, err
		}
		if cfg.DenyList, err = readFile(f.denyList, maxDocument); err != nil {
			return cfg, err
		}
	}
	cfg.MBOM = mbom.Policy{
		Formats: mbom.SafeFormats(), Licences: f.licences, InsecureAnyLicence: f.anyLicence, AnySignedTemplate: f.templates,
	}
	cfg.Weights = mbom.WeightPolicy{Finite: true, AnySignedTemplate: f.templates}
	cfg.Guard = guard.DefaultPolicy()
	if f.guardFile != "" {
		text, err := readFile(f.guardFile, 4<<20)
		if err != nil {
			return cfg, err
		}
		if cfg.Guard, err = guard.ParsePolicy(text); err != nil {
			return cfg, err
		}
	}
	if err := f.rules(&cfg); err != nil {
		return cfg, err
	}
	if f.keys.given() {
		k, err := f.keys.load()
		if err != nil {
			return cfg, err
		}
		cfg.Key = kek.Source{KEK: k}
	}
	switch f.platform {
	case "":
	case "snp":
		cfg.Platform = &snp.Device{}
	default:
		return cfg, fmt.Errorf("%w: --platform %q is not snp", errUsage, f.platform)
	}
	return cfg, nil
}

// rules reads the signed file of detection rules, and trusts the given keys with one, wherever it comes from.
func (f *serveFlags) rules(cfg *holdfast.Config) error {
	if f.guardRules != "" {
		text, err := readFile(f.guardRules, 4<<20)
		if err != nil {
			return err
		}
		cfg.Guard.Detection.RuleFile = string(text)
	}
	if len(f.ruleKeys) == 0 {
		return nil
	}
	keys, err := readPublicKeys(f.ruleKeys)
	if err != nil {
		return err
	}
	cfg.GuardOptions = append(cfg.GuardOptions, guard.WithRuleVerifier(signedBy(keys)))
	return nil
}

// loopback reports whether an address is reachable from this machine alone.
func loopback(addr string) bool {
	h, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(h)
	return h == "localhost" || ip != nil && ip.IsLoopback()
}

// backend is the built-in engine on the verified model, or a proxy to another server.
func (f *serveFlags) backend(ctx context.Context, chain *holdfast.Chain) (http.Handler, error) {
	model := chain.Model()
	if f.upstream == "" {
		e, err := engine.Open(ctx, model)
		if err != nil {
			return nil, err
		}
		return openai.New(e, model.Identity().Name), nil
	}
	to, err := url.Parse(f.upstream)
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
		return nil, fmt.Errorf("%w: --upstream is not an http or https URL", errUsage)
	}
	if f.platform != "" {
		return nil, fmt.Errorf("%w: evidence would claim a model that --upstream loads by itself", errUsage)
	}
	if err := release(ctx, model); err != nil {
		return nil, err
	}
	return httputil.NewSingleHostReverseProxy(to), nil
}

// release reads every file once, so that weights are verified and scanned before anything is served.
func release(ctx context.Context, m *sign.Model) error {
	var buf []byte
	for _, file := range m.Files() {
		size, err := m.Size(file.Name)
		if err != nil {
			return err
		}
		if int64(cap(buf)) < size {
			buf = make([]byte, size)
		}
		if _, err := m.ReadInto(ctx, file.Name, buf[:size]); err != nil {
			return err
		}
	}
	return nil
}

// listen serves until ctx ends, then lets running answers finish.
func (f *serveFlags) listen(ctx context.Context, ui *ui, server *http.Server, chain *holdfast.Chain) error {
	ln, err := net.Listen("tcp", f.addr)
	if err != nil {
		return err
	}
	id, scheme := chain.Model().Identity(), "http"
	if server.TLSConfig != nil {
		scheme = "https"
	}
	config := chain.ConfigDigest()
	link := scheme + "://" + ln.Addr().String()
	err = ui.result(map[string]any{
		"url": link, "model": id.Name, "version": id.Version, "model_id": hexOf(id.ModelID), "config": hexOf(config),
	}, fmt.Sprintf("serving %s version %d on %s", id.Name, id.Version, link), "model id "+hexOf(id.ModelID), "config   "+hexOf(config))
	if err != nil {
		ln.Close()
		return err
	}
	return serveUntil(ctx, server, ln)
}
