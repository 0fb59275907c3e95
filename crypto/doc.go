// Package crypto is the documentation of the tree that keeps model weights unreadable at rest. It holds no code: a package
// of this name would shadow the standard library's crypto in every file that imports it.
//
//   - [github.com/holdfast-ai/holdfast/crypto/seal] encrypts files and whole model directories (Tink AES-GCM-HKDF streaming)
//     and reads them back, in parallel and at random offsets, as a file system of plaintext.
//   - [github.com/holdfast-ai/holdfast/crypto/kek] makes keysets and wraps them under a key file, a passphrase or the AEAD
//     of any KMS.
//   - [github.com/holdfast-ai/holdfast/crypto/keyrelease] hands a keyset to a machine that proves what it is and what it
//     will serve, and to nobody else.
//   - [github.com/holdfast-ai/holdfast/crypto/memory] is where plaintext goes: memory off the heap, sealed files and directories
//     in memory, and child processes that get one of them and little else.
//   - [github.com/holdfast-ai/holdfast/crypto/secret] holds key bytes so that they do not reach logs by accident.
//
// The order of the chain is MBOM, sign, seal: signatures cover plaintext and are sealed with it (docs/SPEC.md section 3).
package crypto
