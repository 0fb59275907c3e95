package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// wycheproof is one file of Project Wycheproof's vectors, as far as the pieces of the stream need it.
type wycheproof struct {
	NumberOfTests int
	TestGroups    []struct {
		IvSize, TagSize int // bits
		Tests           []struct {
			TcID                 int
			Ikm, Salt, Info, Okm string // HKDF
			Size                 int
			Key, Msg, Tag        string // HMAC
			IV, AAD, CT          string // AES-GCM, with Key, Msg and Tag
			Result               string
		}
	}
}

func loadWycheproof(t *testing.T, name string) (v wycheproof) {
	t.Helper()
	b, err := os.ReadFile(testkit.Vectors(t, "crypto", "wycheproof", name))
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range v.TestGroups {
		n += len(g.Tests)
	}
	if n == 0 || n != v.NumberOfTests {
		t.Fatalf("%s: %d tests of %d", name, n, v.NumberOfTests)
	}
	return v
}

func unhexed(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The pieces of both streams with the hashes of every legal key: key derivation, tags, and AES-GCM with the one size of
// nonce and tag that a stream has.
func TestWycheproof(t *testing.T) {
	for hashName, suffix := range map[string]string{"SHA1": "sha1", "SHA256": "sha256", "SHA512": "sha512"} {
		for _, g := range loadWycheproof(t, "hkdf_"+suffix+"_test.json").TestGroups {
			for _, c := range g.Tests {
				got, err := derive(hashName, unhexed(t, c.Ikm), unhexed(t, c.Salt), unhexed(t, c.Info), c.Size)
				if ok := err == nil && bytes.Equal(got, unhexed(t, c.Okm)); ok != (c.Result == "valid") {
					t.Errorf("hkdf_%s %d: %s, got %x, %v", suffix, c.TcID, c.Result, got, err)
				}
			}
		}
		h, err := hashOf(hashName)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range loadWycheproof(t, "hmac_"+suffix+"_test.json").TestGroups {
			for _, c := range g.Tests {
				m := hmac.New(h, unhexed(t, c.Key))
				m.Write(unhexed(t, c.Msg))
				if ok := bytes.Equal(m.Sum(nil)[:g.TagSize/8], unhexed(t, c.Tag)); ok != (c.Result == "valid") {
					t.Errorf("hmac_%s %d: %s", suffix, c.TcID, c.Result)
				}
			}
		}
	}
	n := 0
	for _, g := range loadWycheproof(t, "aes_gcm_test.json").TestGroups {
		if g.IvSize != 8*nonceSize || g.TagSize != 8*gcmTag {
			continue
		}
		for _, c := range g.Tests {
			b, err := aes.NewCipher(unhexed(t, c.Key))
			if err != nil {
				t.Fatal(err)
			}
			a, err := cipher.NewGCM(b)
			if err != nil {
				t.Fatal(err)
			}
			pt, err := a.Open(nil, unhexed(t, c.IV), unhexed(t, c.CT+c.Tag), unhexed(t, c.AAD))
			if ok := err == nil && bytes.Equal(pt, unhexed(t, c.Msg)); ok != (c.Result == "valid") {
				t.Errorf("aes_gcm %d: %s, %v", c.TcID, c.Result, err)
			}
			n++
		}
	}
	if n < 100 {
		t.Errorf("%d vectors of AES-GCM", n)
	}
}
