package sign

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// Whoever writes to the storage offers a bundle of any length: its payload is hashed once, and not again for each key that may have signed.
func TestManyKeysOneHash(t *testing.T) {
	const size = 1 << 20
	newKey := func(c elliptic.Curve) *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	data, err := bundle.Sign(newKey(elliptic.P256()), make([]byte, size))
	if err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	var p Policy
	for range 32 {
		p.Keys = append(p.Keys, newKey(elliptic.P256()).Public())
	}
	p.Keys = append(p.Keys, newKey(elliptic.P384()).Public())
	if made := allocated(func() {
		if err := p.judge(t.Context(), &candidate{bundle: b}, nil, time.Now()); err == nil {
			t.Error("accepted")
		}
	}); made > 4*size {
		t.Errorf("%d KiB are made of a payload of %d KiB", made>>10, size>>10)
	}
}

// A certificate can have thousands of names: patterns are compiled once, and not again for each.
func TestManyNamesOnePattern(t *testing.T) {
	p := Policy{IdentityPatterns: []string{`[a-z]+@example\.org`, `ci-[0-9]+@example\.org`}}
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("host-%d.example.com", i)
	}
	few := allocated(func() { p.accepts(names[:1]) })
	if many := allocated(func() { p.accepts(names) }); many > 10*few+1<<16 {
		t.Errorf("%d KiB for %d names, %d KiB for one", many>>10, len(names), few>>10)
	}
	if !p.accepts(append(names, "ci-7@example.org")) || p.accepts([]string{"x\nci-7@example.org"}) {
		t.Error("another answer")
	}
}

// allocated is how many bytes f allocates, also if it lets go of them.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
