package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

func shardManifest(size int64, resources ...Resource) *Manifest {
	return &Manifest{Method: MethodShards, HashType: SHA256, ShardSize: size, Subject: "tiny", Resources: resources}
}

func shard(path string, start, end int64) Resource {
	return res(ShardName(path, start, end), fmt.Sprint(path, start))
}

// TestShards: shards become files, in whatever order they stand, and every way to cut a file but the one is refused.
func TestShards(t *testing.T) {
	name := func(names ...string) (list []Resource) {
		for _, n := range names {
			list = append(list, res(n, n))
		}
		return list
	}
	for what, c := range map[string]struct {
		names []string
		why   string // part of the reason; "" accepts
	}{
		"one":               {[]string{"a:0:3"}, ""},
		"full":              {[]string{"a:0:8"}, ""},
		"three":             {[]string{"a:0:8", "a:8:16", "a:16:17"}, ""},
		"any order":         {[]string{"a:8:16", "b:0:1", "a:16:17", "a:0:8"}, ""},
		"colons":            {[]string{"a:0:8:0:8", "a:0:8:8:9", "a:0:1"}, ""},
		"single file":       {[]string{".:0:8", ".:8:9"}, ""},
		"single and other":  {[]string{".:0:8", "a:0:8"}, "plain relative path"},
		"no range":          {[]string{"a"}, "path:start:end"},
		"half a range":      {[]string{"a:8"}, "path:start:end"},
		"no path":           {[]string{":0:8"}, "is empty"},
		"plus":              {[]string{"a:+0:8"}, "plain decimals"},
		"minus":             {[]string{"a:-8:8"}, "plain decimals"},
		"underscore":        {[]string{"a:0:1_0"}, "plain decimals"},
		"space":             {[]string{"a:0: 8"}, "plain decimals"},
		"leading zero":      {[]string{"a:00:8"}, "plain decimals"},
		"hex":               {[]string{"a:0:0x8"}, "plain decimals"},
		"float":             {[]string{"a:0:8.0"}, "plain decimals"},
		"other digits":      {[]string{"a:0:٨"}, "plain decimals"},
		"past 2^53":         {[]string{"a:0:9007199254740993"}, "plain decimals"},
		"past 2^64":         {[]string{"a:0:18446744073709551624"}, "plain decimals"},
		"empty":             {[]string{"a:0:0"}, "0 bytes"},
		"backwards":         {[]string{"a:8:0"}, "leave out bytes at 0"},
		"starts late":       {[]string{"a:8:16"}, "leave out bytes at 0"},
		"gap":               {[]string{"a:0:8", "a:16:24"}, "leave out bytes at 8"},
		"overlap":           {[]string{"a:0:8", "a:4:12"}, "overlap"},
		"twice":             {[]string{"a:0:8", "a:0:8"}, "overlap"},
		"two last ones":     {[]string{"a:0:8", "a:8:10", "a:8:9"}, "has 1 bytes"},
		"short in between":  {[]string{"a:0:7", "a:7:15"}, "has 7 bytes"},
		"too long":          {[]string{"a:0:9"}, "has 9 bytes"},
		"long last":         {[]string{"a:0:8", "a:8:24"}, "has 16 bytes"},
		"leaves the model":  {[]string{"../a:0:8"}, "plain relative path"},
		"below a file":      {[]string{"a:0:8", "a/b:0:8"}, "lies below"},
		"trailing slash":    {[]string{"a/:0:8"}, "plain relative path"},
		"NUL":               {[]string{"a\x00:0:8"}, "NUL"},
		"directory of dots": {[]string{"a/./b:0:8"}, "plain relative path"},
	} {
		payload, err := Emit(shardManifest(8, name(c.names...)...))
		if c.why == "" {
			if err != nil {
				t.Errorf("%s: %v", what, err)
				continue
			}
			m, err := Parse(payload)
			if err != nil || len(m.Files) == 0 || m.Spelling != "sha256-sharded-8" {
				t.Errorf("%s: %+v, %v", what, m, err)
				continue
			}
			for _, f := range m.Files {
				size, known := f.Size()
				if last := f.Shards[len(f.Shards)-1]; !known || size != last.End || f.Shards[0].Start != 0 || f.Digest != nil || f.ShardSize != 8 {
					t.Errorf("%s: %+v", what, f)
				}
				for _, s := range f.Shards {
					if want := res(ShardName(f.Name, s.Start, s.End), ShardName(f.Name, s.Start, s.End)); !slices.Equal(s.Digest, want.Digest) {
						t.Errorf("%s: shard %d of %s has another's digest", what, s.Start, f.Name)
					}
				}
			}
			continue
		}
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %q", what, err, c.why)
		}
	}
}

// TestShardFields: what stands beside the list of shards.
func TestShardFields(t *testing.T) {
	good, err := Emit(shardManifest(8, shard("a", 0, 8), shard("a", 8, 9)))
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ from, to, field string }{
		"float":            {`"shard_size":8,`, `"shard_size":8.0,`, ""},
		"exponent":         {`"shard_size":8,`, `"shard_size":0.8e1,`, ""},
		"algorithm":        {`"sha256-sharded-8"`, `"sha256"`, ""},
		"fraction":         {`"shard_size":8,`, `"shard_size":8.5,`, "predicate.serialization.shard_size"},
		"text":             {`"shard_size":8,`, `"shard_size":"8",`, "predicate.serialization.shard_size"},
		"zero":             {`"shard_size":8,`, `"shard_size":0,`, "predicate.serialization.shard_size"},
		"negative":         {`"shard_size":8,`, `"shard_size":-8,`, "predicate.serialization.shard_size"},
		"2^54":             {`"shard_size":8,`, `"shard_size":18014398509481984,`, "predicate.serialization.shard_size"},
		"absent":           {`"shard_size":8,`, ``, "predicate.serialization.shard_size"},
		"null":             {`"shard_size":8,`, `"shard_size":null,`, "predicate.serialization.shard_size"},
		"with files":       {`"method":"shards"`, `"method":"files"`, "predicate.serialization.shard_size"},
		"other method":     {`"method":"shards"`, `"method":"shard"`, "predicate.serialization.method"},
		"other size":       {`"sha256-sharded-8"`, `"sha256-sharded-9"`, "predicate.resources[0].algorithm"},
		"zero-padded size": {`"sha256-sharded-8"`, `"sha256-sharded-08"`, "predicate.resources[0].algorithm"},
		"other hash":       {`"sha256-sharded-8"`, `"blake3-sharded-8"`, "predicate.resources[0].algorithm"},
		"mixed":            {`:8:9","algorithm":"sha256-sharded-8"`, `:8:9","algorithm":"sha256"`, "predicate.resources[1].algorithm"},
		"digest length":    {`"hash_type":"sha256"`, `"hash_type":"blake2b"`, "predicate.resources[0].algorithm"},
		"unknown hash":     {`"hash_type":"sha256"`, `"hash_type":"md5"`, "predicate.serialization.hash_type"},
		"hash of CLI":      {`"hash_type":"sha256"`, `"hash_type":"blake2"`, "predicate.serialization.hash_type"},
	} {
		if !strings.Contains(string(good), c.from) {
			t.Fatalf("%s: %s not in %s", what, c.from, good)
		}
		m, err := Parse([]byte(strings.ReplaceAll(string(good), c.from, c.to)))
		if c.field == "" {
			if err != nil || m.ShardSize != 8 || m.Resources[0].Algorithm != SHA256 {
				t.Errorf("%s: %+v, %v", what, m, err)
			} else if want, _ := Parse(good); want.ModelID() != m.ModelID() {
				t.Errorf("%s: another identity", what)
			}
			continue
		}
		if fe, ok := errors.AsType[*FormatError](err); !ok || !errors.Is(err, ErrFormat) || fe.Field != c.field {
			t.Errorf("%s: %v, want it for %s", what, err, c.field)
		}
	}
}

// TestHashes: each algorithm has its own length of digests, and enters the identity.
func TestHashes(t *testing.T) {
	ids := map[[32]byte]string{}
	for _, algorithm := range []string{SHA256, BLAKE2b, BLAKE3} {
		for _, method := range []string{MethodFiles, MethodShards} {
			m := &Manifest{Method: method, HashType: algorithm, Subject: "tiny",
				Resources: []Resource{{"a:0:1", algorithm, make([]byte, DigestSize(algorithm))}}}
			if method == MethodShards {
				m.ShardSize = 1
			}
			payload, err := Emit(m)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Parse(payload)
			if err != nil || got.Files[0].Algorithm != algorithm {
				t.Errorf("%s %s: %+v, %v", method, algorithm, got, err)
			}
			if other, dup := ids[got.ModelID()]; dup {
				t.Errorf("%s %s has the identity of %s", method, algorithm, other)
			}
			ids[got.ModelID()] = method + algorithm
			for _, n := range []int{0, 16, 20, 31, 33, 63, 65} {
				m.Resources[0].Digest = make([]byte, n)
				if _, err := Emit(m); !errors.Is(err, ErrFormat) {
					t.Errorf("%s with %d bytes: %v", algorithm, n, err)
				}
			}
		}
	}
}

func TestDiffers(t *testing.T) {
	m, err := func() (*Manifest, error) {
		p, err := Emit(shardManifest(8, shard("a", 0, 8), shard("a", 8, 9)))
		if err != nil {
			return nil, err
		}
		return Parse(p)
	}()
	if err != nil {
		t.Fatal(err)
	}
	f := m.Files[0]
	d := f.Digests()
	for what, c := range map[string]struct {
		got  [][]byte
		want int
	}{
		"equal": {d, -1}, "none": {nil, 0}, "one": {d[:1], 1}, "three": {[][]byte{d[0], d[1], d[1]}, 2},
		"swapped": {[][]byte{d[1], d[0]}, 0}, "second": {[][]byte{d[0], d[0]}, 1}, "nil": {[][]byte{d[0], nil}, 1},
	} {
		if got := f.Differs(c.got); got != c.want {
			t.Errorf("%s: %d, want %d", what, got, c.want)
		}
	}
}

// TestGoldenShards reads what the reference implementation says of a file of 22 bytes in shards of 8.
func TestGoldenShards(t *testing.T) {
	dir := testkit.Vectors(t, "sign", "model-transparency", "statements")
	b, err := os.ReadFile(filepath.Join(dir, "sample_model_file_small_shards.json"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Files) != 1 || m.Files[0].Name != SingleFile || len(m.Files[0].Shards) != 3 || m.Files[0].Shards[2].End != 22 {
		t.Errorf("%+v", m.Files)
	}
	var st struct {
		Predicate struct {
			Resources []struct{ Name, Algorithm string }
		}
	}
	if err := json.Unmarshal(b, &st); err != nil {
		t.Fatal(err)
	}
	if st.Predicate.Resources[0].Algorithm != m.Spelling || ShardAlgorithm(m.HashType, m.ShardSize) != m.Spelling {
		t.Errorf("spelling %q", m.Spelling)
	}
}
