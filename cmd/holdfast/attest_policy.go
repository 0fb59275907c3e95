package main

import (
	"fmt"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// relyingPolicy is the policy file of a relying party: strict JSON, digests in lower-case hex. What is left out is refused.
type relyingPolicy struct {
	Version           int             `json:"version"` // 1
	Machines          machinePolicy   `json:"machines"`
	Configs           []attest.Digest `json:"configs"`
	Models            []relyingModel  `json:"models"`
	GuardPolicies     []attest.Digest `json:"guard_policies"`
	MBOMs             []attest.Digest `json:"mboms"`
	MaxAge            string          `json:"max_age"` // as time.ParseDuration has it; 24h where it is left out
	InsecureAnyConfig bool            `json:"insecure_any_config"`
	InsecureAnyModel  bool            `json:"insecure_any_model"`
}

// relyingModel is a model by its identity, or by its signed name and lowest version.
type relyingModel struct {
	Name       string         `json:"name"`
	MinVersion uint64         `json:"min_version"`
	ModelID    *attest.Digest `json:"model_id"`
}

// readRelyingPolicy reads a policy for documents, or for bare evidence, which makes no claims that more than machines could be asked of.
func readRelyingPolicy(path string, document bool) (relyingPolicy, attest.Policy, error) {
	text, err := readFile(path, maxDocument)
	if err != nil {
		return relyingPolicy{}, attest.Policy{}, err
	}
	p, out, err := parseRelyingPolicy(text, document)
	if err != nil {
		return p, out, inFile(path, text, err)
	}
	return p, out, nil
}

func parseRelyingPolicy(text []byte, document bool) (p relyingPolicy, out attest.Policy, err error) {
	if err := strictjson.Unmarshal(text, &p, strictjson.Limits{MaxBytes: maxDocument, MaxDepth: 8}); err != nil {
		return p, out, err
	}
	if err := said(text); err != nil {
		return p, out, err
	}
	if p.Version != 1 {
		return p, out, fmt.Errorf("%w: version %d, want 1", errUsage, p.Version)
	}
	if out, err = p.Machines.policy(); err != nil {
		return p, out, fmt.Errorf("machines: %w", err)
	}
	claims := len(p.Configs)+len(p.Models)+len(p.GuardPolicies)+len(p.MBOMs) > 0 || p.MaxAge != "" || p.InsecureAnyConfig || p.InsecureAnyModel
	if !document {
		if claims {
			return p, out, fmt.Errorf("%w: evidence alone claims nothing: leave out all but machines", errUsage)
		}
		return p, out, nil
	}
	if p.MaxAge != "" {
		if out.MaxAge, err = time.ParseDuration(p.MaxAge); err != nil || out.MaxAge <= 0 {
			return p, out, fmt.Errorf("%w: max_age %q is no time such as 24h", errUsage, p.MaxAge)
		}
	}
	for _, m := range p.Models {
		var id attest.Digest
		switch {
		case m.ModelID != nil && *m.ModelID == id: // which would be any
			return p, out, fmt.Errorf("%w: models: a model_id of zeros", errUsage)
		case m.ModelID != nil:
			id = *m.ModelID
		case m.Name == "":
			return p, out, fmt.Errorf("%w: models: an entry without name and model_id", errUsage)
		}
		out.Models = append(out.Models, attest.ModelPolicy{ModelID: id, Name: m.Name, MinVersion: m.MinVersion})
	}
	out.Configs, out.GuardPolicies, out.MBOMs = p.Configs, p.GuardPolicies, p.MBOMs
	out.InsecureAnyConfig, out.InsecureAnyModel = p.InsecureAnyConfig, p.InsecureAnyModel
	return p, out, nil
}

// insecure lists what the policy gives up.
func (p relyingPolicy) insecure() []string {
	out := p.Machines.insecure()
	if p.InsecureAnyConfig {
		out = append(out, "INSECURE: any configuration is accepted: the host may have chosen it")
	}
	if p.InsecureAnyModel {
		out = append(out, "INSECURE: any model is accepted")
	}
	return out
}
