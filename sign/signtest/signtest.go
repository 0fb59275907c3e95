// Package signtest makes keys, signed models and tampered twins of them, for tests of programs that load models through
// package sign. Everything is made in memory at run time; nothing here is fit for production.
package signtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/sign"
)

// Key makes an ECDSA key on P-256.
func Key(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	return KeyOn(t, elliptic.P256())
}

// KeyOn makes an ECDSA key on curve.
func KeyOn(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Card is the content of a holdfast.json.
func Card(name string, version uint64) []byte {
	return fmt.Appendf(nil, "{\"name\": %q, \"version\": %d}\n", name, version)
}

// Files makes an unsigned model out of contents by path.
func Files(contents map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, content := range contents {
		m[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o644}
	}
	return m
}

// Sign signs model with key and stores the signature in it, as [sign.SignatureFile]. It returns model.
func Sign(t testing.TB, model fstest.MapFS, key *ecdsa.PrivateKey) fstest.MapFS {
	t.Helper()
	b, _, err := sign.Sign(t.Context(), model, key, sign.SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	model[sign.SignatureFile] = &fstest.MapFile{Data: b, Mode: 0o644}
	return model
}

// A Tampered model differs from a good one in one thing.
type Tampered struct {
	Name  string       // what was done
	FS    fstest.MapFS // the model after it
	File  string       // the signed file that it was done to
	Error error        // sentinel with which reading File must fail
}

// Tamper returns what an attacker with write access to the model's storage may do to file, a signed regular file with at
// least two bytes: each as a copy of model, which stays as it is.
func Tamper(model fstest.MapFS, file string) []Tampered {
	good := model[file].Data
	with := func(name string, want error, f *fstest.MapFile) Tampered {
		m := maps.Clone(model)
		if f == nil {
			delete(m, file)
		} else {
			m[file] = f
		}
		return Tampered{name, m, file, want}
	}
	data := func(b []byte) *fstest.MapFile { return &fstest.MapFile{Data: b, Mode: 0o644} }
	flipped := slices.Clone(good)
	flipped[len(flipped)/2] ^= 1
	return []Tampered{
		with("flipped bit", sign.ErrMismatch, data(flipped)),
		with("truncated", sign.ErrMismatch, data(good[:len(good)-1])),
		with("emptied", sign.ErrMismatch, data(nil)),
		with("appended", sign.ErrMismatch, data(append(slices.Clone(good), 0))),
		with("deleted", sign.ErrMissing, nil),
		with("pipe", sign.ErrNotRegular, &fstest.MapFile{Mode: fs.ModeNamedPipe | 0o644}),
		with("device", sign.ErrNotRegular, &fstest.MapFile{Mode: fs.ModeDevice | 0o644}),
	}
}
