package tensor

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// SpecsType is the payload type of a signed file of [Specs] (docs/SPEC.md section 10).
const SpecsType = "application/vnd.holdfast.tensor-specs+json"

// ErrSpecs means that a file of specs is refused: not signed, of another model, too old, or not well formed.
var ErrSpecs = errors.New("tensor: specs refused")

// maxSpecs bounds the inputs of one model; real ones have a handful. maxSpecsSize bounds the file in bytes.
const (
	maxSpecs     = 256
	maxSpecsSize = 1 << 20
)

// Specs are the inputs that one model accepts, as the model's publisher signed them: {"version": 1, "number": n,
// "model_id": hex, "expires": RFC 3339, "inputs": [Spec…]}. The zero value accepts nothing.
type Specs struct {
	Version int       `json:"version"`  // 1
	Number  uint64    `json:"number"`   // rises with each edition
	ModelID string    `json:"model_id"` // lower-case hex of the signed model they belong to (docs/SPEC.md section 2)
	Expires time.Time `json:"expires"`
	Inputs  []Spec    `json:"inputs"` // names are unique and not empty
}

// Accept says which signed specs count.
type Accept struct {
	// Verify checks an envelope and returns the payload's exact bytes, for example by the key of the model's publisher.
	Verify func(payloadType string, envelope []byte) ([]byte, error)
	// ModelID is that of the model that was loaded.
	ModelID [32]byte
	// MinNumber is the lowest number accepted: the highest that was seen before.
	MinNumber uint64
	// Now is the time at which Expires is judged.
	Now time.Time
}

// OpenSpecs verifies and reads a signed file of specs. Errors unwrap to [ErrSpecs].
func OpenSpecs(envelope []byte, a Accept) (*Specs, error) {
	if a.Verify == nil || a.ModelID == [32]byte{} || a.Now.IsZero() {
		return nil, fmt.Errorf("%w: no verifier, model or time to hold them against", ErrSpecs)
	}
	payload, err := a.Verify(SpecsType, envelope)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSpecs, err)
	}
	s, err := ParseSpecs(payload)
	if err != nil {
		return nil, err
	}
	id, err := hex.DecodeString(s.ModelID)
	switch {
	case err != nil || !bytes.Equal(id, a.ModelID[:]):
		return nil, fmt.Errorf("%w: of another model", ErrSpecs)
	case s.Number < a.MinNumber:
		return nil, fmt.Errorf("%w: number %d, want at least %d", ErrSpecs, s.Number, a.MinNumber)
	case !a.Now.Before(s.Expires):
		return nil, fmt.Errorf("%w: expired %s", ErrSpecs, s.Expires.UTC().Format(time.RFC3339))
	}
	return s, nil
}

// ParseSpecs reads the payload of a file of specs: strict JSON, unknown keys refused. It does not say whose they are.
// Errors unwrap to [ErrSpecs].
func ParseSpecs(payload []byte) (*Specs, error) {
	s := new(Specs)
	if err := strictjson.Unmarshal(payload, s, strictjson.Limits{MaxBytes: maxSpecsSize, MaxDepth: 8, MaxItems: maxSpecs}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSpecs, err)
	}
	if s.Version != 1 {
		return nil, fmt.Errorf("%w: version %d", ErrSpecs, s.Version)
	}
	if len(s.Inputs) == 0 {
		return nil, fmt.Errorf("%w: no inputs", ErrSpecs)
	}
	seen := map[string]bool{}
	for i := range s.Inputs {
		in := &s.Inputs[i]
		if err := in.Validate(); err != nil {
			return nil, fmt.Errorf("%w: input %d: %w", ErrSpecs, i, err)
		}
		if in.Name == "" || seen[in.Name] {
			return nil, fmt.Errorf("%w: input %d has no name of its own", ErrSpecs, i)
		}
		seen[in.Name] = true
	}
	return s, nil
}

// Check holds the inputs of one request against the specs: every input has a spec and every spec exactly one input.
// Errors: a [*Error], or [ErrSpecs] from the zero value.
func (s *Specs) Check(views []View) error {
	if len(s.Inputs) == 0 {
		return fmt.Errorf("%w: no inputs", ErrSpecs)
	}
	var seen [maxSpecs]bool
	for _, v := range views {
		i := s.index(v.Name)
		if i < 0 || seen[i] {
			return &Error{Name: v.Name, Reason: ReasonName, Index: -1}
		}
		seen[i] = true
		if err := s.Inputs[i].Check(v); err != nil {
			return err
		}
	}
	for i := range s.Inputs {
		if !seen[i] {
			return &Error{Name: s.Inputs[i].Name, Reason: ReasonMissing, Index: -1}
		}
	}
	return nil
}

func (s *Specs) index(name string) int {
	for i := range min(len(s.Inputs), maxSpecs) {
		if s.Inputs[i].Name == name {
			return i
		}
	}
	return -1
}
