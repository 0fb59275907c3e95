package sha256x

import (
	"bytes"
	"crypto/fips140"
	"crypto/sha256"
	"crypto/sha512"
	"encoding"
	"fmt"
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
	for _, n := range []int{2, 3, Most - 1, Most, Most + 2} {
		var s Streams
		h, p, counts := make([]hash.Hash, n), make([][]byte, n), make([]*counting, n)
		for i := range h {
			counts[i] = newCounting()
			h[i], p[i] = counts[i], random(1<<14)
		}
		s.Write(h, p)
		ordinary := 0
		for _, c := range counts {
			ordinary += c.n
		}
		want, u := 0, usable()
		for left := n; left > 0; left -= Most {
			switch g := min(left, Most); {
			case u.many > 0 && g >= u.many:
			case u.pair:
				want += g % 2 << 14
			default:
				want += g << 14
			}
		}
		if ordinary != want {
			t.Errorf("%d streams, of which %d together: %d bytes were written the ordinary way", n, Together(n), ordinary)
		}
	}
	t.Logf("%d lanes", Together(Most))
	switch cpuinfo, err := os.ReadFile("/proc/cpuinfo"); {
	case fips140.Enabled() || noasm:
		if usable() != (kernels{}) {
			t.Error("own assembly where there should be none")
		}
	case err == nil && runtime.GOARCH == "amd64":
		has := func(flag string) bool { return strings.Contains(string(cpuinfo), " "+flag+" ") }
		if has("sha_ni") && !usable().pair {
			t.Error("the kernel knows of SHA instructions that were not found")
		}
		if has("avx512bw") && strings.Contains(string(cpuinfo), "GenuineIntel") && usable().many == 0 {
			t.Error("the kernel knows of AVX-512, which was not found")
		}
	}
}

func TestTogether(t *testing.T) {
	for _, c := range []struct {
		k             kernels
		streams, want int
	}{
		{kernels{}, 1, 1}, {kernels{}, 100, 1},
		{kernels{pair: true}, 1, 1}, {kernels{pair: true}, 2, 2}, {kernels{pair: true}, 100, 2},
		{kernels{pair: true, many: 11}, 1, 1}, {kernels{pair: true, many: 11}, 10, 2}, {kernels{pair: true, many: 11}, 11, 11},
		{kernels{pair: true, many: 11}, 16, Most}, {kernels{pair: true, many: 11}, 17, 16}, {kernels{many: 5}, 4, 1}, {kernels{many: 5}, 5, 5},
	} {
		if got := c.k.together(c.streams); got != c.want {
			t.Errorf("%+v, %d streams: %d, want %d", c.k, c.streams, got, c.want)
		}
	}
}

// each calls f with every choice of kernels that this processor can run, whatever it would choose.
func each(t *testing.T, f func(t *testing.T, k kernels)) {
	u := usable()
	for name, k := range map[string]kernels{"plain": {}, "pair": {pair: true}, "many": {many: 3}, "both": {pair: true, many: 3}} {
		if (k.pair && !u.pair) || (k.many > 0 && u.many == 0) {
			t.Logf("%s: this processor cannot run it", name)
			continue
		}
		t.Run(name, func(t *testing.T) { f(t, k) })
	}
}

// Any number of streams of any lengths, in writes that are cut anywhere, have the digests that crypto/sha256 gives them alone.
func TestLengthsAtRandom(t *testing.T) {
	each(t, func(t *testing.T, k kernels) {
		r := rand.New(rand.NewPCG(1, 2))
		data := random(1 << 16)
		var s Streams
		for range 300 {
			n := 1 + r.IntN(Most)
			h, left, all := make([]hash.Hash, n), make([][]byte, n), make([][]byte, n)
			longest := 1 << (4 + r.IntN(11))
			for i := range h {
				h[i] = sha256.New()
				from := r.IntN(len(data) / 2)
				length := longest
				if r.IntN(3) == 0 {
					length = r.IntN(longest + 1)
				}
				all[i] = data[from:][:length]
				left[i] = all[i]
			}
			for range 1 + r.IntN(3) {
				now := make([][]byte, n)
				for i := range now {
					k := r.IntN(len(left[i]) + 1)
					if r.IntN(2) == 0 {
						k &^= blockSize - 1
					}
					now[i], left[i] = left[i][:k], left[i][k:]
				}
				s.write(k, h, now)
			}
			s.write(k, h, left)
			for i := range h {
				if !equal(h[i].Sum(nil), all[i]) {
					t.Fatalf("%d streams: number %d, of %d bytes, differs", n, i, len(all[i]))
				}
			}
		}
	})
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
				s.Write([]hash.Hash{a, b}, [][]byte{p[before:][:na], q[2*before%131:][:nb]})
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
	each(t, func(t *testing.T, k kernels) {
		for _, n := range []int{2, 13} {
			var s Streams
			h, want, p := make([]hash.Hash, n), make([]hash.Hash, n), make([][]byte, n)
			for i := range h {
				p[i] = random((2*maxBlocks/n+i)*blockSize + 5)
				h[i], want[i] = far(), far()
				want[i].Write(p[i])
			}
			s.write(k, h, p)
			for i := range h {
				if !bytes.Equal(h[i].Sum(nil), want[i].Sum(nil)) {
					t.Errorf("wrong digest of stream %d of %d", i, n)
				}
			}
		}
	})
}

// Hashes that only look like SHA-256 get their bytes the ordinary way.
func TestOtherHashes(t *testing.T) {
	p := random(4096)
	for name, other := range map[string]func() hash.Hash{
		"sha224": sha256.New224, "sha512/256": sha512.New512_256, "opaque": func() hash.Hash { return struct{ hash.Hash }{sha256.New()} },
	} {
		a, b, want := other(), sha256.New(), other()
		var s Streams
		s.Write([]hash.Hash{a, b}, [][]byte{p[:100], p})
		s.Write([]hash.Hash{b, a}, [][]byte{p, p[100:]})
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
	for _, n := range []int{1, 2, 5, Most} {
		h, p := streams(n, 4000)
		s := new(Streams)
		if n := testing.AllocsPerRun(100, func() { s.Write(h, p) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

// streams are n streams and n bytes for each.
func streams(n, length int) (h []hash.Hash, p [][]byte) {
	for i := range n {
		h = append(h, sha256.New())
		p = append(p, random(length + i)[i:])
	}
	return h, p
}

// FuzzWrite: streams cut anywhere are what crypto/sha256 says they are. Each byte of cuts is one stream: the part of data that
// it has, and where that is cut.
func FuzzWrite(f *testing.F) {
	f.Add([]byte("abcabd"), []byte{1, 2}, byte(1))
	f.Add(random(1000), []byte{64, 128, 200, 90}, byte(3))
	f.Add(random(5000), []byte("sixteen streams, and two more"), byte(200))
	f.Fuzz(func(t *testing.T, data, cuts []byte, repeat byte) {
		data = bytes.Repeat(data, 1+int(repeat)%8)
		cuts = cuts[:min(len(cuts), Most+4)]
		var s Streams
		var h []hash.Hash
		var first, second, all [][]byte
		for i, c := range cuts {
			p := data[min(i, len(data)):]
			p = p[:len(p)*int(1+c%4)/4]
			cut := len(p) * int(c) / 256
			h, first, second, all = append(h, sha256.New()), append(first, p[:cut]), append(second, p[cut:]), append(all, p)
		}
		s.Write(h, first)
		s.Write(h, second)
		for i := range h {
			if !equal(h[i].Sum(nil), all[i]) {
				t.Fatal("wrong digest")
			}
		}
	})
}

// BenchmarkWrite hashes streams of 32 KiB at once, beside one after the other.
func BenchmarkWrite(b *testing.B) {
	const length = 32 << 10
	for _, n := range []int{1, 2, 8, 10, 11, 12, 14, Most} {
		h, p := streams(n, length)
		b.Run(fmt.Sprintf("together=%d", n), func(b *testing.B) {
			var s Streams
			b.SetBytes(int64(n * length))
			b.ReportAllocs()
			for b.Loop() {
				s.Write(h, p)
			}
		})
	}
}
