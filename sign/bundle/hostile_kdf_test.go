package bundle

import (
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"
)

type algorithm struct {
	OID    asn1.ObjectIdentifier
	Params any
}

// A key file that asks for more work or memory than any tool writes is refused before it takes them.
func TestCostlyEncryptionIsRefused(t *testing.T) {
	null := asn1.RawValue{Tag: asn1.TagNull}
	pbkdf2 := func(n any) any {
		return algorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}, struct {
			Salt []byte
			N    any
			PRF  algorithm
		}{make([]byte, 16), n, algorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}, null}}}
	}
	scrypt := func(n, r, p int64) any {
		return algorithm{asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}, struct {
			Salt    []byte
			N, R, P int64
		}{make([]byte, 16), n, r, p}}
	}
	for name, kdf := range map[string]any{
		"pbkdf2":          pbkdf2(int64(1 << 40)),
		"pbkdf2 negative": pbkdf2(-1),
		"pbkdf2 big":      pbkdf2(new(big.Int).Lsh(big.NewInt(1), 70)),
		"scrypt memory":   scrypt(1<<33, 8, 1),
		"scrypt time":     scrypt(1<<14, 8, 1<<20),
		"scrypt block":    scrypt(2, 1<<28, 1),
	} {
		t.Run(name, func(t *testing.T) {
			der, err := asn1.Marshal(struct {
				Encryption any
				Data       []byte
			}{algorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}, struct {
				KDF    any
				Scheme any
			}{kdf, algorithm{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, make([]byte, 16)}}}, make([]byte, 64)})
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() {
				_, err := ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}), []byte("password"))
				done <- err
			}()
			select {
			case err := <-done:
				if !errors.Is(err, ErrKey) {
					t.Error(err)
				}
			case <-time.After(2 * time.Second):
				t.Fatal("still at work")
			}
		})
	}
}
