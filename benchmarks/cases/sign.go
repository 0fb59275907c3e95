package cases

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/sign"
)

// signReadInto reads a signed file of 16 MiB from memory and verifies it, beside a copy of the same bytes and their SHA-256,
// chunk by chunk, which is the least that any verification on load can do.
func signReadInto() (ratio.Case, error) {
	plain := make([]byte, 16<<20)
	rand.Read(plain)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return ratio.Case{}, err
	}
	ctx := context.Background()
	const name = "model.safetensors"
	src := fstest.MapFS{name: {Data: plain}}
	sig, _, err := sign.Sign(ctx, src, key, sign.SignOptions{})
	if err != nil {
		return ratio.Case{}, err
	}
	m, err := sign.Open(ctx, src, sign.Policy{Keys: []crypto.PublicKey{key.Public()}, InsecureAnyModel: true}, sign.WithBundle(sig))
	if err != nil {
		return ratio.Case{}, err
	}
	dst, other := make([]byte, len(plain)), make([]byte, len(plain))
	read := func() error {
		_, err := m.ReadInto(ctx, name, dst)
		return err
	}
	if err := read(); err != nil {
		return ratio.Case{}, err
	}
	if !bytes.Equal(dst, plain) {
		return ratio.Case{}, errors.New("sign/readinto: bytes differ")
	}
	want := sha256.Sum256(plain)
	return ratio.Case{
		Name: "sign/readinto", Better: ratio.Lower, Bytes: int64(len(plain)),
		Subject: read,
		Yardstick: func() error {
			h := sha256.New()
			for from, to := plain, other; len(from) > 0; {
				n := copy(to, from[:min(len(from), 256<<10)])
				h.Write(to[:n])
				from, to = from[n:], to[n:]
			}
			if [32]byte(h.Sum(nil)) != want {
				return errors.New("digest differs")
			}
			return nil
		},
	}, nil
}
