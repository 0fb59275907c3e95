// Package sign answers two questions about a model: who published these bytes, and are they the bytes that I load?
//
// [Sign] writes an OpenSSF Model Signing bundle (OMS v1.0, methods key and certificate: ECDSA on P-256, P-384 or P-521),
// which the reference implementation verifies too. [Open] checks a bundle against a [Policy] in milliseconds, without reading
// weights, and returns a [Model]: a file system in which only signed files exist and out of which only verified bytes
// come. Weights leave it through [Model.ReadInto], which reads, hashes and scans them in one pass.
//
//	model, err := sign.Open(ctx, sign.DirFS(root), sign.Policy{Keys: keys, Name: "tiny-stories", MinVersion: 7})
//	n, err := model.ReadInto(ctx, "model.safetensors", buf)
//
// A policy is data: [ParsePolicy] reads it from JSON, its digest enters attestations, and [Explain] lists what it decides. It may ask
// for several signers of one model, pin identities, versions and models, and name who signs deny lists, which also reach a model that is open
// ([Model.UpdateDenyList]). Methods of signing that this package does not know plug in as [BundleVerifier].
//
// # Ways out
//
// [Model.ReadInto] is the fast way for weights. [Model.OpenFile], and Open of the [io/fs.FS], read at random places without
// holding the file. [Model.Memfd] gives engines that want a path a sealed file in memory. [Model.ProvisionalStream] moves
// bytes on before they are verified, to where they can be thrown away again. [Model.VerifyAll] and [Model.Verify] read and
// return nothing. [WithWorkers], [WithDuty] and [WithCache] bound processors, time and memory;
// [WithStandardHash] keeps to the hash of the standard library.
//
// # Sources
//
// A source is any [io/fs.FS]: a directory ([DirFS]), a model in the Hugging Face Hub's local cache ([HuggingFaceFS]), a zip
// archive ([ZipFS]), an artifact of an OCI image layout (package sign/oci), or one that decrypts. The caller says which: what
// lies in a directory must not decide how it is read, or a verified copy could hide beside the files that are loaded.
// A source with a method Verify(context.Context) error has its own digests, and is held against them before it is signed.
// [WithShards] opens the companion of a signature, [ShardSignatureFile].
//
// # Threat model
//
// The attacker writes to the model's storage at any time, also between two reads, and offers any bundle. What holds: no
// byte is returned as good unless it hashes to what a trusted key signed; names that were not signed do not exist; another
// model of the same signer and an older version are refused by policy; a FIFO or a device is refused before it is opened.
// What does not hold: an attacker with a trusted key; bytes in a destination buffer before nil was returned; names,
// sizes and the fact that a file is missing, which the storage decides (a file that cannot be read is an error, never
// empty). Modification times and permissions are not signed and are not shown.
//
// # Compatibility
//
// Accepted are bundles of the reference implementation from v0.3.1 on: any order of files, "." for a model of one file,
// keys carried as rawBytes, shards, BLAKE2b and BLAKE3. Keyless bundles and statements of v0.2 give [ErrUnsupported]: the
// latter's predicate is not that of OMS v1.0, nothing in them says that a list of files is complete, and their signatures are over
// an encoding that is not DSSE's. Sign such a model again.
// Symbolic links are refused while signing and reading, unless the signer allowed them, and never lead out of an os.Root.
package sign
