package sign

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ai/holdfast/internal/dsse"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// DenyListType is the DSSE payload type of deny lists (docs/SPEC.md section 10).
const DenyListType = "application/vnd.holdfast.deny-list+json"

// maxDenyList bounds a deny list in bytes and its lists in entries: a few thousand entries are a large one.
const (
	maxDenyList  = 8 << 20
	maxDenied    = 50_000
	maxDenyDepth = 4
)

// A DenyList names what is known to be bad. Each list may be empty; an entry counts at once, and for good while it is listed.
type DenyList struct {
	Number       uint64              `json:"number"` // rises with each list; a lower one than before is refused
	Issued       time.Time           `json:"issued"`
	Expires      time.Time           `json:"expires"` // from then on the list is not in force, and a policy that asks for one refuses
	Models       []DeniedModel       `json:"models"`
	Files        []DeniedFile        `json:"files"`
	Keys         []DeniedKey         `json:"keys"`
	Certificates []DeniedCertificate `json:"certificates"`
}

// A DeniedModel is a model by its identity. A model that was signed by several methods has one for each.
type DeniedModel struct {
	ModelID string `json:"model_id"` // lowercase hex
	Reason  string `json:"reason"`
}

// A DeniedFile is a file by its digest as the manifest lists it: of the whole file, of a shard, or that of [manifest.File.ID].
type DeniedFile struct {
	Digest string `json:"digest"` // lowercase hex
	Reason string `json:"reason"`
}

// A DeniedKey is a key of a signer, or of a certificate in a signature's chain, up to and with the policy's root.
type DeniedKey struct {
	Fingerprint string     `json:"fingerprint"`  // lowercase hex; see [bundle.Fingerprint]
	SignedAfter *time.Time `json:"signed_after"` // what was signed until then is accepted, where that time was verified; null: nothing is
	Reason      string     `json:"reason"`
}

// A DeniedCertificate is a certificate in a signature's chain, up to and with the policy's root. It does not reach what a
// [BundleVerifier] accepted, which tells no serial numbers; DeniedKey does.
type DeniedCertificate struct {
	Serial      string     `json:"serial"`       // lowercase hex without leading zeros
	Issuer      string     `json:"issuer"`       // SHA-256 of the issuer's name in DER, lowercase hex; "": any issuer
	SignedAfter *time.Time `json:"signed_after"` // as in [DeniedKey]
	Reason      string     `json:"reason"`
}

// SignDenyList checks a list and wraps it in an envelope signed by key.
// Errors: [ErrFormat], the signer's.
func SignDenyList(key crypto.Signer, l *DenyList) ([]byte, error) {
	if l == nil {
		l = new(DenyList) // which is refused
	}
	payload, err := l.encode()
	if err != nil {
		return nil, err
	}
	if _, err := parseDenyList(payload); err != nil {
		return nil, err
	}
	return dsse.Sign(key, DenyListType, payload)
}

// denyList is a list that was verified, ready for look-ups. nil denies nothing.
type denyList struct {
	number  uint64
	expires time.Time
	digest  [32]byte // of the payload
	models  map[string]string
	files   map[string]string
	keys    []DeniedKey
	certs   []DeniedCertificate
}

// denyList verifies envelope and holds it against the policy at now. Without keys for it there is none, and a list that nobody may
// have signed is an error: its giver expects it to count.
func (p Policy) denyList(envelope []byte, floor uint64, now time.Time) (*denyList, error) {
	if len(p.DenyListKeys) == 0 {
		if envelope != nil {
			return nil, &PolicyError{"DenyListKeys", "keys for the deny list that was given", "none", ErrPolicy}
		}
		return nil, nil
	}
	bad := func(want, got string) error { return &PolicyError{"DenyList", want, got, ErrPolicy} }
	if envelope == nil {
		return nil, bad("a deny list", "none")
	}
	payload, err := dsse.VerifyAny(p.DenyListKeys, DenyListType, envelope)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", bad("a list signed by one of DenyListKeys", "another"), err)
	}
	l, err := parseDenyList(payload)
	if err != nil {
		return nil, err
	}
	if floor = max(floor, p.MinDenyList); l.number < floor {
		return nil, fmt.Errorf("%w: %w", bad("number "+strconv.FormatUint(floor, 10), strconv.FormatUint(l.number, 10)), ErrVersion)
	}
	if !now.Before(l.expires) {
		return nil, bad("a list in force", "expired "+l.expires.UTC().Format(time.RFC3339))
	}
	return l, nil
}

// VerifyDenyList holds a signed deny list against the policy, as [Open] will, and returns its number and the SHA-256 of its payload:
// what a key server's floor is compared with (docs/SPEC.md section 7). now decides whether it is in force.
// Errors: [ErrPolicy], [ErrVersion], [ErrFormat]; [ErrPolicy] too where the policy has no keys for deny lists.
func (p Policy) VerifyDenyList(envelope []byte, now time.Time) (number uint64, digest [32]byte, err error) {
	l, err := p.denyList(envelope, 0, now)
	if err != nil {
		return 0, digest, err
	}
	if l == nil {
		return 0, digest, &PolicyError{"DenyListKeys", "keys for deny lists", "none", ErrPolicy}
	}
	return l.number, l.digest, nil
}

// parseDenyList reads the payload of a verified envelope.
func parseDenyList(payload []byte) (*denyList, error) {
	bad := func(field, reason string, cause error) error {
		return &manifest.FormatError{Field: "deny list: " + field, Reason: reason, Kind: ErrFormat, Cause: cause}
	}
	var doc struct {
		Version int `json:"version"`
		DenyList
	}
	if err := strictjson.Unmarshal(payload, &doc, strictjson.Limits{MaxBytes: maxDenyList, MaxDepth: maxDenyDepth, MaxItems: maxDenied}); err != nil {
		return nil, bad("payload", "is not strict JSON of the expected form", err)
	}
	if doc.Version != 1 {
		return nil, bad("version", "is not 1", nil)
	}
	switch {
	case doc.Number == 0:
		return nil, bad("number", "is absent, or 0", nil)
	case doc.Issued.IsZero():
		return nil, bad("issued", "is absent", nil)
	case doc.Expires.IsZero():
		return nil, bad("expires", "is absent", nil)
	case !doc.Expires.After(doc.Issued):
		return nil, bad("expires", "is not after issued", nil)
	}
	l := &denyList{number: doc.Number, expires: doc.Expires, digest: sha256.Sum256(payload), keys: doc.Keys, certs: doc.Certificates,
		models: map[string]string{}, files: map[string]string{}}
	for i, m := range doc.Models {
		if !lowerHex(m.ModelID, 32) {
			return nil, bad(fmt.Sprintf("models[%d]", i), "is not a ModelID in lowercase hex", nil)
		}
		l.models[m.ModelID] = m.Reason
	}
	for i, f := range doc.Files {
		if !lowerHex(f.Digest, 32, 64) {
			return nil, bad(fmt.Sprintf("files[%d]", i), "is not a digest in lowercase hex", nil)
		}
		l.files[f.Digest] = f.Reason
	}
	for i, k := range doc.Keys {
		if !lowerHex(k.Fingerprint, 32) || k.SignedAfter != nil && k.SignedAfter.IsZero() {
			return nil, bad(fmt.Sprintf("keys[%d]", i), "is not a fingerprint in lowercase hex", nil)
		}
	}
	for i, c := range doc.Certificates {
		if c.Serial == "" || len(c.Serial) > 64 || strings.Trim(c.Serial, "0123456789abcdef") != "" || len(c.Serial) > 1 && c.Serial[0] == '0' ||
			c.Issuer != "" && !lowerHex(c.Issuer, 32) || c.SignedAfter != nil && c.SignedAfter.IsZero() {
			return nil, bad(fmt.Sprintf("certificates[%d]", i), "is not a serial number in lowercase hex without leading zeros", nil)
		}
	}
	return l, nil
}

// lowerHex reports whether s is one of n bytes in lowercase hex: an entry that is spelled otherwise would never match.
func lowerHex(s string, n ...int) bool {
	b, err := hex.DecodeString(s)
	return err == nil && slices.Contains(n, len(b)) && hex.EncodeToString(b) == s
}

func denied(what, reason string) error {
	if reason != "" {
		what += ": " + reason
	}
	return &PolicyError{"DenyList", "nothing denied", what, ErrDenied}
}

// signer says whether a signature of s counts.
func (l *denyList) signer(s *Signer) error {
	if l == nil {
		return nil
	}
	for _, k := range l.keys {
		hit := k.Fingerprint == hex.EncodeToString(s.KeyFingerprint[:])
		for _, c := range s.certificates {
			hit = hit || k.Fingerprint == hex.EncodeToString(c.fingerprint[:])
		}
		if hit && after(s, k.SignedAfter) {
			return denied("key "+k.Fingerprint, k.Reason)
		}
	}
	for _, d := range l.certs {
		for _, c := range s.certificates {
			if c.serial == d.Serial && (d.Issuer == "" || d.Issuer == hex.EncodeToString(c.issuer[:])) && after(s, d.SignedAfter) {
				return denied("certificate "+d.Serial, d.Reason)
			}
		}
	}
	return nil
}

// after reports whether a signature falls under a cut-off. One without a verified time does: whoever stole a key would
// write any time.
func after(s *Signer, cutoff *time.Time) bool {
	return cutoff == nil || s.SignedAt.IsZero() || s.SignedAt.After(*cutoff)
}

// model says whether the list names the model or one of its files.
func (l *denyList) model(m *manifest.Manifest) error {
	if l == nil {
		return nil
	}
	id := m.ModelID()
	var errs []error
	if reason, hit := l.models[hex.EncodeToString(id[:])]; hit {
		errs = append(errs, denied("model "+hex.EncodeToString(id[:]), reason))
	}
	if len(l.files) > 0 {
		for i := range m.Files {
			f := &m.Files[i]
			for _, d := range append(f.Digests(), f.ID()) {
				if reason, hit := l.files[hex.EncodeToString(d)]; hit {
					errs = append(errs, denied(fmt.Sprintf("file %q", f.Name), reason))
					break
				}
			}
		}
	}
	return errors.Join(errs...)
}

// encode renders a list with the version of its form.
func (l *DenyList) encode() ([]byte, error) {
	full := *l // every list is written, also an empty one
	full.Models, full.Files = append([]DeniedModel{}, l.Models...), append([]DeniedFile{}, l.Files...)
	full.Keys, full.Certificates = append([]DeniedKey{}, l.Keys...), append([]DeniedCertificate{}, l.Certificates...)
	var buf bytes.Buffer
	err := encodeJSON(&buf, struct {
		Version int `json:"version"`
		*DenyList
	}{1, &full})
	return buf.Bytes(), err
}
