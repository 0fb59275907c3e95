package kek

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"golang.org/x/crypto/argon2"

	"github.com/holdfast-ai/holdfast/crypto/secret"
	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// Argon2 is what a passphrase is stretched with (Argon2id, RFC 9106).
type Argon2 struct {
	Time    uint32 // passes, 1 to 16
	Memory  uint32 // KiB, 8 MiB to 1 GiB
	Threads uint8  // 1 to 16
}

// DefaultArgon2 is the second recommended choice of RFC 9106 section 4: three passes over 64 MiB with four threads.
func DefaultArgon2() Argon2 { return Argon2{Time: 3, Memory: 64 << 10, Threads: 4} }

// Bounds of parameters that are read from a wrapped keyset: whoever wrote it chooses how long the reader computes.
const (
	maxArgonTime    = 16
	minArgonMemory  = 8 << 10 // KiB
	maxArgonMemory  = 1 << 20 // KiB
	maxArgonThreads = 16
	maxArgonWork    = 4 << 20 // KiB written in all: about ten seconds on one core

	minPassphrase = 8 // bytes; a floor against accidents, not a measure of strength
	maxPassphrase = 1024
)

func (p Argon2) check() error {
	if p.Time < 1 || p.Time > maxArgonTime || p.Memory < minArgonMemory || p.Memory > maxArgonMemory ||
		p.Threads < 1 || p.Threads > maxArgonThreads || uint64(p.Time)*uint64(p.Memory) > maxArgonWork {
		return fmt.Errorf("%w: Argon2id with %d passes over %d KiB on %d threads", ErrParameters, p.Time, p.Memory, p.Threads)
	}
	return nil
}

// FromPassphrase makes a KEK of a passphrase of 8 to 1024 bytes, which it takes over as [secret.New] does. p is used to
// wrap, and a zero p is [DefaultArgon2]; unwrapping uses what is stored with the keyset, within the same bounds.
// Errors: [ErrParameters].
func FromPassphrase(id string, passphrase []byte, p Argon2) (*KEK, error) {
	if len(passphrase) < minPassphrase || len(passphrase) > maxPassphrase {
		return nil, fmt.Errorf("%w: a passphrase has %d to %d bytes", ErrParameters, minPassphrase, maxPassphrase)
	}
	if p == (Argon2{}) {
		p = DefaultArgon2()
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return FromAEAD(id, &passphraseAEAD{pass: secret.New(passphrase), params: p})
}

// passphraseAEAD is a tink.AEAD under a stretched passphrase. Its ciphertext carries what the key is derived with:
//
//	"HFP1" || passes (uint32be) || KiB (uint32be) || threads (1 byte) || salt (16 bytes) || AES-256-GCM nonce, ciphertext, tag
type passphraseAEAD struct {
	pass   *secret.Bytes
	params Argon2
}

const (
	passMagic  = "HFP1"
	saltSize   = 16
	passHeader = len(passMagic) + 4 + 4 + 1 + saltSize
)

var errPassphrase = errors.New("passphrase is wrong or the keyset was altered")

func (a *passphraseAEAD) Encrypt(pt, ad []byte) ([]byte, error) {
	h := make([]byte, 0, passHeader)
	h = append(h, passMagic...)
	h = binary.BigEndian.AppendUint32(h, a.params.Time)
	h = binary.BigEndian.AppendUint32(h, a.params.Memory)
	h = append(h, a.params.Threads)
	h = h[:passHeader]
	rand.Read(h[passHeader-saltSize:])
	c, err := a.cipher(h)
	if err != nil {
		return nil, err
	}
	ct, err := c.Encrypt(pt, boundTo(h, ad))
	if err != nil {
		return nil, fmt.Errorf("kek: %w", err)
	}
	return append(h, ct...), nil
}

func (a *passphraseAEAD) Decrypt(ct, ad []byte) ([]byte, error) {
	if len(ct) < passHeader || string(ct[:len(passMagic)]) != passMagic {
		return nil, fmt.Errorf("%w: not wrapped with a passphrase", ErrFormat)
	}
	h := ct[:passHeader]
	c, err := a.cipher(h)
	if err != nil {
		return nil, err
	}
	pt, err := c.Decrypt(ct[passHeader:], boundTo(h, ad))
	if err != nil {
		return nil, errPassphrase
	}
	return pt, nil
}

// boundTo puts the parameters under the tag too.
func boundTo(header, ad []byte) []byte {
	return transcript.New("holdfast/passphrase/v1").Bytes(header).Bytes(ad).Encoding()
}

// cipher derives the cipher of a header.
func (a *passphraseAEAD) cipher(h []byte) (c *subtle.AESGCM, err error) {
	at := len(passMagic)
	p := Argon2{
		Time: binary.BigEndian.Uint32(h[at:]), Memory: binary.BigEndian.Uint32(h[at+4:]), Threads: h[at+8],
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	err = a.pass.Use(func(pass []byte) error {
		key := argon2.IDKey(pass, h[passHeader-saltSize:passHeader], p.Time, p.Memory, p.Threads, 32)
		defer clear(key)
		c, err = subtle.NewAESGCM(key)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("kek: %w", err)
	}
	return c, nil
}
