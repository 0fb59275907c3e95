package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// keyserverFlags say who the server is, what it holds and where it listens.
type keyserverFlags struct {
	keys     kekFlags
	at       listenFlags
	policy   string
	identity privateKey
	audit    string
}

func newKeyserver(ui *ui) *cobra.Command {
	var f keyserverFlags
	cmd := &cobra.Command{
		Use:   "keyserver",
		Short: "Release the keysets of sealed models to machines that prove what they are",
		Long: "Keyserver serves the key release protocol from a policy file, whose fields docs/keyrelease.md has with an example. The sealed\n" +
			"directories that the policy names need seal.json and seal.keys only. Every decision is a line of the audit file; where it cannot\n" +
			"be written, nothing is released; the file stays open, so rotate it by copying and truncating. SIGHUP reads the policy again; minimum versions and lists only rise. Guests pin the public key\n" +
			"that belongs to --identity; TLS hides who asks for what.",
		Example: "  holdfast keygen identity --private-key server.key --public-key server.pub\n" +
			"  holdfast keyserver --policy policy.json --identity server.key --kek serving.kek --audit audit.jsonl \\\n" +
			"    --tls-cert cert.pem --tls-key key.pem --addr :8443",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), ui) },
	}
	f.keys.add(cmd)
	f.at.add(cmd, "127.0.0.1:8443")
	flags := cmd.Flags()
	flags.StringVar(&f.policy, "policy", "", "policy file, JSON (required)")
	flags.StringVar(&f.identity.file, "identity", "", "private key of the server, P-256 PEM, as made by keygen identity (required)")
	f.identity.password.add(cmd, "identity-")
	flags.StringVar(&f.audit, "audit", "", "file that every decision is appended to, one JSON object a line (required)")
	required(cmd, "policy", "identity", "audit")
	return cmd
}

func (f *keyserverFlags) run(ctx context.Context, ui *ui) error {
	if err := f.at.check(); err != nil {
		return err
	}
	hup := make(chan os.Signal, 1) // from before anybody can know that the server is there
	notifyHangup(hup)
	defer signal.Stop(hup)
	handler, view, err := f.handler(ctx, ui)
	if err != nil {
		return err
	}
	defer handler.journal.Close()
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(slog.NewTextHandler(ui.err, nil), slog.LevelWarn),
	}
	if server.TLSConfig, err = f.at.tls(); err != nil {
		return err
	}
	ln, link, err := f.at.listen(server)
	if err != nil {
		return err
	}
	view["url"] = link
	lines := []string{"key server on " + link, fmt.Sprintf("identity  %s", view["identity"])}
	for _, m := range handler.models {
		lines = append(lines, "model     "+m)
	}
	lines = append(append(lines, handler.notes...), handler.insecure...)
	if err := ui.result(view, lines...); err != nil {
		ln.Close()
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go f.reload(ctx, ui, handler, hup)
	return f.at.serveUntil(ctx, ui, server, ln)
}

// reload reads the policy again at every SIGHUP. One that cannot be used changes nothing; floors do not sink.
func (f *keyserverFlags) reload(ctx context.Context, ui *ui, s *keyserver, hup <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		}
		cfg, insecure, err := f.config(ctx, ui)
		if err == nil {
			err = s.Update(cfg)
		}
		if err != nil {
			s.log.ErrorContext(ctx, "keyserver: the policy was not reloaded", "error", err)
			continue
		}
		s.log.InfoContext(ctx, "keyserver: policy reloaded", "insecure", insecure, "notes", notes(cfg))
	}
}

// config reads the policy and unwraps every keyset that it names once.
func (f *keyserverFlags) config(ctx context.Context, ui *ui) (cfg keyrelease.ServerConfig, insecure []string, err error) {
	k, err := f.keys.load(ctx, ui)
	if err != nil {
		return cfg, nil, err
	}
	policy, err := readKeyPolicy(f.policy)
	if err != nil {
		return cfg, nil, err
	}
	if cfg, err = policy.server(ctx, k); err != nil {
		return cfg, nil, fmt.Errorf("%s: %w", f.policy, err)
	}
	return cfg, policy.insecure(), nil
}

// keyserver is the handler with what has to be closed after it.
type keyserver struct {
	*keyrelease.Server
	journal  *keyrelease.FileJournal
	models   []string
	insecure []string
	notes    []string
	log      *slog.Logger
}

func (f *keyserverFlags) handler(ctx context.Context, ui *ui) (*keyserver, map[string]any, error) {
	cfg, insecure, err := f.config(ctx, ui)
	if err != nil {
		return nil, nil, err
	}
	if cfg.Identity, err = f.readIdentity(ctx, ui); err != nil {
		return nil, nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(cfg.Identity.Public())
	if err != nil {
		return nil, nil, err
	}
	cfg.Audit = slog.New(slog.NewTextHandler(ui.err, nil))
	journal, err := keyrelease.OpenJournal(f.audit)
	if err != nil {
		return nil, nil, err
	}
	cfg.Journal = journal
	s, err := keyrelease.NewServer(cfg)
	if err != nil {
		return nil, nil, errors.Join(err, journal.Close())
	}
	h := &keyserver{Server: s, journal: journal, models: []string{}, insecure: insecure, notes: notes(cfg), log: cfg.Audit}
	for name, m := range cfg.Models {
		for _, v := range m.Versions {
			if v.Version < m.MinVersion {
				continue
			}
			h.models = append(h.models, fmt.Sprintf("%s version %d", name, v.Version))
		}
	}
	slices.Sort(h.models)
	return h, map[string]any{"identity": hexOf(transcript.KeyHash(transcript.SuiteECDSAP256, spki)), "models": h.models, "insecure": h.insecure, "notes": h.notes}, nil
}

// readIdentity reads the server's private key.
func (f *keyserverFlags) readIdentity(ctx context.Context, ui *ui) (crypto.Signer, error) {
	key, err := f.identity.load(ctx, ui)
	if err != nil {
		return nil, err
	}
	if pub, ok := key.Public().(*ecdsa.PublicKey); !ok || pub.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%w: %s is no P-256 key: make one with keygen identity", errUsage, f.identity.file)
	}
	return key, nil
}
