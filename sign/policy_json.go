package sign

import (
	"crypto"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// maxPolicy bounds a policy in bytes, and maxPolicyItems each of its lists.
const (
	maxPolicy      = 1 << 20
	maxPolicyItems = 10_000
)

// policyDocument is a policy as JSON. Every name of it is that of a field of [Policy], in lower case.
type policyDocument struct {
	Version int    `json:"version"` // 1
	Mode    string `json:"mode"`    // "enforce", the default, or "warn"

	Keys []struct {
		PEM       string     `json:"pem"`
		NotBefore *time.Time `json:"not_before"`
		NotAfter  *time.Time `json:"not_after"`
	} `json:"keys"`
	Roots               []string `json:"roots"` // PEM
	Identities          []string `json:"identities"`
	IdentityPatterns    []string `json:"identity_patterns"`
	InsecureAnyIdentity bool     `json:"insecure_any_identity"`
	InsecureLeafAsRoot  bool     `json:"insecure_leaf_as_root"`
	Signers             int      `json:"signers"`

	Name             string   `json:"name"`
	MinVersion       uint64   `json:"min_version"`
	ModelIDs         []string `json:"model_ids"` // lowercase hex
	InsecureAnyModel bool     `json:"insecure_any_model"`

	DenyList struct {
		Keys      []string `json:"keys"` // PEM
		MinNumber uint64   `json:"min_number"`
	} `json:"deny_list"`
}

// ParsePolicy reads a policy from JSON, and refuses one that [Open] would refuse:
//
//	{"version": 1, "mode": "enforce",
//	 "keys": [{"pem": "-----BEGIN PUBLIC KEY-----…", "not_after": "2027-01-01T00:00:00Z"}], "signers": 1,
//	 "roots": ["-----BEGIN CERTIFICATE-----…"], "identities": ["release@example.org"], "identity_patterns": ["ci-[0-9]+@example\\.org"],
//	 "name": "tiny-stories", "min_version": 7, "model_ids": ["<64 hex digits>"],
//	 "deny_list": {"keys": ["-----BEGIN PUBLIC KEY-----…"], "min_number": 3}}
//
// Fields mean what those of [Policy] mean, and "mode": "warn" sets InsecureWarnOnly. What is absent is zero; a field that is not known
// is refused, so that a typo does not leave out a check. Verifiers cannot be written down; a caller adds them.
//
// Errors: [ErrPolicy] with a [*PolicyError].
func ParsePolicy(data []byte) (Policy, error) {
	bad := func(field string, cause error) (Policy, error) {
		return Policy{}, fmt.Errorf("%w: %w", &PolicyError{field, "a policy in JSON, version 1", "another text", ErrPolicy}, cause)
	}
	var d policyDocument
	if err := strictjson.Unmarshal(data, &d, strictjson.Limits{MaxBytes: maxPolicy, MaxDepth: 4, MaxItems: maxPolicyItems}); err != nil {
		return bad("document", err)
	}
	if d.Version != 1 {
		return bad("version", fmt.Errorf("version %d", d.Version))
	}
	p := Policy{
		Identities: d.Identities, IdentityPatterns: d.IdentityPatterns, InsecureAnyIdentity: d.InsecureAnyIdentity, InsecureLeafAsRoot: d.InsecureLeafAsRoot, Signers: d.Signers,
		Name: d.Name, MinVersion: d.MinVersion, InsecureAnyModel: d.InsecureAnyModel, MinDenyList: d.DenyList.MinNumber,
	}
	switch d.Mode {
	case "", "enforce":
	case "warn":
		p.InsecureWarnOnly = true
	default:
		return bad("mode", fmt.Errorf("neither enforce nor warn"))
	}
	for i, k := range d.Keys {
		key, err := bundle.ParsePublicKey([]byte(k.PEM))
		if err != nil {
			return bad(fmt.Sprintf("keys[%d]", i), err)
		}
		p.Keys = append(p.Keys, key)
		if k.NotBefore == nil && k.NotAfter == nil {
			continue
		}
		var bounds [2]time.Time
		for j, at := range []*time.Time{k.NotBefore, k.NotAfter} {
			if at == nil {
				continue
			}
			if bounds[j] = *at; at.IsZero() { // it would set no bound, and a key that ended in the year one would count for good
				return bad(fmt.Sprintf("keys[%d]", i), fmt.Errorf("a bound in the year one"))
			}
		}
		fingerprint, err := bundle.Fingerprint(key)
		if err != nil {
			return bad(fmt.Sprintf("keys[%d]", i), err)
		}
		p.KeyWindows = append(p.KeyWindows, KeyWindow{fingerprint, bounds[0], bounds[1]})
	}
	var err error
	if len(d.Roots) > 0 {
		if p.Roots, err = bundle.ParseCertificates([]byte(strings.Join(d.Roots, "\n"))); err != nil {
			return bad("roots", err)
		}
	}
	for i, s := range d.ModelIDs {
		if !lowerHex(s, 32) {
			return bad(fmt.Sprintf("model_ids[%d]", i), fmt.Errorf("not 64 digits of lowercase hex"))
		}
		id, err := hex.DecodeString(s)
		if err != nil {
			return bad(fmt.Sprintf("model_ids[%d]", i), err)
		}
		p.ModelIDs = append(p.ModelIDs, [32]byte(id))
	}
	var keys []crypto.PublicKey
	for i, s := range d.DenyList.Keys {
		key, err := bundle.ParsePublicKey([]byte(s))
		if err != nil {
			return bad(fmt.Sprintf("deny_list.keys[%d]", i), err)
		}
		keys = append(keys, key)
	}
	p.DenyListKeys = keys
	if err := p.validate(); err != nil {
		return Policy{}, err
	}
	return p, nil
}
