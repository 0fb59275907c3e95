package sha256x

import (
	"bytes"
	"crypto/fips140"
	"crypto/sha256"
	"crypto/sha512"
	"encoding"
	"hash"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// counting is a SHA-256 whose bytes written the ordinary way are counted.
type counting struct {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
	n int
}

func newCounting() *counting {
	h := sha256.New()
	return &counting{Hash: h, BinaryAppender: h.(encoding.BinaryAppender), BinaryUnmarshaler: h.(encoding.BinaryUnmarshaler)}
}

func (c *counting) Write(p []byte) (int, error) { c.n += len(p); return c.Hash.Write(p) }

func random(n int) []byte {
	p := make([]byte, n)
	src := rand.New(rand.NewPCG(uint64(n), 1))
	for i := range p {
		p[i] = byte(src.Uint32())
	}
	return p
}

// Whole blocks go through the assembly where there is some, and through it alone.
func TestAssemblyIsUsed(t *testing.T) {
	a, b := newCounting(), newCounting()
	var s Streams
	s.Write(a, b, random(1<<16), random(1<<16))
	if want := map[bool]int{true: 0, false: 1 << 16}[Lanes() > 1]; a.n != want || b.n != want {
		t.Errorf("%d lanes, and %d and %d bytes were written the ordinary way", Lanes(), a.n, b.n)
	}
	t.Logf("%d lanes", Lanes())
	switch cpuinfo, err := os.ReadFile("/proc/cpuinfo"); {
	case fips140.Enabled() || noasm:
		if Lanes() != 1 {
			t.Error("own assembly where there should be none")
		}
	case err == nil && runtime.GOARCH == "amd64" && strings.Contains(string(cpuinfo), " sha_ni "):
		if Lanes() == 1 {
			t.Error("the kernel knows of SHA instructions that were not found")
		}
	}
}

// All lengths and all states of the unfinished block, in both streams.
func TestLengths(t *testing.T) {
	p, q := random(700), random(701)
	var s Streams
	for before := range 130 {
		for _, na := range []int{0, 1, 63, 64, 127, 128, 129, 300, 512} {
			for _, nb := range []int{0, 64, 128, 200, 512} {
				a, b := sha256.New(), sha256.New()
				a.Write(p[:before])
				b.Write(q[:2*before%131])
				s.Write(a, b, p[before:][:na], q[2*before%131:][:nb])
				if got := a.Sum(nil); !equal(got, p[:before+na]) {
					t.Fatalf("a: %d + %d beside %d", before, na, nb)
				}
				if got := b.Sum(nil); !equal(got, q[:2*before%131+nb]) {
					t.Fatalf("b: %d + %d beside %d", 2*before%131, nb, na)
				}
			}
		}
	}
}

func equal(sum, content []byte) bool {
	want := sha256.Sum256(content)
	return bytes.Equal(sum, want[:])
}

// More than one call of assembly, and lengths that need more than 32 bits.
func TestLong(t *testing.T) {
	p, q := random((2*maxBlocks+3)*blockSize+5), random((2*maxBlocks+2)*blockSize)
	a, b := sha256.New(), sha256.New()
	var s Streams
	s.Write(a, b, p, q)
	if !equal(a.Sum(nil), p) || !equal(b.Sum(nil), q) {
		t.Error("wrong digest")
	}

	far := func() hash.Hash { // a hash that has seen 2^40 bytes, as far as it knows
		h := sha256.New()
		saved, err := h.(encoding.BinaryAppender).AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		saved[len(saved)-6] = 1
		if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(saved); err != nil {
			t.Fatal(err)
		}
		return h
	}
	a, want := far(), far()
	s.Write(a, sha256.New(), p, q)
	want.Write(p)
	if !bytes.Equal(a.Sum(nil), want.Sum(nil)) {
		t.Error("length is lost")
	}
}

// Hashes that only look like SHA-256 get their bytes the ordinary way.
func TestOtherHashes(t *testing.T) {
	p := random(4096)
	for name, other := range map[string]func() hash.Hash{
		"sha224": sha256.New224, "sha512/256": sha512.New512_256, "opaque": func() hash.Hash { return struct{ hash.Hash }{sha256.New()} },
	} {
		a, b, want := other(), sha256.New(), other()
		var s Streams
		s.Write(a, b, p[:100], p)
		s.Write(b, a, p, p[100:])
		want.Write(p)
		if !bytes.Equal(a.Sum(nil), want.Sum(nil)) || !equal(b.Sum(nil), append(append([]byte{}, p...), p...)) {
			t.Error(name)
		}
	}
}

func TestAllocs(t *testing.T) {
	if testkit.Race {
		t.Skip("crypto/sha256 allocates while it saves its state under the race detector")
	}
	a, b, p := sha256.New(), sha256.New(), random(1<<12)
	s := new(Streams)
	if n := testing.AllocsPerRun(100, func() { s.Write(a, b, p[:4000], p) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzWrite: two streams cut anywhere are what crypto/sha256 says they are.
func FuzzWrite(f *testing.F) {
	f.Add([]byte("abc"), []byte("abd"), uint16(1), uint16(2), byte(1))
	f.Add(random(1000), random(900), uint16(64), uint16(128), byte(3))
	f.Add(random(5000), random(5000), uint16(0), uint16(65), byte(200))
	f.Fuzz(func(t *testing.T, p, q []byte, ca, cb uint16, repeat byte) {
		p, q = bytes.Repeat(p, 1+int(repeat)%8), bytes.Repeat(q, 1+int(repeat)/8%8)
		a, b := sha256.New(), sha256.New()
		i, j := int(ca)%(len(p)+1), int(cb)%(len(q)+1)
		var s Streams
		s.Write(a, b, p[:i], q[:j])
		s.Write(b, a, q[j:], p[i:])
		if !equal(a.Sum(nil), p) || !equal(b.Sum(nil), q) {
			t.Fatal("wrong digest")
		}
	})
}

func BenchmarkPair(b *testing.B) {
	p, q := random(256<<10), random(256<<10)
	x, y := sha256.New(), sha256.New()
	b.Run("streams", func(b *testing.B) {
		var s Streams
		b.SetBytes(int64(len(p) + len(q)))
		b.ReportAllocs()
		for b.Loop() {
			s.Write(x, y, p, q)
		}
	})
	b.Run("one_after_the_other", func(b *testing.B) {
		b.SetBytes(int64(len(p) + len(q)))
		b.ReportAllocs()
		for b.Loop() {
			x.Write(p)
			y.Write(q)
		}
	})
}
