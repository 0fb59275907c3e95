package sign

// ShardSignatureFile is where a second signature of the same model lies, its companion in shards ([SignOptions.ShardSize]):
// the first, in whole files, is what everybody's tools verify, and the companion lets a large file be read at random offsets
// without reading all of it first.
const ShardSignatureFile = Dir + "/model.shards.sig"

// WithShards has [Open] look for [ShardSignatureFile] before the signatures in whole files, where it was not given a bundle.
//
// The companion is a signature in its own right, and the model has the identity that it gives: digests of shards name other
// bytes than digests of files do, and nothing but reading everything could tell that a signer meant the same by both. So its
// ModelID is another one, which [Policy].ModelIDs and relying parties must know too. A companion that is there and cannot be
// trusted is an error, and never a reason to look further.
func WithShards() Option { return func(o *options) { o.shards = true } }

// signatureFiles lists where Open looks for the bundle, in order.
func (o *options) signatureFiles() []string {
	files := []string{SignatureFile, PlainSignatureFile}
	if o.shards {
		files = append([]string{ShardSignatureFile}, files...)
	}
	return files
}
