package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

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
		"pii.email; may be given again. What is found blocks, unless the policy gives the kind another mode. Part of the policy's digest")
	cmd.Flags().StringArrayVar(&s.links, "guard-links", nil, "host that images and links with data in answers may have (docs.example.com, *.example.com), or none; may be given\n"+
		"again. Others block, unless the policy gives exfil.image, exfil.link or exfil.scheme another mode. Part of the policy's digest")
}

// into makes the kinds and hosts part of the policy, before anything is made of it, so that its digest covers them. What a policy file
// says is not changed by flags: who reads the file would not know.
func (s *scannerFlags) into(p *guard.Policy) error {
	if len(s.sensitive) > 0 {
		if len(p.Sensitive) > 0 {
			return fmt.Errorf("%w: --guard-sensitive: the policy file lists kinds itself (sensitive)", errUsage)
		}
		kinds, err := kindsOf(s.sensitive)
		if err != nil {
			return err
		}
		p.Sensitive = kinds
	}
	if len(s.links) > 0 {
		if p.Links != nil {
			return fmt.Errorf("%w: --guard-links: the policy file lists hosts itself (links)", errUsage)
		}
		hosts := s.links
		if slices.Equal(hosts, []string{"none"}) {
			hosts = []string{}
		}
		if _, err := exfil.New(hosts...); err != nil {
			return fmt.Errorf("%w: --guard-links: %w", errUsage, err)
		}
		p.Links = hosts
	}
	return nil
}

// kindsOf replaces names of classes by their kinds. It returns one kind at least, since an empty list would switch nothing on.
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
