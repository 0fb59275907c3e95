package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/detect/exfil"
	"github.com/holdfast-ai/holdfast/guard/detect/sensitive"
)

// scannerFlags switch on what the guard does not look for by itself.
type scannerFlags struct {
	sensitive []string
	links     []string
}

func (s *scannerFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&s.sensitive, "guard-sensitive", nil, "identifiers and secrets to look for in requests and answers: pii, phi, secret, all, or one kind such as\n"+
		"pii.email; may be given again. What is found blocks, unless the policy gives the kind another mode. Not with --platform")
	cmd.Flags().StringArrayVar(&s.links, "guard-links", nil, "host that images and links with data in answers may have (docs.example.com, *.example.com), or none; may be given\n"+
		"again. Others block, unless the policy gives exfil.image, exfil.link or exfil.scheme another mode. Not with --platform")
}

// options adds the scanners to the guard. Neither kinds nor hosts are part of the policy, so that no digest covers them: where a
// digest is given to others, a host could leave them out and nobody would see it.
func (s *scannerFlags) options(cfg *holdfast.Config, bound bool) error {
	if bound && len(s.sensitive)+len(s.links) > 0 {
		return fmt.Errorf("%w: --guard-sensitive and --guard-links are not part of the configuration digest, which --platform and --print-config tell others", errUsage)
	}
	if len(s.sensitive) > 0 {
		kinds, err := kindsOf(s.sensitive)
		if err != nil {
			return err
		}
		set, err := sensitive.New(kinds...)
		if err != nil {
			return fmt.Errorf("%w: --guard-sensitive: %w", errUsage, err)
		}
		cfg.GuardOptions = append(cfg.GuardOptions, guard.WithDetector(set, set.IDs()...), guard.WithScanner(set.Start, set.IDs()...))
	}
	if len(s.links) > 0 {
		hosts := s.links
		if slices.Equal(hosts, []string{"none"}) {
			hosts = nil
		}
		allowed, err := exfil.New(hosts...)
		if err != nil {
			return fmt.Errorf("%w: --guard-links: %w", errUsage, err)
		}
		cfg.GuardOptions = append(cfg.GuardOptions, guard.WithScanner(allowed.Start, exfil.IDs()...))
	}
	return nil
}

// kindsOf replaces names of classes by their kinds. It returns one kind at least, since none means all to [sensitive.New].
func kindsOf(names []string) ([]string, error) {
	all := sensitive.Kinds()
	var out []string
	for _, name := range names {
		n := len(out)
		for _, kind := range all {
			class, _, _ := strings.Cut(kind, ".")
			if name == "all" || name == class || name == kind {
				out = append(out, kind)
			}
		}
		if len(out) == n {
			return nil, fmt.Errorf("%w: --guard-sensitive: no kind is called %q: they are %s", errUsage, name, strings.Join(all, ", "))
		}
	}
	return out, nil
}
