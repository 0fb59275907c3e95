package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/holdfast-ai/holdfast"
)

// bulk is the default size in bytes of the weights that speed is measured on: large enough to leave the caches.
const bulk = 64 << 20

const bulkName = "bulk.safetensors"

// A stage is one line of the timing table.
type stage struct {
	Stage     string  `json:"stage"`
	BytesPerS float64 `json:"bytes_per_s"`
	Limit     string  `json:"limit,omitempty"`    // the machine's own operation that bounds it
	OfLimit   float64 `json:"of_limit,omitempty"` // share of that operation's speed
}

// timings publishes a model of d.bulk bytes and loads it, and measures each stage beside the machine's own operation that
// bounds it, in the same minute. Single runs on a busy machine: the gates in benchmarks are the proof.
func (d *demo) timings(ctx context.Context) ([]stage, error) {
	cfg := d.policy
	r, err := d.publisher.publish(ctx, "bulk", d.source, func(dir string) error { return writeBulk(filepath.Join(dir, bulkName), d.bulk) })
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(r.plain, bulkName))
	if err != nil {
		return nil, err
	}
	dst := make([]byte, len(data))
	raw := func(f func()) float64 { return rate(len(data), func() error { f(); return nil }) }

	copied := raw(func() { copy(dst, data) })
	hashed := raw(func() { sha256.Sum256(data) })
	opened, err := gcmRate(data)
	if err != nil {
		return nil, err
	}
	read := func(dir string) (float64, error) {
		var speed float64
		err := with(ctx, cfg, dir, func(c *holdfast.Chain) error {
			var err error
			speed = rate(len(dst), func() error { _, err = c.Model().ReadInto(ctx, bulkName, dst); return err })
			return errors.Join(err, differs(dst, data))
		})
		return speed, err
	}
	plain, err := read(r.plain)
	if err != nil {
		return nil, err
	}
	cfg.Key = heldKey{r.keyset}
	sealed, err := read(r.sealed)
	if err != nil {
		return nil, err
	}
	published := func(took time.Duration) float64 { return float64(len(data)) / took.Seconds() }
	sha := func(name string, speed float64) stage { return stage{name, speed, "SHA-256", speed / hashed} }
	sealing := published(r.took.seal)
	return []stage{
		{Stage: "limit: copy in memory", BytesPerS: copied},
		{Stage: "limit: SHA-256, one stream", BytesPerS: hashed},
		{Stage: "limit: AES-256-GCM, 1 MiB, one core", BytesPerS: opened},
		sha("publish: inventory (hash + scan)", published(r.took.inventory)),
		sha("publish: sign (hash)", published(r.took.sign)),
		{"publish: seal (read + encrypt + write)", sealing, "AES-256-GCM", sealing / opened},
		sha("load plain: read + verify + scan", plain),
		sha("load sealed: read + decrypt + verify + scan", sealed),
	}, nil
}

// differs is an error where what was loaded is not what was published. It clears dst for the next load.
func differs(dst, data []byte) error {
	defer clear(dst)
	if !bytes.Equal(dst, data) {
		return errors.New("loaded weights differ from the published ones")
	}
	return nil
}

// rate runs f and returns bytes per second, or 0 where f fails.
func rate(n int, f func() error) float64 {
	start := time.Now()
	if f() != nil {
		return 0
	}
	return float64(n) / time.Since(start).Seconds()
}

// gcmRate opens data's length of AES-256-GCM in segments of 1 MiB.
func gcmRate(data []byte) (float64, error) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return 0, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return 0, err
	}
	const segment = 1 << 20
	nonce, dst := make([]byte, aead.NonceSize()), make([]byte, 0, segment)
	sealed := aead.Seal(nil, nonce, data[:segment], nil)
	return rate(len(data), func() error {
		for range len(data) / segment {
			if _, err := aead.Open(dst, nonce, sealed, nil); err != nil {
				return err
			}
		}
		return nil
	}), nil
}

// writeBulk writes a safetensors file with one tensor of n bytes of random, finite float32 values.
func writeBulk(name string, n int) error {
	data := make([]byte, n)
	if _, err := rand.Read(data); err != nil {
		return err
	}
	for i := 3; i < len(data); i += 4 {
		data[i] = 0x3f // exponents near 0: finite, between 2^-1 and 2
	}
	header, err := json.Marshal(map[string]any{"bulk": map[string]any{
		"dtype": "F32", "shape": []int{n / 4}, "data_offsets": []int{0, n},
	}})
	if err != nil {
		return err
	}
	for len(header)%8 != 0 {
		header = append(header, ' ')
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, b := range [][]byte{binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header, data} {
		if _, err := f.Write(b); err != nil {
			return err
		}
	}
	return nil
}

func (r *report) timings(stages []stage) error {
	if r.json {
		enc := json.NewEncoder(r.out)
		for _, s := range stages {
			if err := enc.Encode(s); err != nil {
				return err
			}
		}
		return nil
	}
	tw := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "stage\tspeed\tof the limit")
	for _, s := range stages {
		of := ""
		if s.Limit != "" {
			of = fmt.Sprintf("%.0f %% of %s", 100*s.OfLimit, s.Limit)
		}
		fmt.Fprintf(tw, "%s\t%.2f GB/s\t%s\n", s.Stage, s.BytesPerS/1e9, of)
	}
	return tw.Flush()
}
