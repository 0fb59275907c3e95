package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/attest/snp"
	"github.com/holdfast-ai/holdfast/attest/tdx"
	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
)

// config is the policy of the flags. An address that others reach needs TLS.
func (f *serveFlags) config(ctx context.Context, ui *ui) (holdfast.Config, error) {
	var cfg holdfast.Config
	if err := f.at.check(); err != nil {
		return cfg, err
	}
	if err := f.effort.check(); err != nil {
		return cfg, err
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
	templates, err := digests(f.template)
	if err != nil {
		return cfg, err
	}
	anyTemplate := f.templates && templates == nil
	cfg.MBOM = mbom.Policy{
		Formats: append(mbom.SafeFormats(), f.formats...), Licences: f.licences, InsecureAnyLicence: f.anyLicence,
		Templates: templates, AnySignedTemplate: anyTemplate,
	}
	cfg.Weights = mbom.WeightPolicy{Finite: true, Templates: templates, AnySignedTemplate: anyTemplate}
	cfg.Guard = guard.DefaultPolicy()
	if f.guardFile != "" {
		text, err := readFile(f.guardFile, 4<<20)
		if err != nil {
			return cfg, err
		}
		if cfg.Guard, err = guard.ParsePolicy(text); err != nil {
			return cfg, inFile(f.guardFile, text, err)
		}
		if len(cfg.Guard.Routes) == 0 {
			return cfg, fmt.Errorf("%w: %s names no routes, so that every request would be refused: begin with what holdfast guard policy prints", errUsage, f.guardFile)
		}
	}
	if err := f.rules(&cfg); err != nil {
		return cfg, err
	}
	if err := f.scanners.into(&cfg.Guard); err != nil {
		return cfg, err
	}
	if f.keys.given() {
		k, err := f.keys.load(ctx, ui)
		if err != nil {
			return cfg, err
		}
		cfg.Key = kek.Source{KEK: k}
	}
	switch f.platform {
	case "":
	case "snp":
		cfg.Platform = &snp.Device{}
	case "tdx":
		cfg.Platform = &tdx.Device{}
	default:
		return cfg, fmt.Errorf("%w: --platform %q is neither snp nor tdx", errUsage, f.platform)
	}
	return cfg, nil
}

// guardFault names the file of a policy that could be read and cannot be used. Signed rules may be what is at fault beside it.
func (f *serveFlags) guardFault(err error) error {
	if f.guardFile != "" && f.guardRules == "" && errors.Is(err, guard.ErrPolicy) && !errors.Is(err, errUsage) {
		return inFile(f.guardFile, nil, err)
	}
	return err
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

// digests reads SHA-256 digests in hexadecimal.
func digests(texts []string) ([][32]byte, error) {
	var out [][32]byte
	for _, text := range texts {
		d, err := hex.DecodeString(text)
		if err != nil || len(d) != 32 {
			return nil, fmt.Errorf("%w: --template-sha256 %q is not 64 hexadecimal digits", errUsage, text)
		}
		out = append(out, [32]byte(d))
	}
	return out, nil
}
