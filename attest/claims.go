package attest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// EpochPayloadType is the DSSE payload type of epoch claims.
const EpochPayloadType = "application/vnd.holdfast.epoch+json"

// Bounds of claims: a server lists a handful of models; one entry has about 400 bytes.
const (
	MaxModels = 256
	maxClaims = 256 << 10
	maxName   = 256
)

// Claims say what a TEE serves during one epoch (docs/SPEC.md section 5). In JSON every field is present; nil is null.
type Claims struct {
	Epoch       uint64    `json:"epoch"`
	Prev        *Digest   `json:"prev"` // SHA-256 of the previous epoch's payload bytes; nil at epoch 0
	Models      []Model   `json:"models"`
	GuardPolicy *Digest   `json:"guard_policy"`
	Config      Digest    `json:"config"`   // digest of the effective authority configuration
	TLSSPKI     *Digest   `json:"tls_spki"` // SHA-256 of the TLS certificate's SubjectPublicKeyInfo, where it is pinned
	HPKE        *HPKE     `json:"hpke"`
	Time        time.Time `json:"time"` // start of the epoch by the TEE's clock, whole seconds
	Floors      *Floors   `json:"floors"`
}

// A Model is one model that is fully released to the engine.
type Model struct {
	ModelID Digest  `json:"model_id"` // docs/SPEC.md section 2
	Name    string  `json:"name"`     // from the signed holdfast.json; "" where the model has none
	Version uint64  `json:"version"`
	MBOM    *Digest `json:"mbom"`   // SHA-256 of mbom.cdx.json
	Loaded  Digest  `json:"loaded"` // digest of the files actually released to the engine
}

// HPKE advertises the key for sealed bodies.
type HPKE struct {
	Suite string `json:"suite"`
	Key   []byte `json:"key"`
}

// Floors are what the key server said at release: the authority for freshness and rollback.
type Floors struct {
	ServerTime      time.Time `json:"server_time"`
	MinVersion      uint64    `json:"min_version"`
	DenyList        *DenyList `json:"deny_list"`
	RulesMinVersion uint64    `json:"rules_min_version"`
}

// DenyList names one edition of a deny list.
type DenyList struct {
	Number uint64 `json:"number"`
	Digest Digest `json:"digest"`
}

func (c *Claims) check() error {
	switch {
	case len(c.Models) == 0 || len(c.Models) > MaxModels:
		return fmt.Errorf("%w: claims: %d models", ErrFormat, len(c.Models))
	case c.Config == Digest{}:
		return fmt.Errorf("%w: claims: config is missing", ErrFormat)
	case c.Time.IsZero() || c.Time.Nanosecond() != 0:
		return fmt.Errorf("%w: claims: time is not in whole seconds", ErrFormat)
	case (c.Epoch == 0) != (c.Prev == nil):
		return fmt.Errorf("%w: claims: epoch %d and prev do not fit", ErrFormat, c.Epoch)
	}
	for _, m := range c.Models {
		if m.ModelID == (Digest{}) || m.Loaded == (Digest{}) || len(m.Name) > maxName {
			return fmt.Errorf("%w: claims: model without identity, without loaded digest or with a long name", ErrFormat)
		}
	}
	return nil
}

// marshal returns the payload bytes of c.
func (c Claims) marshal() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return json.Marshal(c)
}

// ParseClaims reads an epoch's payload. Unknown, missing and duplicate fields are refused. Errors: [ErrFormat].
// Claims prove nothing by themselves: use [VerifyChain].
func ParseClaims(payload []byte) (Claims, error) {
	var c Claims
	if err := parse("claims", payload, &c, maxClaims); err != nil {
		return Claims{}, err
	}
	if err := c.check(); err != nil {
		return Claims{}, err
	}
	return c, nil
}

func sameModels(a, b []Model) bool {
	return slices.EqualFunc(a, b, func(x, y Model) bool {
		return x.ModelID == y.ModelID && x.Name == y.Name && x.Version == y.Version && x.Loaded == y.Loaded && sameDigest(x.MBOM, y.MBOM)
	})
}

func sameDigest(a, b *Digest) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
