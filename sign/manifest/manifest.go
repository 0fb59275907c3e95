package manifest

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// Constants of the format (OMS v1.0 sections 3 to 5, in-toto Statement v1).
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = "https://model_signing/signature/v1.0"

	MethodFiles  = "files"  // one resource per file, digest of its whole content
	MethodShards = "shards" // one resource per byte range; recognised, not yet verified

	SHA256 = "sha256" // the one algorithm supported here
)

// SingleFile is the resource name that the reference implementation gives the file of a model that is one file.
const SingleFile = "."

// A Resource is one signed file.
type Resource struct {
	Name      string // slash-separated path below the model root, or [SingleFile]
	Algorithm string // [SHA256]
	Digest    []byte // raw; 32 bytes
}

// A Manifest is the content of a statement. [Parse] guarantees: at least one resource, names unique and valid by
// [CheckName], digests of the algorithm's length, and a root digest that matches the resources.
type Manifest struct {
	Subject       string // name of the model when it was signed; informational
	Method        string // [MethodFiles]
	HashType      string // [SHA256]
	AllowSymlinks bool   // whether the signer followed links to files
	IgnorePaths   []string
	Resources     []Resource // in the order of the payload
	Root          [32]byte   // see [RootDigest]
}

// RootDigest is SHA-256 over the concatenated raw digests in the given order (OMS v1.0 section 5.3). Names do not enter
// it: it identifies a model only together with a signature, and [ModelID] is what policies use.
func RootDigest(resources []Resource) [32]byte {
	h := sha256.New()
	for _, r := range resources {
		h.Write(r.Digest)
	}
	return [32]byte(h.Sum(nil))
}

// ModelID is the identity of a model in policies, claims and receipts (docs/SPEC.md section 2): a digest over the names
// and digests of its files, in the order of their names' bytes. params is empty for [MethodFiles].
// It counts only together with a trusted signature.
func ModelID(method, params string, resources []Resource) [32]byte {
	t := transcript.New("holdfast/model-id/v1").String(method).String(params).Uint64(uint64(len(resources)))
	for _, r := range Sorted(resources) {
		t.String(r.Name).String(r.Algorithm).Bytes(r.Digest)
	}
	return t.SHA256()
}

// ModelID returns the identity of the model that m describes.
func (m *Manifest) ModelID() [32]byte { return ModelID(m.Method, "", m.Resources) }

// Sorted returns a copy of resources in the order of the specification: by the bytes of the name, which is the order of
// its code points (OMS v1.0 section 5.2.1).
func Sorted(resources []Resource) []Resource {
	return slices.SortedFunc(slices.Values(resources), func(a, b Resource) int { return strings.Compare(a.Name, b.Name) })
}
