package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

func newBench(ui *ui) *cobra.Command {
	size, segment := byteSize(64<<20), byteSize(seal.DefaultSegment)
	var rounds int
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast this machine seals and opens, beside its bare AES-256-GCM",
		Long: "Bench works on random bytes in memory and prints the best of several rounds, because other programs can only slow it\n" +
			"down. Disks and networks come on top.",
		Example: "  holdfast bench --segment 64KiB",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if rounds < 1 {
				return fmt.Errorf("%w: --rounds %d, want 1 at least", errUsage, rounds)
			}
			if most := byteSize(seal.MaxSegment); segment > most {
				return fmt.Errorf("%w: --segment %s, want %s at most", errUsage, segment.String(), most.String())
			}
			b, err := newBenchmark(int(size), int(segment))
			if err != nil {
				return err
			}
			speeds, err := b.run(cmd.Context(), rounds)
			if err != nil {
				return err
			}
			view := map[string]any{"bytes": int64(size), "segment": int64(segment), "cores": runtime.GOMAXPROCS(0)}
			lines := []string{fmt.Sprintf("%s in segments of %s, %d cores", size.String(), segment.String(), runtime.GOMAXPROCS(0))}
			results := []map[string]any{}
			for _, s := range speeds {
				results = append(results, map[string]any{"name": s.name, "gb_per_second": s.gbps, "of_raw": s.gbps / s.raw})
				lines = append(lines, fmt.Sprintf("%-22s %6.2f GB/s   %4.0f %% of %s", s.name, s.gbps, 100*s.gbps/s.raw, s.rawName))
			}
			view["results"] = results
			return ui.result(view, lines...)
		},
	}
	cmd.Flags().Var(&size, "size", "bytes to work on")
	cmd.Flags().Var(&segment, "segment", "size of segments")
	cmd.Flags().IntVar(&rounds, "rounds", 5, "rounds, of which the best counts")
	return cmd
}

// A benchmark is random plaintext, its sealed form and what the bare cipher made of it.
type benchmark struct {
	plain, dst  []byte
	segment     int
	keys        *keyset.Handle
	sealed, out seal.PrivateBytes
	aead        cipher.AEAD
	raw         []byte // pieces of segment bytes and a tag each
}

func newBenchmark(size, segment int) (*benchmark, error) {
	b := &benchmark{plain: make([]byte, size), dst: make([]byte, size), segment: segment}
	rand.Read(b.plain)
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if b.aead, err = cipher.NewGCM(block); err != nil {
		return nil, err
	}
	if b.keys, err = seal.NewKeyset(segment); err != nil {
		return nil, err
	}
	n, err := seal.SealedSize(b.keys, int64(size))
	if err != nil {
		return nil, err
	}
	b.sealed, b.out = make(seal.PrivateBytes, n), make(seal.PrivateBytes, n)
	pieces := (size + segment - 1) / segment
	b.raw = make([]byte, 0, size+pieces*b.aead.Overhead())
	return b, nil
}

type speed struct {
	name, rawName string
	gbps, raw     float64
}

// run measures everything in rounds, so that what else the machine does meets all alike, and checks that plaintext comes
// back.
func (b *benchmark) run(ctx context.Context, rounds int) ([]speed, error) {
	one := seal.WithWorkers(1)
	works := []struct {
		name string
		f    func() error
	}{
		{"raw encrypt, 1 core", b.rawSeal},
		{"raw decrypt, 1 core", b.rawOpen},
		{"seal, 1 core", func() error { return b.seal(ctx, b.sealed, one) }},
		{"open, 1 core", func() error { return b.open(ctx, one) }},
		{"seal, all cores", func() error { return b.seal(ctx, b.out) }},
		{"open, all cores", func() error { return b.open(ctx) }},
	}
	best := make([]time.Duration, len(works))
	for range rounds {
		for i, w := range works {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			start := time.Now()
			if err := w.f(); err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
			if d := time.Since(start); best[i] == 0 || d < best[i] {
				best[i] = d
			}
		}
		if !bytes.Equal(b.dst, b.plain) {
			return nil, errors.New("other bytes came back")
		}
		clear(b.dst)
	}
	var out []speed
	for i, w := range works {
		raw := i % 2
		out = append(out, speed{w.name, works[raw].name, b.gbps(best[i]), b.gbps(best[raw])})
	}
	return out, nil
}

func (b *benchmark) gbps(d time.Duration) float64 { return float64(len(b.plain)) / float64(max(d, 1)) }

func (b *benchmark) seal(ctx context.Context, dst seal.PrivateBytes, opts ...seal.Option) error {
	_, err := seal.EncryptFrom(ctx, dst, seal.PrivateBytes(b.plain), int64(len(b.plain)), b.keys, nil, opts...)
	return err
}

func (b *benchmark) open(ctx context.Context, opts ...seal.Option) error {
	return seal.DecryptTo(ctx, b.dst, b.sealed, int64(len(b.sealed)), b.keys, nil, opts...)
}

func (b *benchmark) rawSeal() error {
	var nonce [12]byte
	b.raw = b.raw[:0]
	for i, rest := 0, b.plain; len(rest) > 0; i++ {
		binary.BigEndian.PutUint64(nonce[4:], uint64(i))
		n := min(b.segment, len(rest))
		b.raw = b.aead.Seal(b.raw, nonce[:], rest[:n], nil)
		rest = rest[n:]
	}
	return nil
}

func (b *benchmark) rawOpen() error {
	var nonce [12]byte
	dst := b.dst
	for i, rest := 0, b.raw; len(rest) > 0; i++ {
		binary.BigEndian.PutUint64(nonce[4:], uint64(i))
		n := min(b.segment+b.aead.Overhead(), len(rest))
		if n < b.aead.Overhead() {
			return io.ErrUnexpectedEOF
		}
		pt, err := b.aead.Open(dst[:0], nonce[:], rest[:n], nil)
		if err != nil {
			return err
		}
		dst, rest = dst[len(pt):], rest[n:]
	}
	return nil
}
