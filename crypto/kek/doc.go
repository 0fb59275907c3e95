// Package kek makes the keysets that models are sealed under and wraps them for those who may open them.
//
// A wrapped keyset is a Tink EncryptedKeyset in JSON, the file seal.keys/<id>.json of a sealed directory. Its associated
// data binds it to one model, version and keyset (docs/SPEC.md section 3), so a wrapped keyset that is moved to another
// directory does not open. Keysets that other tools wrapped without associated data are read only by a [Source] with
// InsecureAllowUnboundKeyset.
//
// A key encryption key is one of
//
//   - a key file, [ReadKeyFile]: 32 random bytes, nothing else, used with AES-256-GCM;
//   - a passphrase, [FromPassphrase]: stretched with Argon2id, whose parameters travel in front of the ciphertext;
//   - the AEAD of a KMS or HSM, [FromAEAD]: any tink.AEAD or tink.AEADWithContext.
//
// [Cache] makes many openings of a model one call to its KMS. [Rewrap] moves a directory to another key without touching its
// weights; [Wraps] and [Shred] are for destroying a model by destroying its keys.
//
// # What does not hold
//
// Re-wrapping does not take a model away from anyone who has opened it: that takes a new keyset and sealing again. A
// passphrase is as strong as it is long; Argon2id makes guessing dear and not impossible.
package kek
