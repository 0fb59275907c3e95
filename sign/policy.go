package sign

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// A Policy says which models are accepted. The zero value refuses every model. Every field that is set is enforced;
// at least one key, root or verifier is needed, and at least one of Name, ModelIDs and InsecureAnyModel: any other model of the
// same signer would do otherwise. [ParsePolicy] reads one from JSON, [Explain] lists what it decides.
type Policy struct {
	// Keys are the trusted signers, ECDSA on P-256, P-384 or P-521.
	Keys []crypto.PublicKey
	// KeyWindows limit when some of Keys count.
	KeyWindows []KeyWindow
	// Roots are trusted certificate authorities: a certificate that leads to one of them, is valid now ([WithClock]) and
	// is issued to one of Identities or IdentityPatterns may have signed instead of a key.
	Roots []*x509.Certificate
	// Identities are the accepted subjects of such certificates, compared exactly with the e-mail addresses, URIs and DNS
	// names (of letters, digits, "-", "_", "." and "*" alone) of the leaf, and with its common name as "CN=…". Name constraints of an authority bind the former, not common names (RFC
	// 5280, section 4.2.1.10).
	Identities []string
	// IdentityPatterns are regular expressions (package regexp) for the same names. Each must match a whole name, and counts for common names
	// only if whatever it matches begins with "CN=": a common name may look like an e-mail address.
	IdentityPatterns []string
	// InsecureAnyIdentity accepts every certificate that leads to one of Roots.
	InsecureAnyIdentity bool
	// InsecureLeafAsRoot accepts a signer's certificate that is itself one of Roots, such as one that is signed by itself. By default
	// Roots are authorities: one of them must have issued the signer's certificate, and given as a root it vouches for nothing.
	InsecureLeafAsRoot bool
	// Verifiers judge bundles of further methods, such as keyless ones.
	Verifiers []BundleVerifier
	// Signers is how many distinct signers must have signed the same model, each with a bundle of their own. 0 means 1.
	// Signers that share a key or an identity are one. With 1 only the first bundle counts; see [WithCosigners].
	Signers int
	// Name is the name that the model's signed holdfast.json must give. Empty: any.
	Name string
	// MinVersion is the lowest version accepted, against rollback. A model without holdfast.json has no version and is
	// refused where MinVersion is not 0.
	MinVersion uint64
	// ModelIDs pins exact models, any of which is accepted ([manifest.ModelID]). Empty: any.
	ModelIDs [][32]byte
	// InsecureAnyModel accepts any model that a trusted key signed, when neither Name nor ModelIDs is set.
	InsecureAnyModel bool
	// DenyListKeys may sign deny lists. Where it is set, a list that is in force must be given ([WithDenyList]), and what it
	// names is refused.
	DenyListKeys []crypto.PublicKey
	// MinDenyList is the lowest number of a deny list that is accepted, against rollback.
	MinDenyList uint64
	// InsecureWarnOnly opens a model that the policy refuses all the same, and reports the failed checks in [Model.Warnings].
	// Malformed signatures are refused still, and no byte is released that differs from the manifest, which then may
	// be anybody's. It is for finding out what a policy would refuse.
	InsecureWarnOnly bool
}

// A KeyWindow says when a key of [Policy].Keys counts. A signature made with a key carries no trustworthy time, so the time
// is that of verification ([WithClock]).
type KeyWindow struct {
	Fingerprint         [32]byte  // of the key ([bundle.Fingerprint])
	NotBefore, NotAfter time.Time // both included; the zero time sets no bound
}

// Bounds of a policy, which may be data of someone else.
const (
	maxSigners = 16   // bundles that are looked at, each of which may cost a parse of [bundle.MaxSize] bytes
	maxPattern = 1024 // bytes of a regular expression
)

// validate refuses policies that could not have been meant.
func (p Policy) validate() error {
	if len(p.Keys) == 0 && len(p.Roots) == 0 && len(p.Verifiers) == 0 {
		return &PolicyError{"Keys", "at least one trusted key, root or verifier", "none", ErrPolicy}
	}
	if slices.Contains(p.Roots, nil) {
		return &PolicyError{"Roots", "certificates", "nil", ErrPolicy}
	}
	if slices.Contains(p.Verifiers, nil) {
		return &PolicyError{"Verifiers", "verifiers", "nil", ErrPolicy}
	}
	if len(p.Roots) > 0 && len(p.Identities) == 0 && len(p.IdentityPatterns) == 0 && !p.InsecureAnyIdentity {
		return &PolicyError{"Identities", "Identities, IdentityPatterns or InsecureAnyIdentity", "none", ErrPolicy}
	}
	if slices.Contains(p.Identities, "") || slices.Contains(p.IdentityPatterns, "") { // a certificate can have an empty name
		return &PolicyError{"Identities", "names and patterns", "an empty one", ErrPolicy}
	}
	for i, s := range p.IdentityPatterns {
		if _, err := pattern(s); err != nil {
			return fmt.Errorf("%w: %w", &PolicyError{fmt.Sprintf("IdentityPatterns[%d]", i), "a regular expression", strconv.Quote(s), ErrPolicy}, err)
		}
	}
	if err := checkKeys("Keys", p.Keys); err != nil {
		return err
	}
	if err := checkKeys("DenyListKeys", p.DenyListKeys); err != nil {
		return err
	}
	if len(p.DenyListKeys) == 0 && p.MinDenyList > 0 {
		return &PolicyError{"DenyListKeys", "keys for MinDenyList", "none", ErrPolicy}
	}
	if err := p.validateWindows(); err != nil {
		return err
	}
	if err := p.validateSigners(); err != nil {
		return err
	}
	if p.Name == "" && len(p.ModelIDs) == 0 && !p.InsecureAnyModel {
		return &PolicyError{"Name", "Name, ModelIDs or InsecureAnyModel", "none", ErrPolicy}
	}
	return nil
}

func checkKeys(field string, keys []crypto.PublicKey) error {
	for i, k := range keys {
		if err := bundle.CheckKey(k); err != nil {
			return fmt.Errorf("%w: %w", &PolicyError{fmt.Sprintf("%s[%d]", field, i), "a *ecdsa.PublicKey", fmt.Sprintf("%T", k), ErrPolicy}, err)
		}
	}
	return nil
}

// validateWindows refuses a window that limits nothing: a typo in a fingerprint would leave a key without its limit.
func (p Policy) validateWindows() error {
	for i, w := range p.KeyWindows {
		field := fmt.Sprintf("KeyWindows[%d]", i)
		known := slices.ContainsFunc(p.Keys, func(k crypto.PublicKey) bool {
			f, err := bundle.Fingerprint(k)
			return err == nil && f == w.Fingerprint
		})
		switch {
		case !known:
			return &PolicyError{field, "the fingerprint of one of Keys", hex.EncodeToString(w.Fingerprint[:]), ErrPolicy}
		case w.NotBefore.IsZero() && w.NotAfter.IsZero():
			return &PolicyError{field, "NotBefore or NotAfter", "neither", ErrPolicy}
		case !w.NotAfter.IsZero() && w.NotAfter.Before(w.NotBefore):
			return &PolicyError{field, "a window", "NotAfter before NotBefore", ErrPolicy}
		}
	}
	return nil
}

func (p Policy) validateSigners() error {
	switch n := p.Signers; {
	case n < 0 || n > maxSigners:
		return &PolicyError{"Signers", "0 to " + strconv.Itoa(maxSigners), strconv.Itoa(n), ErrPolicy}
	case n > 1 && p.InsecureAnyIdentity:
		// One person may hold any number of certificates.
		return &PolicyError{"Signers", "identities that tell signers apart", "InsecureAnyIdentity", ErrPolicy}
	case len(p.Roots) == 0 && len(p.Verifiers) == 0:
		keys := map[[32]byte]bool{} // one key given twice is one signer
		for _, k := range p.Keys {
			if f, err := bundle.Fingerprint(k); err == nil {
				keys[f] = true
			}
		}
		if n > len(keys) {
			return &PolicyError{"Signers", "as many keys", strconv.Itoa(len(keys)), ErrPolicy}
		}
	}
	return nil
}

// pattern compiles s so that it matches whole texts only. It must be an expression by itself: "a)|(b" would escape from the
// parentheses around it.
func pattern(s string) (*regexp.Regexp, error) {
	if len(s) > maxPattern {
		return nil, fmt.Errorf("longer than %d bytes", maxPattern)
	}
	if _, err := regexp.Compile(s); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + s + `)\z`)
}

// ofCommonNames reports whether all that a pattern matches begins as a common name does.
func ofCommonNames(s string) bool {
	re, err := regexp.Compile(s)
	if err != nil {
		return false
	}
	prefix, _ := re.LiteralPrefix()
	return strings.HasPrefix(prefix, commonName)
}

// accepts reports whether one of names is an accepted identity.
func (p Policy) accepts(names []string) bool {
	if slices.ContainsFunc(names, func(s string) bool { return slices.Contains(p.Identities, s) }) {
		return true
	}
	for _, s := range p.IdentityPatterns { // outside, because a certificate can have thousands of names
		re, err := pattern(s)
		if err == nil && slices.ContainsFunc(names, func(name string) bool {
			return re.MatchString(name) && (!strings.HasPrefix(name, commonName) || ofCommonNames(s))
		}) {
			return true
		}
	}
	return false
}

// open reports whether a key counts at now: inside each of its windows, if it has any.
func (p Policy) open(fingerprint [32]byte, now time.Time) error {
	for _, w := range p.KeyWindows {
		if w.Fingerprint != fingerprint {
			continue
		}
		if now.Before(w.NotBefore) || !w.NotAfter.IsZero() && now.After(w.NotAfter) {
			return &PolicyError{"KeyWindows", w.String(), now.UTC().Format(time.RFC3339), ErrPolicy}
		}
	}
	return nil
}

// String gives the bounds of the window.
func (w KeyWindow) String() string {
	text := func(t time.Time) string {
		if t.IsZero() {
			return "any time"
		}
		return t.UTC().Format(time.RFC3339)
	}
	return text(w.NotBefore) + " to " + text(w.NotAfter)
}

// checkID holds the model's identity against the pinned ones.
func (p Policy) checkID(m *manifest.Manifest) error {
	id := m.ModelID()
	if len(p.ModelIDs) > 0 && !slices.Contains(p.ModelIDs, id) {
		return &PolicyError{"ModelIDs", "a pinned model", hex.EncodeToString(id[:]), ErrPolicy}
	}
	return nil
}

// checkName and checkVersion hold holdfast.json against the policy; c is nil where the model has none.
func (p Policy) checkName(c *card) error {
	switch {
	case p.Name == "":
		return nil
	case c == nil:
		return &PolicyError{"Name", strconv.Quote(p.Name), noCard, ErrPolicy}
	case c.Name != p.Name:
		return &PolicyError{"Name", strconv.Quote(p.Name), strconv.Quote(c.Name), ErrPolicy}
	}
	return nil
}

func (p Policy) checkVersion(c *card) error {
	switch {
	case p.MinVersion == 0:
		return nil
	case c == nil:
		return &PolicyError{"MinVersion", strconv.FormatUint(p.MinVersion, 10), noCard, ErrVersion}
	case c.version() < p.MinVersion:
		return &PolicyError{"MinVersion", strconv.FormatUint(p.MinVersion, 10), strconv.FormatUint(c.version(), 10), ErrVersion}
	}
	return nil
}

// noCard is what is found where a name or a version is wanted of a model without one: its publisher has to add the file and sign again.
const noCard = "no signed " + CardFile

// commonName is what common names begin with among identities.
const commonName = "CN="

// hostLetters are what DNS names of certificates consist of (RFC 5280, section 4.2.1.6), and the underscore, which names of services have.
const hostLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*"

// identities lists whom a certificate was issued to, as [Policy].Identities names them. No kind of name can pass for another.
func identities(c *x509.Certificate) []string {
	// crypto/x509 takes any ASCII for a DNS name. An authority that may issue no e-mail address and no URI of others could write one there.
	hosts := slices.DeleteFunc(slices.Clone(c.DNSNames), func(s string) bool { return strings.Trim(s, hostLetters) != "" })
	out := slices.Concat(c.EmailAddresses, hosts)
	for _, u := range c.URIs {
		out = append(out, u.String())
	}
	out = slices.DeleteFunc(out, func(s string) bool { return strings.HasPrefix(s, commonName) }) // not the common name
	commonNames := 0
	for _, n := range c.Subject.Names {
		if n.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 3}) { // id-at-commonName, RFC 5280 appendix A.1
			commonNames++
		}
	}
	if c.Subject.CommonName != "" && commonNames == 1 { // of several, readers take the first or the last
		out = append(out, commonName+c.Subject.CommonName)
	}
	return out
}
