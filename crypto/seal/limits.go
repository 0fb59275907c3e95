package seal

// Bounds on what comes from outside, each with its reason.
const (
	// MaxSegment is the default bound on a keyset's segment size in bytes. Every worker holds a segment in memory, and the
	// format allows 2 GiB. [WithMaxSegment] changes it.
	MaxSegment = 64 << 20
	// MaxManifest bounds seal.json in bytes: room for [MaxFiles] files of ordinary names.
	MaxManifest = 32 << 20
	// MaxFiles bounds the number of files of a sealed directory. Large models have some hundred.
	MaxFiles = 100_000
	// MaxPath bounds a path in bytes; Linux has the same bound.
	MaxPath = 4096
	// MaxName bounds a model name in bytes.
	MaxName = 256
	// MaxWraps bounds the number of wrapped keysets of a sealed directory.
	MaxWraps = 256
	// MaxWrap bounds one wrapped keyset in bytes. A Tink EncryptedKeyset with one key has some hundred.
	MaxWrap = 64 << 10

	maxNesting  = 64        // directories above a file: each is looked up for each file
	maxSegments = 1<<32 - 1 // the segment counter has 32 bits, and Tink stops one short
	maxWorkers  = 64        // each holds a batch of ciphertext

	// batchBytes of neighbouring segments are read at once and cost one turn of the scheduler. Measured for this kind of
	// load elsewhere: 128 KiB keeps the ciphertext in the second-level cache and makes the system call cheap.
	batchBytes = 128 << 10
)
