package sign_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-ai/holdfast/sign"
)

// "CN=…" in a policy means the common name: an e-mail address or URI that is spelled like one is somebody else.
func TestIdentityKinds(t *testing.T) {
	root := issue(t, nil, ca)
	leaf := issue(t, root, func(c *x509.Certificate) {
		signer(c)
		c.EmailAddresses = []string{"CN=release@example.org"}
	})
	src := fstest.MapFS{"w.bin": {Data: []byte("weights")}}
	b, _, err := sign.Sign(t.Context(), src, leaf.key, sign.SignOptions{Chain: []*x509.Certificate{leaf.cert}})
	if err != nil {
		t.Fatal(err)
	}
	p := sign.Policy{Roots: []*x509.Certificate{root.cert}, Identities: []string{"CN=release@example.org"}, InsecureAnyModel: true}
	if _, err := sign.Open(t.Context(), src, p, sign.WithBundle(b),
		sign.WithClock(func() time.Time { return when })); !errors.Is(err, sign.ErrSignature) {
		t.Errorf("%v, want ErrSignature", err)
	}
}

// A subject with two common names is another person to each reader: neither counts as an identity.
func TestTwoCommonNames(t *testing.T) {
	root := issue(t, nil, ca)
	cn := asn1.ObjectIdentifier{2, 5, 4, 3}
	leaf := issue(t, root, func(c *x509.Certificate) {
		signer(c)
		c.Subject = pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{{Type: cn, Value: "evil"}, {Type: cn, Value: "release"}}}
	})
	b := bundleOf(t, sample(), leaf.key, leaf.cert)
	for id, want := range map[string]error{"CN=release": sign.ErrPolicy, "CN=evil": sign.ErrPolicy, "release@example.org": nil} {
		p := sign.Policy{Roots: []*x509.Certificate{root.cert}, Identities: []string{id}, InsecureAnyModel: true}
		if _, err := sign.Open(t.Context(), sample(), p, sign.WithBundle(b), atWhen()); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", id, err, want)
		}
	}
}

// elsewhere calls the watermark on a goroutine of its own, as parallel sources do.
type elsewhere struct{ fs.FS }

func (e elsewhere) Open(name string) (fs.File, error) {
	f, err := e.FS.Open(name)
	if name != "w.bin" || err != nil {
		return f, err
	}
	return elsewhereFile{f}, nil
}

type elsewhereFile struct{ fs.File }

func (f elsewhereFile) ReadAllInto(_ context.Context, dst []byte, watermark func(int64)) error {
	if _, err := f.Read(dst); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		watermark(int64(len(dst)))
	}()
	<-done
	return nil
}

type panicky struct{}

func (panicky) Write([]byte) (int, error) { panic("tap") }
func (panicky) Finish() error             { return nil }

// A tap's panic reaches the caller of ReadInto on its own goroutine, whichever one the source calls from, and dst is
// cleared and not counted as released.
func TestTapPanicsElsewhere(t *testing.T) {
	key := issue(t, nil, ca).key
	src := fstest.MapFS{"w.bin": {Data: []byte("weights")}}
	b, _, err := sign.Sign(t.Context(), src, key, sign.SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p := sign.Policy{InsecureAnyModel: true}
	p.Keys = append(p.Keys, key.Public())
	m, err := sign.Open(t.Context(), elsewhere{src}, p, sign.WithBundle(b),
		sign.WithTap(func(string, int64) (sign.Tap, error) { return panicky{}, nil }))
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]byte, 7)
	func() {
		defer func() {
			if recover() != "tap" {
				t.Error("the panic did not arrive")
			}
		}()
		_, err := m.ReadInto(t.Context(), "w.bin", dst)
		t.Errorf("returned %v", err)
	}()
	if string(dst) != string(make([]byte, 7)) || m.Released("w.bin") {
		t.Errorf("dst %q, released %v", dst, m.Released("w.bin"))
	}
}
