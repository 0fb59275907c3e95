package sign

import (
	"encoding/json"
	"errors"
	"testing"
)

// FuzzCard: whatever parses has a name and a version, and says the same when it is written again.
func FuzzCard(f *testing.F) {
	f.Add([]byte(`{"name":"tiny","version":7,"display":"Tiny","created":"2026-01-02T03:04:05Z"}`))
	f.Add([]byte(`{"name":"tiny","version":18446744073709551615}`))
	f.Add([]byte(`{"name":"x","Name":"tiny","version":7}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCard(b)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		if c.Name == "" || len(c.Name) > maxText || c.Version == nil {
			t.Fatalf("%+v", c)
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := parseCard(again); err != nil || d.Name != c.Name || d.version() != c.version() {
			t.Fatalf("%s: %v", again, err)
		}
	})
}

// Names that only differ for those who do not ignore case are one person, in letters too that are capitals of others.
func TestDistinctIgnoresCase(t *testing.T) {
	for want, names := range map[int][]string{1: {"CN=mask", "CN=MAS\u212a", "CN=ma\u017fk"}, 2: {"CN=mask", "CN=mass"}} {
		var signers []Signer
		for i, name := range names {
			signers = append(signers, Signer{KeyFingerprint: [32]byte{byte(i + 1)}, Identities: []string{name}})
		}
		if got := distinct(signers); got != want {
			t.Errorf("%q are %d signers, want %d", names, got, want)
		}
	}
}
