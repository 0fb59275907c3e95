package sign

import (
	"crypto"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// Others that read model signatures, as [Finding] names them.
const (
	PeerPythonCommand = "model_signing command"     // of PyPI model-signing 1.1.1: files and SHA-256 alone
	PeerPython        = "model_signing library"     // of the same; where it refuses, the command does
	PeerGo            = "model-transparency-go"     // sigstore/model-signing for Go, command and library
	PeerSigstoreGo    = "sigstore-go"               // generic verifier of Sigstore bundles
	PeerSchema        = "model-signing-spec schema" // JSON schemas of OMS v1.0
)

// A Finding is a property of a signature on which implementations differ.
type Finding struct {
	Code      string   `json:"code"`       // stable
	RefusedBy []string `json:"refused_by"` // peers that refuse the signature for it; empty: some warn
	Detail    string   `json:"detail"`     // for people
}

// Lint says which other implementations will refuse a signature that this one reads, and why. Nothing is verified; keys, if given, are
// those that verifiers will use, and are only compared with the hint in the bundle.
//
// Codes: "shards", "shard_spelling", "shard_colon", "shard_size_number", "hash_type", "order", "single_file", "predicate_type",
// "symlinks", "no_ignore_paths", "certificate_chain", "lone_certificate", "no_hint", "hint", "keyless".
//
// Errors: [ErrFormat] and [ErrUnsupported] for what this implementation refuses to read.
func Lint(data []byte, keys ...crypto.PublicKey) ([]Finding, error) {
	b, err := bundle.Parse(data)
	if err != nil {
		return nil, err
	}
	m, err := manifest.Parse(b.Payload)
	if err != nil {
		return nil, err
	}
	var l linter
	l.material(b, keys)
	l.method(m)
	l.resources(m)
	if m.PredicateType != manifest.PredicateType {
		l.add("predicate_type", "knows "+manifest.PredicateType+" alone", PeerPython)
	}
	if m.AllowSymlinks {
		l.add("symlinks", "forgets what is recorded and refuses links, unless told; the command takes --allow_symlinks", PeerPython, PeerPythonCommand)
	}
	if m.IgnorePaths == nil {
		l.add("no_ignore_paths", "what was left out is not recorded; verifiers must be told again")
	}
	return l, nil
}

type linter []Finding

func (l *linter) add(code, detail string, refusedBy ...string) {
	*l = append(*l, Finding{code, append([]string{}, refusedBy...), detail})
}

// material looks at the outer layer (OMS v1.0 section 4.1).
func (l *linter) material(b *bundle.Bundle, keys []crypto.PublicKey) {
	switch {
	case b.Keyless:
		l.add("keyless", "needs the verifier of another method")
	case b.Lone:
		l.add("lone_certificate", "reads x509CertificateChain alone", PeerPython)
	case len(b.Chain) > 0:
		l.add("certificate_chain", "bundles of version 0.3 hold one certificate", PeerSigstoreGo)
	case b.Hint == "":
		l.add("no_hint", "the key's raw bytes stand where its hint should")
	default:
		for _, k := range keys {
			if want, err := bundle.Hint(k); err == nil && b.Hint != want && b.Verify(k) == nil {
				l.add("hint", "compares the hint with the SHA-256 of the key's PEM text", PeerPython, PeerPythonCommand)
			}
		}
	}
}

// method looks at how files were hashed.
func (l *linter) method(m *manifest.Manifest) {
	if m.HashType != manifest.SHA256 {
		detail, who := "commands hash with SHA-256 alone", []string{PeerPythonCommand, PeerGo}
		if m.HashType == manifest.BLAKE2b {
			detail, who = `calls it "blake2", records "blake2b" and cannot read that back`, append(who, PeerPython)
		}
		l.add("hash_type", detail, who...)
	}
	if m.Method != manifest.MethodShards {
		return
	}
	l.add("shards", "commands hash whole files alone", PeerPythonCommand, PeerGo)
	if m.Spelling == m.HashType {
		l.add("shard_spelling", "compares the algorithm with "+manifest.ShardAlgorithm(m.HashType, m.ShardSize), PeerPython, PeerGo)
	} else {
		l.add("shard_spelling", "knows algorithms without shard sizes alone", PeerSchema)
	}
	if m.ShardSizeText != fmt.Sprint(m.ShardSize) {
		l.add("shard_size_number", "takes the number as it is written into the algorithm's name", PeerPython)
	}
	if i := slices.IndexFunc(m.Files, func(f manifest.File) bool { return strings.Contains(f.Name, ":") }); i >= 0 {
		l.add("shard_colon", fmt.Sprintf("splits names at every colon (%q)", m.Files[i].Name), PeerPython)
	}
}

// resources looks at names and their order.
func (l *linter) resources(m *manifest.Manifest) {
	if !slices.IsSortedFunc(m.Resources, func(a, b manifest.Resource) int { return strings.Compare(a.Name, b.Name) }) {
		l.add("order", "wants the code points of whole names to rise (OMS v1.0 section 5.2.1)", PeerGo)
	}
	if len(m.Files) == 1 && m.Files[0].Name == m.Subject { // as Sign is told of a model that is a file, and no directory
		l.add("single_file", `takes this for a directory with that file, and wants "." for the file`, PeerPython, PeerPythonCommand)
	}
	if len(m.Files) == 1 && m.Files[0].Name == manifest.SingleFile {
		detail, who := `"." stands for the file, which the specification names`, []string(nil)
		if m.Method == manifest.MethodShards {
			who = []string{PeerGo}
		}
		l.add("single_file", detail, who...)
	}
}
