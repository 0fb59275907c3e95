package keyrelease

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// rules are what a server decides by and tells guests. They are replaced as a whole: a request sees one set of them.
type rules struct {
	verify   VerifyFunc
	models   map[string]policy
	floors   map[string]uint64 // minimum versions that guests may have been told, of models left out since too
	denyList *DenyList
	minRules uint64
}

// policy is a Model with its commitments.
type policy struct {
	Model
	byCommitment map[[32]byte]Version
}

// Update replaces what the server decides by: Verify, Models, DenyList and RulesMinVersion of cfg; its other fields are not
// looked at. Requests under way end by the rules that they began with.
//
// What guests were told as floors does not sink: an update that lowers the minimum version of a model, the deny list's number
// or that of the rules, or gives another list under the same number, is refused and changes nothing. A model may be left out,
// and comes back with the minimum version it had at least.
// Errors: as [NewServer].
func (s *Server) Update(cfg ServerConfig) error {
	r, err := newRules(cfg)
	if err == nil && s.mux == nil {
		err = fmt.Errorf("%w: a server that was not made by NewServer", ErrConfig)
	}
	if err != nil {
		return err
	}
	s.updating.Lock()
	defer s.updating.Unlock()
	if err := r.follows(s.rules.Load()); err != nil {
		return err
	}
	s.rules.Store(r)
	return nil
}

func newRules(cfg ServerConfig) (*rules, error) {
	if cfg.Verify == nil || len(cfg.Models) == 0 {
		return nil, fmt.Errorf("%w: Verify and Models are required", ErrConfig)
	}
	r := &rules{verify: cfg.Verify, models: make(map[string]policy, len(cfg.Models)), floors: map[string]uint64{}, minRules: cfg.RulesMinVersion}
	if cfg.DenyList != nil {
		d := *cfg.DenyList
		r.denyList = &d
	}
	for name, m := range cfg.Models {
		var err error
		if r.models[name], err = newPolicy(m); err != nil {
			return nil, fmt.Errorf("model %s: %w", name, err)
		}
		r.floors[name] = m.MinVersion
	}
	return r, nil
}

// follows refuses rules that lower a floor of the ones before, and takes over those of models that are left out.
func (r *rules) follows(old *rules) error {
	for name, floor := range old.floors {
		now, ok := r.models[name]
		if !ok {
			r.floors[name] = floor // leaving a model out and naming it again is no way down
			continue
		}
		if now.MinVersion < floor {
			return fmt.Errorf("%w: the minimum version of %s would sink from %d to %d", ErrConfig, name, floor, now.MinVersion)
		}
	}
	if r.minRules < old.minRules {
		return fmt.Errorf("%w: the minimum version of rules would sink from %d to %d", ErrConfig, old.minRules, r.minRules)
	}
	if d := old.denyList; d != nil {
		switch now := r.denyList; {
		case now == nil || now.Number < d.Number:
			return fmt.Errorf("%w: the deny list would sink below number %d", ErrConfig, d.Number)
		case now.Number == d.Number && now.Digest != d.Digest:
			return fmt.Errorf("%w: two deny lists of number %d", ErrConfig, d.Number)
		}
	}
	return nil
}

func newPolicy(m Model) (policy, error) {
	m.Configs, m.Seals, m.Require = slices.Clone(m.Configs), slices.Clone(m.Seals), maps.Clone(m.Require)
	p := policy{m, make(map[[32]byte]Version, len(m.Versions))}
	if len(m.Configs) == 0 && !m.InsecureAnyConfig {
		return p, fmt.Errorf("%w: no configuration is allowed", ErrConfig)
	}
	if err := checkRequire(m.Require); err != nil {
		return p, err
	}
	for _, v := range m.Versions {
		if (v.Keyset == nil) == (v.Unwrap == nil) {
			return p, fmt.Errorf("%w: version %d has not one of Keyset and Unwrap", ErrConfig, v.Version)
		}
		if v.Keyset != nil {
			var err error
			if v.Commitment, err = commitmentOf(v.Keyset); err != nil {
				return p, err
			}
		}
		if _, dup := p.byCommitment[v.Commitment]; dup {
			return p, fmt.Errorf("%w: two versions share a keyset", ErrConfig)
		}
		p.byCommitment[v.Commitment] = v
	}
	return p, nil
}

// commitmentOf is the commitment of a keyset that may be released: one of one key, since guests would get the disabled ones
// too.
func commitmentOf(h *keyset.Handle) (c [32]byte, err error) {
	if c, err = seal.Commitment(h); err != nil {
		return c, err
	}
	if h.Len() != 1 {
		return c, fmt.Errorf("%w: a keyset of %d keys: guests would get the disabled ones too", ErrConfig, h.Len())
	}
	return c, nil
}
