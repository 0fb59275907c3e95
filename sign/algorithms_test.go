package sign_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/digest"
	"github.com/holdfast-ai/holdfast/sign/manifest"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// TestAlgorithmsOnEveryWayOut: each way out judges by the algorithm and the shards of the signature: it gives the file that
// was signed, and refuses it with a bit flipped in any chunk, or with a signature in which any digest has a bit flipped.
func TestAlgorithmsOnEveryWayOut(t *testing.T) {
	key, content := signtest.Key(t), []byte(noise(testSize))
	for _, algorithm := range []string{manifest.SHA256, manifest.BLAKE2b, manifest.BLAKE3} {
		for _, shard := range []int64{0, testChunk + 4096} {
			s := digest.New(algorithm, shard)
			s.Add(content)
			sums := s.Sums()
			bundle := func(sums [][]byte) sign.Option {
				m := &manifest.Manifest{Subject: "m", Method: manifest.MethodFiles, HashType: algorithm, ShardSize: shard}
				for i, sum := range sums {
					name := "w"
					if shard > 0 {
						m.Method = manifest.MethodShards
						start := int64(i) * shard
						name = manifest.ShardName(name, start, min(start+shard, testSize))
					}
					m.Resources = append(m.Resources, manifest.Resource{Name: name, Algorithm: algorithm, Digest: sum})
				}
				payload, err := manifest.Emit(m)
				if err != nil {
					t.Fatal(err)
				}
				return sign.WithBundle(signPayload(t, key, payload))
			}
			good := bundle(sums)
			for way, read := range ways() {
				t.Run(fmt.Sprintf("%s/shard=%d/%s", algorithm, shard, way), func(t *testing.T) {
					src := fstest.MapFS{"w": {Data: content, Mode: 0o644}}
					got, err := read(t.Context(), open(t, src, anyModel(key), good))
					if err != nil || releases(way) && !bytes.Equal(got, content) {
						t.Errorf("%d bytes, %v", len(got), err)
					}
					for i := range sums {
						bad := slices.Clone(sums)
						bad[i] = bytes.Clone(bad[i])
						bad[i][len(bad[i])-1] ^= 1
						if _, err := read(t.Context(), open(t, src, anyModel(key), bundle(bad))); !errors.Is(err, sign.ErrMismatch) {
							t.Errorf("digest %d altered: %v", i, err)
						}
					}
					for at := 1000; at < testSize; at += testChunk {
						src["w"].Data = bytes.Clone(content)
						src["w"].Data[at] ^= 0x40
						_, err := read(t.Context(), open(t, src, anyModel(key), good))
						e, ok := errors.AsType[*sign.MismatchError](err)
						if !ok || e.Path != "w" || e.Algorithm != algorithm || shard > 0 && (int64(at) < e.Start || int64(at) >= e.End) {
							t.Errorf("byte %d altered: %v", at, err)
						}
					}
				})
			}
		}
	}
}
