package manifest

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// MaxShardSize bounds shard sizes and offsets, in bytes: the largest integer that survives the doubles through which
// implementations pass numbers.
const MaxShardSize = 1 << 53

// A File is what a manifest says of one file: the digest of all of it, or with [MethodShards] those of its ranges.
type File struct {
	Name      string  // path below the model root, or [SingleFile]
	Algorithm string  // SHA256, BLAKE2b or BLAKE3
	Digest    []byte  // of the whole content; nil with MethodShards
	ShardSize int64   // in bytes; 0 with MethodFiles
	Shards    []Shard // with MethodShards: at least one, in order, from 0 to the end of the file without gaps
}

// A Shard is a range of a file with its digest. All but a file's last one are [File].ShardSize bytes long.
type Shard struct {
	Start, End int64  // in bytes; Start < End, which is exclusive
	Digest     []byte // of the bytes in the range
}

// Size is the length of the file in bytes, if the manifest says it, which it does with [MethodShards] only.
func (f *File) Size() (n int64, known bool) {
	if len(f.Shards) == 0 {
		return 0, false
	}
	return f.Shards[len(f.Shards)-1].End, true
}

// Digests lists the digests of the file in the order of its bytes: one of a whole file, or one per shard.
func (f *File) Digests() [][]byte {
	if f.ShardSize == 0 {
		return [][]byte{f.Digest}
	}
	out := make([][]byte, len(f.Shards))
	for i, s := range f.Shards {
		out[i] = s.Digest
	}
	return out
}

// Differs compares digests, in the order of [File.Digests], with those of the manifest, and returns the index of the first
// that differs or is missing on either side, or -1.
func (f *File) Differs(digests [][]byte) int {
	want := f.Digests()
	for i := range max(len(want), len(digests)) {
		if i >= len(want) || i >= len(digests) || !bytes.Equal(want[i], digests[i]) {
			return i
		}
	}
	return -1
}

// ID stands for the content of the file in claims (docs/SPEC.md section 2): its digest, or for a file signed in shards
// SHA-256(T("holdfast/shards/v1", algorithm, shard size, n, digest…)).
func (f *File) ID() []byte {
	if f.ShardSize == 0 {
		return f.Digest
	}
	t := transcript.New("holdfast/shards/v1").String(f.Algorithm).Uint64(uint64(f.ShardSize)).Uint64(uint64(len(f.Shards)))
	for _, s := range f.Shards {
		t.Bytes(s.Digest)
	}
	d := t.SHA256()
	return d[:]
}

// ShardAlgorithm is how implementations spell algorithm in a resource of [MethodShards]: "sha256-sharded-8".
func ShardAlgorithm(algorithm string, shardSize int64) string {
	return algorithm + "-sharded-" + strconv.FormatInt(shardSize, 10)
}

// ShardName is the name of the resource for the bytes from start to end of the file path: "path:start:end".
func ShardName(path string, start, end int64) string {
	return path + ":" + strconv.FormatInt(start, 10) + ":" + strconv.FormatInt(end, 10)
}

// splitShard takes a [ShardName] apart at its last two colons: file names may contain colons themselves. why says what is
// wrong with name, or is empty.
func splitShard(name string) (path string, start, end int64, why string) {
	rest, last, ok1 := cutLast(name)
	path, first, ok2 := cutLast(rest)
	if !ok1 || !ok2 {
		return "", 0, 0, "is not path:start:end"
	}
	start, ok1 = decimal(first)
	end, ok2 = decimal(last)
	if !ok1 || !ok2 {
		return "", 0, 0, "has offsets that are not plain decimals up to 2^53"
	}
	return path, start, end, ""
}

func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// decimal reads an offset in its one spelling: other readers take "+8", "08" and "1_0" too.
func decimal(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && n <= MaxShardSize && strconv.FormatInt(n, 10) == s
}

// files groups the resources by file and holds the list of files against the rules for names, and their shards against
// each other.
func (m *Manifest) files() error {
	if m.Method == MethodFiles {
		m.Files = make([]File, len(m.Resources))
		for i, r := range m.Resources {
			m.Files[i] = File{Name: r.Name, Algorithm: r.Algorithm, Digest: r.Digest}
		}
		return m.checkFiles(func(i int) string { return at(i, "name") })
	}
	index := map[string]int{} // of the file in m.Files
	var first []int           // resource that names the file first
	for i, r := range m.Resources {
		path, start, end, why := splitShard(r.Name)
		if why != "" {
			return malformed(at(i, "name"), "%q %s", clip(r.Name), why)
		}
		n, ok := index[path]
		if !ok {
			n = len(m.Files)
			index[path] = n
			m.Files = append(m.Files, File{Name: path, Algorithm: r.Algorithm, ShardSize: m.ShardSize})
			first = append(first, i)
		}
		m.Files[n].Shards = append(m.Files[n].Shards, Shard{start, end, r.Digest})
	}
	for n := range m.Files {
		if err := m.Files[n].cover(first[n]); err != nil {
			return err
		}
	}
	return m.checkFiles(func(n int) string { return at(first[n], "name") })
}

func (m *Manifest) checkFiles(field func(i int) string) error {
	if err := checkNames(m.Files, field); err != nil {
		return err
	}
	return checkIgnored(m.Files, m.IgnorePaths, field)
}

// cover sorts the shards of a file and makes sure that they are the one way to cut it: from 0 on, without gap or overlap,
// all of the shard size but the last, which is not longer.
func (f *File) cover(resource int) error {
	slices.SortFunc(f.Shards, func(a, b Shard) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End)) })
	next := int64(0)
	for i, s := range f.Shards {
		n := s.End - s.Start
		switch {
		case s.Start != next:
			return malformed(at(resource, "name"), "shards of %q overlap or leave out bytes at %d", clip(f.Name), next)
		case n <= 0 || n > f.ShardSize || n < f.ShardSize && i < len(f.Shards)-1:
			return malformed(at(resource, "name"), "shard of %q at %d has %d bytes", clip(f.Name), s.Start, n)
		}
		next = s.End
	}
	return nil
}
