package sign

import (
	"time"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// CardFile is the signed file that gives a model its name and version (docs/SPEC.md section 2).
const CardFile = "holdfast.json"

const (
	maxCard = 64 << 10 // bytes of holdfast.json, which has four short fields
	maxText = 256      // bytes of its name, which enters claims and receipts
)

type card struct {
	Name    string  `json:"name"`
	Version *uint64 `json:"version"`
	Display string  `json:"display"`
	Created string  `json:"created"`
}

func (c *card) version() uint64 {
	if c.Version == nil {
		return 0
	}
	return *c.Version
}

func parseCard(data []byte) (*card, error) {
	c := new(card)
	bad := func(field, reason string, cause error) error {
		return &manifest.FormatError{Field: CardFile + field, Reason: reason, Kind: ErrFormat, Cause: cause}
	}
	if err := strictjson.Unmarshal(data, c, strictjson.Limits{MaxBytes: maxCard, MaxDepth: 2}); err != nil {
		return nil, bad("", "is not strict JSON of the expected form", err)
	}
	if c.Name == "" || len(c.Name) > maxText {
		return nil, bad(": name", "is absent, empty or too long", nil)
	}
	if c.Version == nil {
		return nil, bad(": version", "is absent", nil)
	}
	if c.Created != "" {
		if _, err := time.Parse(time.RFC3339, c.Created); err != nil {
			return nil, bad(": created", "is not an RFC 3339 time", nil)
		}
	}
	return c, nil
}
