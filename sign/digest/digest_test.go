package digest

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// TestHash compares with the published digests of "abc" (FIPS 180-4 B.1, RFC 7693 A, BLAKE3's reference program).
func TestHash(t *testing.T) {
	for algorithm, want := range map[string]string{
		manifest.SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		manifest.BLAKE2b: "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1" +
			"7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
		manifest.BLAKE3: "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
	} {
		s := New(algorithm, 0)
		s.Add([]byte("abc"))
		sums := s.Sums()
		if len(sums) != 1 || hex.EncodeToString(sums[0]) != want || len(sums[0]) != manifest.DigestSize(algorithm) {
			t.Errorf("%s: %x", algorithm, sums)
		}
	}
	if Hash("md5") != nil {
		t.Error("md5")
	}
}

// TestStream cuts content into shards whatever the sizes of the writes, and compares with hashing each shard alone.
func TestStream(t *testing.T) {
	content := make([]byte, 1000)
	for i := range content {
		content[i] = byte(i * i)
	}
	for _, algorithm := range []string{manifest.SHA256, manifest.BLAKE2b, manifest.BLAKE3} {
		for _, shard := range []int{0, 1, 7, 64, 999, 1000, 1001} {
			for _, length := range []int{0, 1, 63, 64, 65, 128, 1000} {
				data := content[:length]
				var want [][]byte
				for rest := data; len(rest) > 0 || shard == 0; rest = rest[min(shard, len(rest)):] {
					h := Hash(algorithm)()
					if shard == 0 {
						h.Write(rest)
						want = append(want, h.Sum(nil))
						break
					}
					h.Write(rest[:min(shard, len(rest))])
					want = append(want, h.Sum(nil))
				}
				for _, step := range []int{1, 10, 64, 5000} {
					s := New(algorithm, int64(shard))
					for rest := data; len(rest) > 0; rest = rest[min(step, len(rest)):] {
						s.Add(rest[:min(step, len(rest))])
					}
					got := s.Sums()
					if len(got) != len(want) {
						t.Fatalf("%s, shards of %d, %d bytes: %d digests, want %d", algorithm, shard, length, len(got), len(want))
					}
					for i := range want {
						if !bytes.Equal(got[i], want[i]) {
							t.Fatalf("%s, shards of %d, %d bytes: digest %d differs", algorithm, shard, length, i)
						}
					}
				}
			}
		}
	}
}

// TestStreamsTogether: streams hashed at once have the digests that each has alone, however their bytes are cut and whatever the
// algorithms and shards.
func TestStreamsTogether(t *testing.T) {
	data := make([]byte, 300_000)
	rand.NewChaCha8([32]byte{}).Read(data)
	r := rand.New(rand.NewPCG(1, 2))
	kinds := []struct {
		algorithm string
		shard     int64
	}{{manifest.SHA256, 0}, {manifest.SHA256, 1000}, {manifest.SHA256, 64 << 10}, {manifest.SHA256, 0}, {manifest.BLAKE3, 0}, {manifest.BLAKE2b, 7000}}
	var g Group
	for range 150 {
		n := 1 + r.IntN(20)
		streams, want, left := make([]*Stream, n), make([]*Stream, n), make([][]byte, n)
		for i := range n {
			k := kinds[r.IntN(len(kinds))]
			streams[i], want[i] = New(k.algorithm, k.shard), New(k.algorithm, k.shard)
			from := r.IntN(len(data))
			left[i] = data[from : from+r.IntN(min(len(data)-from, 60_000))]
			want[i].Add(left[i])
		}
		for more := true; more; {
			more = false
			now := make([][]byte, n)
			for i := range now {
				k := min(len(left[i]), r.IntN(40_000))
				now[i], left[i] = left[i][:k], left[i][k:]
				more = more || len(left[i]) > 0
			}
			g.Add(streams, now)
		}
		for i := range streams {
			if !slices.EqualFunc(streams[i].Sums(), want[i].Sums(), bytes.Equal) {
				t.Fatalf("stream %d of %d differs", i, n)
			}
		}
	}
}

func TestTogether(t *testing.T) {
	for _, algorithm := range []string{manifest.BLAKE3, manifest.BLAKE2b} {
		if n := Together(algorithm, 16); n != 1 {
			t.Errorf("%s: %d", algorithm, n)
		}
	}
	if n := Together(manifest.SHA256, 1); n != 1 {
		t.Errorf("one stream: %d", n)
	}
}
