package keyrelease

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// The contexts of a release are those of docs/vectors, which spec_check.py computes from the specification alone.
func TestSpecVectors(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs", "vectors", "release.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct{ In, Out map[string]string }
	}
	if err := json.Unmarshal(b, &file); err != nil || len(file.Vectors) == 0 {
		t.Fatalf("%v, %d vectors", err, len(file.Vectors))
	}
	raw := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, v := range file.Vectors {
		r := &releaseRequest{
			Version: protocolVersion, Suite: v.In["suite"], Token: raw(v.In["token"]), Key: raw(v.In["key"]),
			Claims: []byte(v.In["claims"]), Evidence: []byte(v.In["evidence"]),
		}
		if r.Suite != Suite {
			t.Errorf("suite %s, want %s", Suite, r.Suite)
		}
		server, sealed := [32]byte(raw(v.In["server"])), raw(v.In["sealed"])
		challenge, signed := challengeOf(server, r.Token), tokenDigest(server, r.Token)
		info := exchange(server, r)
		response := responseDigest(info, sealed)
		for name, got := range map[string][]byte{
			"challenge": challenge[:], "challenge_signed": signed[:], "info": info, "response_signed": response[:],
		} {
			if hex.EncodeToString(got) != v.Out[name] {
				t.Errorf("%s: %x, want %s", name, got, v.Out[name])
			}
		}
		claims, err := parseRequest(r.Claims)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := claims.encode(); err != nil || string(again) != v.In["claims"] {
			t.Errorf("claims are written %s, %v; want %s", again, err, v.In["claims"])
		}
	}
}
