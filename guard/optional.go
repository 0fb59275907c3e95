package guard

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/detect/exfil"
	"github.com/holdfast-ai/holdfast/guard/detect/sensitive"
)

// optional are the detectors and scanners that a policy switches on, so that its digest says that they run: what comes with [WithDetector]
// and [WithScanner] is in no digest.
type optional struct {
	detectors []Detector
	scanners  []added
	ids       []string
}

// optional puts the lists of p into one order and spelling, in copies, and builds what they ask for. Errors unwrap to [ErrPolicy].
func (p *Policy) optional() (optional, error) {
	var o optional
	p.Sensitive = set(p.Sensitive)
	if len(p.Sensitive) > 0 { // to sensitive.New none is all
		s, err := sensitive.New(p.Sensitive...)
		if err != nil {
			return o, fmt.Errorf("%w: sensitive: %w", ErrPolicy, err)
		}
		o.detectors, o.scanners, o.ids = append(o.detectors, s), append(o.scanners, added{s.Start, s.IDs()}), append(o.ids, s.IDs()...)
	}
	if p.Links != nil {
		p.Links = slices.Clone(p.Links)
		for i, host := range p.Links {
			p.Links[i] = strings.ToLower(host)
		}
		p.Links = set(p.Links)
		h, err := exfil.New(p.Links...)
		if err != nil {
			return o, fmt.Errorf("%w: links: %w", ErrPolicy, err)
		}
		o.scanners, o.ids = append(o.scanners, added{h.Start, exfil.IDs()}), append(o.ids, exfil.IDs()...)
	}
	return o, nil
}

// set is a sorted copy without repeats; nil stays nil, and empty stays empty.
func set(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.Compact(s)
}
