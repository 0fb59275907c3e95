package manifest

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// Constants of the format (OMS v1.0 sections 3 to 5, in-toto Statement v1).
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = "https://model_signing/signature/v1.0"

	MethodFiles  = "files"  // one resource per file, digest of its whole content
	MethodShards = "shards" // one resource per range of a file; files without content have none
)

// Hash algorithms of the format (OMS v1.0 section 5.2): what "hash_type" may say.
const (
	SHA256  = "sha256"
	BLAKE2b = "blake2b" // BLAKE2b-512, unkeyed
	BLAKE3  = "blake3"  // 256-bit output
)

// DigestSize is the length of an algorithm's digests in bytes, 0 for unknown ones.
func DigestSize(algorithm string) int {
	switch algorithm {
	case SHA256, BLAKE3:
		return 32
	case BLAKE2b:
		return 64
	}
	return 0
}

// SingleFile is the resource name that the reference implementation gives the file of a model that is one file.
const SingleFile = "."

// A Resource is one entry of the signed list: a file, or with [MethodShards] a range of one.
type Resource struct {
	Name      string // slash-separated path below the model root or [SingleFile]; with MethodShards a [ShardName]
	Algorithm string // SHA256, BLAKE2b or BLAKE3, however a payload spells it for shards
	Digest    []byte // raw; [DigestSize] bytes
}

// A Manifest is the content of a statement. [Parse] guarantees: at least one resource, names unique and valid by
// [CheckName], digests of the algorithm's length, shards that cover their files from start to end, and a root digest that
// matches the resources.
type Manifest struct {
	Subject       string // name of the model when it was signed; informational
	Method        string // [MethodFiles] or [MethodShards]
	HashType      string // SHA256, BLAKE2b or BLAKE3
	ShardSize     int64  // in bytes, with MethodShards; else 0
	AllowSymlinks bool   // whether the signer followed links to files
	IgnorePaths   []string
	Resources     []Resource // in the order of the payload
	Root          [32]byte   // see [RootDigest]

	// Files are the files that Resources describe, in the order in which the payload names them first. [Parse] fills it.
	Files []File
	// Spelling is the algorithm as the payload's resources name it: HashType, or for shards perhaps "sha256-sharded-N", which
	// all implementations write and the specification does not know. [Parse] fills it.
	Spelling string
	// PredicateType is that of the payload, [PredicateType] or a later minor version. [Parse] fills it.
	PredicateType string
	// ShardSizeText is how the payload writes the shard size; many write "8.0". [Parse] fills it.
	ShardSizeText string
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
// and digests of its resources, in the order of their names' bytes. params is empty for [MethodFiles], and the shard size in
// decimal for [MethodShards]. A model has another identity by each method and shard size.
// It counts only together with a trusted signature.
func ModelID(method, params string, resources []Resource) [32]byte {
	t := transcript.New("holdfast/model-id/v1").String(method).String(params).Uint64(uint64(len(resources)))
	for _, r := range Sorted(resources) {
		t.String(r.Name).String(r.Algorithm).Bytes(r.Digest)
	}
	return t.SHA256()
}

// ModelID returns the identity of the model that m describes.
func (m *Manifest) ModelID() [32]byte {
	params := ""
	if m.Method == MethodShards {
		params = strconv.FormatInt(m.ShardSize, 10)
	}
	return ModelID(m.Method, params, m.Resources)
}

// Sorted returns a copy of resources in the order of the specification: by the bytes of the name, which is the order of
// its code points (OMS v1.0 section 5.2.1).
func Sorted(resources []Resource) []Resource {
	return slices.SortedFunc(slices.Values(resources), func(a, b Resource) int { return strings.Compare(a.Name, b.Name) })
}
