// Package seal encrypts files and model directories at rest and reads them back as fast as the cipher allows.
//
// A file is sealed in the streaming format AES-GCM-HKDF of Tink, unchanged, so that any Tink library with the keyset reads
// it, and this package reads theirs:
//
//	file   := header || segment_0 || segment_1 || … || segment_n-1
//	header := len(header) (1 byte) || salt (16 or 32 bytes) || nonce prefix (7 bytes)
//	key    := HKDF(hash, keyset key, salt, info = associated data)
//	nonce  := nonce prefix || uint32be(i) || last (1 byte: 0 or 1)
//	segment_i := AES-GCM(key, nonce, plaintext_i, no associated data), 16-byte tag at its end
//
// header and segment_0 fill one segment of the keyset's segment size together; every other segment but the last is full.
// Files of Tink's AES-CTR-HMAC streaming are read too, and not written.
//
// [NewReaderAt] reads at any offset and, with [ReaderAt.ReadAllInto] and [ReaderAt.CopyTo], a whole file on several cores;
// [NewReader] reads in order. [NewWriter] and [EncryptFrom] write. [Dir] seals a directory, with its names hidden on request,
// goes on where it was stopped and replaces an older one in one step; [OpenFS] gives it back as a file system of plaintext
// (docs/SPEC.md section 3). [Reseal] moves it to a new keyset.
//
// Plaintext whose file is not yet known to be whole is given out only by what is named so: [ReaderAt.ProvisionalStream],
// which tells its sink to commit or to abort, and [ProvisionalReader], for sources without a known end.
//
// # What holds
//
// No plaintext byte is returned before the tag of its segment was checked. The first and the last segment are checked when
// a file is opened, so a file that was cut or extended is refused at once and its size can be trusted. A destination is
// cleared when a call fails. Segments cannot be reordered, dropped or moved between files, and the associated data of a
// sealed directory binds each file to model name, version and path. A failed authentication is remembered: no later read of
// that reader succeeds.
//
// Ciphertext is always read into private memory before it is opened. AES-GCM reads its input twice, and memory that
// another process can write (a mapped file) may change in between: the tag would then be checked over other bytes than
// those that are decrypted. [PrivateBytes] is the caller's word that this cannot happen.
//
// # What does not hold
//
// Sealing hides and authenticates under the keyset; whoever has the keyset can seal anything, so only a signature over the
// plaintext says who made it. An older sealed directory of the same model is authentic too: minimum versions come from the
// signature policy and from the key server. File names, count and sizes are visible in seal.json; with [Options.HideNames] count
// and sizes still show. AES-GCM alone does not
// commit to its key: a malicious sealer can make one stream that opens under two keysets to different plaintexts. A sealed
// directory carries a commitment to its keyset, which refuses the second one; bare files do not.
//
// # FIPS 140
//
// AES-GCM-HKDF streaming counts its nonces, which GODEBUG=fips140=only does not allow: everything that needs it then returns
// [ErrUnsupported]. AES-CTR-HMAC files are read in that mode. fips140=on allows both.
package seal
