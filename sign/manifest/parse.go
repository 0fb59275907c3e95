package manifest

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// Limits on a payload. The signer is trusted to say what a model is, not to cost arbitrary memory.
const (
	MaxPayload   = 32 << 20 // bytes; about 200,000 files
	MaxResources = 250_000  // of one model; no other list is longer
	MaxName      = 4096     // bytes of one path: PATH_MAX of Linux
	maxNesting   = 64       // directories above a file
	maxDepth     = 16       // a statement nests five deep; unknown fields of resources may nest further
)

// Documents as they stand in the payload. Pointers tell an absent value from an empty one. Unknown fields are refused
// where the schema of the specification closes an object, and skipped in subjects and resources, which it leaves open.
type statement struct {
	Type          *string           `json:"_type"`
	Subject       []json.RawMessage `json:"subject"`
	PredicateType *string           `json:"predicateType"`
	Predicate     json.RawMessage   `json:"predicate"`
}

type subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

type predicate struct {
	Serialization *serialization    `json:"serialization"`
	Resources     []json.RawMessage `json:"resources"`
}

type serialization struct {
	Method        string          `json:"method"`
	HashType      string          `json:"hash_type"`
	AllowSymlinks bool            `json:"allow_symlinks"`
	ShardSize     json.RawMessage `json:"shard_size"`
	IgnorePaths   []string        `json:"ignore_paths"`
}

type resource struct {
	Name      *string `json:"name"`
	Algorithm *string `json:"algorithm"`
	Digest    *string `json:"digest"`
}

// Parse reads the payload of a verified envelope.
// Errors: a [*FormatError] that unwraps to [ErrFormat] or [ErrUnsupported].
func Parse(payload []byte) (*Manifest, error) {
	var st statement
	if err := decode("statement", payload, &st, known); err != nil {
		return nil, err
	}
	if st.Type == nil || *st.Type != StatementType {
		return nil, malformed("_type", "is not %s", StatementType)
	}
	if err := checkPredicateType(st.PredicateType); err != nil {
		return nil, err
	}
	if len(st.Subject) != 1 {
		return nil, malformed("subject", "has %d entries, want 1", len(st.Subject))
	}
	var sub subject
	if err := decode("subject[0]", st.Subject[0], &sub, open); err != nil {
		return nil, err
	}
	if sub.Name == "" || len(sub.Name) > MaxName {
		return nil, malformed("subject[0].name", "is absent, empty or too long")
	}
	root, err := digestOf("subject[0].digest.sha256", SHA256, sub.Digest[SHA256])
	if err != nil {
		return nil, err
	}
	if len(st.Predicate) == 0 {
		return nil, malformed("predicate", "is absent")
	}
	var pred predicate
	if err := decode("predicate", st.Predicate, &pred, known); err != nil {
		return nil, err
	}
	m := &Manifest{Subject: sub.Name, Root: [32]byte(root), PredicateType: *st.PredicateType}
	if err := m.serialization(pred.Serialization); err != nil {
		return nil, err
	}
	if err := m.resources(pred.Resources); err != nil {
		return nil, err
	}
	if RootDigest(m.Resources) != m.Root {
		return nil, malformed("subject[0].digest.sha256", "does not match the resources")
	}
	return m, nil
}

type strictness bool

const (
	known strictness = false // unknown fields are refused
	open  strictness = true  // unknown fields are skipped
)

func decode(field string, data []byte, v any, s strictness) error {
	lim := strictjson.Limits{MaxBytes: MaxPayload, MaxDepth: maxDepth, MaxItems: MaxResources}
	unmarshal := strictjson.Unmarshal
	if s == open {
		unmarshal = strictjson.UnmarshalKnown
	}
	if len(data) == 0 || data[0] == 'n' {
		return malformed(field, "is not an object")
	}
	if err := unmarshal(data, v, lim); err != nil {
		return &FormatError{Field: field, Reason: "is not strict JSON of the expected form", Kind: ErrFormat, Cause: err}
	}
	return nil
}

// checkPredicateType accepts v1.x: a minor version adds what old readers may skip (OMS VERSIONING), and fields that this
// reader does not know are refused where they could change the meaning.
func checkPredicateType(t *string) error {
	const v1 = "https://model_signing/signature/v1."
	switch {
	case t == nil:
		return malformed("predicateType", "is absent")
	case *t == "https://model_signing/Digests/v0.1":
		return unsupported("predicateType", "statement of v0.2")
	}
	minor, ok := strings.CutPrefix(*t, v1)
	if n, err := strconv.ParseUint(minor, 10, 16); !ok || err != nil || strconv.FormatUint(n, 10) != minor {
		return malformed("predicateType", "is not %sN", v1)
	}
	return nil
}

func (m *Manifest) serialization(s *serialization) (err error) {
	if s == nil {
		return malformed("predicate.serialization", "is absent")
	}
	switch s.Method {
	case MethodFiles:
		if s.ShardSize != nil {
			return malformed("predicate.serialization.shard_size", "stands beside method files")
		}
	case MethodShards:
		if m.ShardSize, err = integer(s.ShardSize); err != nil {
			return malformed("predicate.serialization.shard_size", "%v", err)
		}
		m.ShardSizeText = string(s.ShardSize)
	default:
		return malformed("predicate.serialization.method", "is not files or shards")
	}
	if DigestSize(s.HashType) == 0 {
		return malformed("predicate.serialization.hash_type", "is not sha256, blake2b or blake3")
	}
	for i, p := range s.IgnorePaths {
		if why := badName(p); why != "" {
			return malformed(fmt.Sprintf("predicate.serialization.ignore_paths[%d]", i), "%q %s", clip(p), why)
		}
	}
	m.Method, m.HashType, m.AllowSymlinks, m.IgnorePaths = s.Method, s.HashType, s.AllowSymlinks, s.IgnorePaths
	return nil
}

// integer reads a number that passed through a double: 8.0 is 8, and 8.5 and 2^60 are refused.
func integer(raw json.RawMessage) (int64, error) {
	if len(raw) == 0 {
		return 0, fmt.Errorf("is absent")
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || f != math.Trunc(f) || f < 1 || f > MaxShardSize {
		return 0, fmt.Errorf("is not an integer between 1 and 2^53")
	}
	return int64(f), nil
}

func (m *Manifest) resources(raw []json.RawMessage) error {
	if len(raw) == 0 {
		return malformed("predicate.resources", "is empty")
	}
	m.Resources = make([]Resource, len(raw))
	for i, b := range raw {
		var r resource
		if err := decode(at(i, ""), b, &r, open); err != nil {
			return err
		}
		switch {
		case r.Name == nil:
			return malformed(at(i, "name"), "is absent")
		case r.Algorithm == nil:
			return malformed(at(i, "algorithm"), "is absent")
		case r.Digest == nil:
			return malformed(at(i, "digest"), "is absent")
		}
		if i == 0 {
			m.Spelling = *r.Algorithm
			if m.Spelling != m.HashType && (m.Method == MethodFiles || m.Spelling != ShardAlgorithm(m.HashType, m.ShardSize)) {
				return malformed(at(i, "algorithm"), "%q differs from hash_type %s", clip(m.Spelling), m.HashType)
			}
		}
		if *r.Algorithm != m.Spelling {
			return malformed(at(i, "algorithm"), "%q stands beside %q", clip(*r.Algorithm), m.Spelling)
		}
		d, err := digestOf(at(i, "digest"), m.HashType, *r.Digest)
		if err != nil {
			return err
		}
		m.Resources[i] = Resource{Name: *r.Name, Algorithm: m.HashType, Digest: d}
	}
	return m.files()
}

// digestOf reads a digest in lowercase hex; another spelling of the same digest is refused.
func digestOf(field, algorithm, s string) ([]byte, error) {
	d, err := hex.DecodeString(s)
	if err != nil || len(d) != DigestSize(algorithm) || hex.EncodeToString(d) != s {
		return nil, malformed(field, "is not a digest of %s in lowercase hex", algorithm)
	}
	return d, nil
}

func at(i int, field string) string {
	s := "predicate.resources[" + strconv.Itoa(i) + "]"
	if field != "" {
		s += "." + field
	}
	return s
}
