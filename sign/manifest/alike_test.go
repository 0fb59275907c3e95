package manifest_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// A path that is signed and ignored means one thing to those who look at the files first and another to those who look at the list first.
func TestSignedAndIgnored(t *testing.T) {
	for name, c := range map[string]struct {
		ignored []string
		ok      bool
	}{
		"another":         {[]string{"b", ".git"}, true},
		"a longer name":   {[]string{"a/ww", "a/w.sig", "a/w/x"}, true},
		"the file":        {[]string{"b", "a/w"}, false},
		"what is above":   {[]string{"a"}, false},
		"a part of it":    {[]string{"w"}, true},
		"nothing ignored": {nil, true},
	} {
		for _, shard := range []int64{0, 8} {
			m := &manifest.Manifest{Subject: "m", Method: manifest.MethodFiles, HashType: manifest.SHA256, IgnorePaths: c.ignored,
				Resources: []manifest.Resource{{Name: "a/w", Algorithm: manifest.SHA256, Digest: make([]byte, 32)}, {Name: "c", Algorithm: manifest.SHA256, Digest: make([]byte, 32)}}}
			if shard > 0 {
				m.Method, m.ShardSize = manifest.MethodShards, shard
				m.Resources[0].Name, m.Resources[1].Name = "a/w:0:8", "c:0:3"
			}
			if _, err := manifest.Emit(m); (err == nil) != c.ok || err != nil && !errors.Is(err, manifest.ErrFormat) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// Each directory costs whoever lists a model memory, and a name of a few bytes has many above it.
func TestManyDirectories(t *testing.T) {
	for _, c := range []struct {
		files int
		ok    bool
	}{{100, true}, {manifest.MaxResources/60 + 1, false}} {
		var b strings.Builder
		digest := strings.Repeat("00", 32)
		list := make([]manifest.Resource, c.files)
		for i := range list {
			list[i] = manifest.Resource{Name: fmt.Sprintf("%06d", i) + strings.Repeat("/d", 61), Algorithm: manifest.SHA256, Digest: make([]byte, 32)}
			fmt.Fprintf(&b, `{"name":%q,"algorithm":"sha256","digest":%q},`, list[i].Name, digest)
		}
		root := manifest.RootDigest(list)
		text := fmt.Sprintf(`{"_type":%q,"subject":[{"name":"m","digest":{"sha256":%q}}],"predicateType":%q,"predicate":{"serialization":`+
			`{"method":"files","hash_type":"sha256","allow_symlinks":false},"resources":[%s]}}`,
			manifest.StatementType, hex.EncodeToString(root[:]), manifest.PredicateType, strings.TrimSuffix(b.String(), ","))
		if _, err := manifest.Parse([]byte(text)); (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), "directories") {
			t.Errorf("%d files: %v", c.files, err)
		}
	}
}
