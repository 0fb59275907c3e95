// Package manifest reads and writes what an OpenSSF Model Signing (OMS) signature says: an in-toto statement whose
// predicate lists the files of a model with their digests (ossf/model-signing-spec v1.0).
//
//	{"_type": …, "subject": [{"name": …, "digest": {"sha256": root}}], "predicateType": …,
//	 "predicate": {"serialization": {"method": "files", …}, "resources": [{"name", "algorithm", "digest"}, …]}}
//
// It knows nothing of keys: [Parse] must only be given a payload whose signature was verified, and it never re-serialises
// one. It accepts what the reference implementation writes (any order of resources, "." for a model of one file, numbers
// written as doubles, shards whose algorithm is "sha256-sharded-N") and refuses every payload that two readers could understand differently.
//
// Methods: "files" and "shards" with SHA-256, BLAKE2b or BLAKE3. Statements of v0.2 are recognised and give [ErrUnsupported].
package manifest
