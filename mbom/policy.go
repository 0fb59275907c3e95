package mbom

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/internal/transcript"
	"github.com/holdfast-ai/holdfast/mbom/format"
)

// A Policy says what a model may contain. Its zero value refuses every model.
type Policy struct {
	// Formats lists the allowed formats by the names of [format.Kind], such as those of [SafeFormats]. A file must be allowed
	// by its content and by what a loader would take its name for. A pickle that is allowed, also in a torch zip, must still be
	// [pickle.Clean]. Other formats outside [SafeFormats] are not looked into: whoever allows one trusts the publisher with it.
	Formats []string
	// Licences lists the allowed SPDX identifiers and names; case does not count. Every licence that the card or the bill
	// declares must be allowed, and one must be declared. Of an expression, one side of OR suffices.
	Licences []string
	// InsecureAnyLicence accepts every licence and none.
	InsecureAnyLicence bool
	// Templates lists the SHA-256 digests of the allowed chat templates (of their text in UTF-8). A model without templates
	// passes.
	Templates [][32]byte
	// AnySignedTemplate accepts every chat template that was signed with the model.
	AnySignedTemplate bool
	// InsecureAllowRemoteCode accepts configurations that make a loader import or call code that is not its own: auto_map and the
	// like, kernels of the Hub, Lambda layers of Keras, _target_ of Hydra, tags of Python in YAML.
	InsecureAllowRemoteCode bool
	// InsecureAllowMissingBOM accepts a model without a bill of materials; all other rules hold.
	InsecureAllowMissingBOM bool
}

// SafeFormats returns the formats that hold data only and that this module reads strictly or that are plain text or images.
// docs/formats.md lists the usual files of published models with what becomes of them under these.
func SafeFormats() []string {
	return []string{
		string(format.Safetensors), string(format.GGUF), string(format.SentencePiece),
		string(format.JSON), string(format.Text), string(format.Image), string(format.Empty),
	}
}

func (p Policy) validate() error {
	switch {
	case len(p.Formats) == 0:
		return &PolicyError{Field: "Formats", Want: "allowed formats", Got: "none"}
	case len(p.Licences) == 0 && !p.InsecureAnyLicence:
		return &PolicyError{Field: "Licences", Want: "allowed licences or InsecureAnyLicence", Got: "none"}
	}
	return nil
}

// Digest identifies the policy; it enters the configuration digest of evidence (docs/SPEC.md section 5). The order of lists
// and repetitions in them do not count, nor does the case of licences.
func (p Policy) Digest() [32]byte {
	t := transcript.New("holdfast/mbom-policy/v1")
	texts := func(l []string, fold bool) {
		l = slices.Clone(l)
		for i := range l {
			if fold {
				l[i] = strings.ToLower(l[i])
			}
		}
		slices.Sort(l)
		l = slices.Compact(l)
		t.Uint64(uint64(len(l)))
		for _, s := range l {
			t.String(s)
		}
	}
	texts(p.Formats, false)
	texts(p.Licences, true)
	t.Uint64(flag(p.InsecureAnyLicence))
	digests(t, p.Templates)
	return t.Uint64(flag(p.AnySignedTemplate)).Uint64(flag(p.InsecureAllowRemoteCode)).Uint64(flag(p.InsecureAllowMissingBOM)).SHA256()
}

// digests appends a set of digests.
func digests(t *transcript.T, set [][32]byte) {
	set = slices.Clone(set)
	slices.SortFunc(set, func(a, b [32]byte) int { return slices.Compare(a[:], b[:]) })
	set = slices.Compact(set)
	t.Uint64(uint64(len(set)))
	for _, d := range set {
		t.Bytes(d[:])
	}
}

func allowTemplate(allowed [][32]byte, place string, digest [32]byte) error {
	if slices.Contains(allowed, digest) {
		return nil
	}
	return &PolicyError{"Templates", place, "an allowed digest or AnySignedTemplate", "sha256 " + hex.EncodeToString(digest[:])}
}

func (p Policy) allowFormat(name string, k format.Kind) error {
	if slices.Contains(p.Formats, string(k)) {
		return nil
	}
	return &PolicyError{"Formats", name, strings.Join(p.Formats, ", "), string(k)}
}

func (p Policy) allowLicences(declared []string) error {
	if p.InsecureAnyLicence {
		return nil
	}
	if len(declared) == 0 {
		return &PolicyError{Field: "Licences", Want: strings.Join(p.Licences, ", "), Got: "no licence"}
	}
	for _, l := range declared {
		if !licenceAllowed(l, p.Licences) {
			return &PolicyError{Field: "Licences", Want: strings.Join(p.Licences, ", "), Got: fmt.Sprintf("%q", clip(l))}
		}
	}
	return nil
}

// clip keeps texts of a model short in errors.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
