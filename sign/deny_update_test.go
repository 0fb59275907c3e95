package sign_test

import (
	"crypto"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-ai/holdfast/internal/dsse"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// TestUpdateDenyList: a newer list reaches a model that is open, once, and then nothing comes out of it.
func TestUpdateDenyList(t *testing.T) {
	src, key, authority := sample(), signtest.Key(t), signtest.Key(t)
	src[".holdfast/model.sig"] = &fstest.MapFile{Data: bundleOf(t, src, key), Mode: 0o644}
	p := anyModel(key)
	p.DenyListKeys = []crypto.PublicKey{authority.Public()}
	var told []error
	open := func(p sign.Policy) *sign.Model {
		m, err := sign.Open(t.Context(), src, p, atWhen(), sign.WithDenyList(denyList(t, authority, newList(3))),
			sign.WithOnDenied(func(err error) { told = append(told, err) }))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := open(p)
	for name, tt := range map[string]struct {
		list []byte
		want error
	}{
		"same":        {denyList(t, authority, newList(3)), nil},
		"newer":       {denyList(t, authority, newList(4)), nil},
		"older":       {denyList(t, authority, newList(2)), sign.ErrVersion},
		"of a signer": {denyList(t, key, newList(5)), sign.ErrPolicy},
		"none":        {nil, sign.ErrPolicy},
	} {
		m := open(p)
		if err := m.UpdateDenyList(tt.list); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		if _, err := m.ReadFile("model.safetensors"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	two := newList(3)
	two.Files = []sign.DeniedFile{{Digest: strings.Repeat("0", 64)}}
	if err := m.UpdateDenyList(denyList(t, authority, two)); !errors.Is(err, sign.ErrPolicy) {
		t.Errorf("two lists of one number: %v", err)
	}
	if len(told) != 0 {
		t.Errorf("told of %v", told)
	}
	f, err := m.Open("model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	stream, err := m.ProvisionalStream(t.Context(), "model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Abort()
	fp := fingerprint(t, key.Public())
	bad := newList(5)
	bad.Keys = []sign.DeniedKey{{Fingerprint: hexOf(fp[:]), Reason: "stolen"}}
	for range 2 {
		if err := m.UpdateDenyList(denyList(t, authority, bad)); !errors.Is(err, sign.ErrDenied) {
			t.Errorf("denied: %v", err)
		}
	}
	if len(told) != 1 || !errors.Is(told[0], sign.ErrDenied) {
		t.Errorf("told %v", told)
	}
	dst := make([]byte, 1<<20)
	_, err1 := m.ReadInto(t.Context(), "model.safetensors", dst)
	_, err2 := m.ReadFile("model.safetensors")
	_, err3 := m.Open("model.safetensors")
	err4 := m.VerifyAll(t.Context(), nil)
	if _, err := upload(t.Context(), stream, 1<<20); err != nil {
		t.Error(err)
	}
	_, err5 := stream.Commit()
	_, err6 := m.ProvisionalStream(t.Context(), "model.safetensors")
	_, err7 := m.Memfd(t.Context(), "model.safetensors")
	for i, err := range []error{err1, err2, err3, err4, err5, err6, err7} {
		if !errors.Is(err, sign.ErrDenied) {
			t.Errorf("way %d out of a denied model: %v", i, err)
		}
	}
	if err := m.UpdateDenyList(denyList(t, authority, newList(6))); err != nil {
		t.Errorf("%v", err)
	}
	if _, err := m.ReadFile("model.safetensors"); !errors.Is(err, sign.ErrDenied) {
		t.Errorf("a newer list gave a denied model back: %v", err)
	}

	told = nil
	p.InsecureWarnOnly = true
	m = open(p)
	if err := m.UpdateDenyList(denyList(t, authority, bad)); !errors.Is(err, sign.ErrDenied) || len(told) != 1 {
		t.Errorf("warn: %v, %v", err, told)
	}
	if _, err := m.ReadFile("model.safetensors"); err != nil {
		t.Errorf("warn: %v", err)
	}
	plain, err := sign.Open(t.Context(), src, anyModel(key), atWhen())
	if err != nil {
		t.Fatal(err)
	}
	if err := plain.UpdateDenyList(denyList(t, authority, bad)); !errors.Is(err, sign.ErrPolicy) {
		t.Errorf("without keys for lists: %v", err)
	}
}

// TestDeniedWhileOpening: a file that is opened while its model is denied does not open.
func TestDeniedWhileOpening(t *testing.T) {
	key, authority := signtest.Key(t), signtest.Key(t)
	src := signtest.Sign(t, signtest.Files(map[string]string{"w.bin": strings.Repeat("w", 600<<10)}), key)
	p := anyModel(key)
	p.DenyListKeys = []crypto.PublicKey{authority.Public()}
	fp := fingerprint(t, key.Public())
	bad := newList(2)
	bad.Keys = []sign.DeniedKey{{Fingerprint: hexOf(fp[:])}}
	envelope := denyList(t, authority, bad)
	var m *sign.Model
	tap := func(string, int64) (sign.Tap, error) { // asked for when OpenFile has looked the name up
		if err := m.UpdateDenyList(envelope); !errors.Is(err, sign.ErrDenied) {
			t.Error(err)
		}
		return nil, nil
	}
	m, err := sign.Open(t.Context(), src, p, atWhen(), sign.WithDenyList(denyList(t, authority, newList(1))), sign.WithTap(tap))
	if err != nil {
		t.Fatal(err)
	}
	if f, err := m.OpenFile(t.Context(), "w.bin"); !errors.Is(err, sign.ErrDenied) {
		t.Errorf("%v, %v", f, err)
	}
}

// TestVerifyDenyList: what a key server's floor is compared with is that of a list that Open takes, and of no other.
func TestVerifyDenyList(t *testing.T) {
	authority := signtest.Key(t)
	p := anyModel(signtest.Key(t))
	p.DenyListKeys, p.MinDenyList = []crypto.PublicKey{authority.Public()}, 3
	env := denyList(t, authority, newList(3))
	payload, err := dsse.Verify(authority.Public(), sign.DenyListType, env)
	if err != nil {
		t.Fatal(err)
	}
	if n, d, err := p.VerifyDenyList(env, when); err != nil || n != 3 || d != sha256.Sum256(payload) {
		t.Errorf("%d %x %v", n, d, err)
	}
	none := p
	none.DenyListKeys, none.MinDenyList = nil, 0
	for name, c := range map[string]struct {
		p    sign.Policy
		env  []byte
		now  time.Time
		want error
	}{
		"older":       {p, denyList(t, authority, newList(2)), when, sign.ErrVersion},
		"another key": {p, denyList(t, signtest.Key(t), newList(3)), when, sign.ErrPolicy},
		"no list":     {p, nil, when, sign.ErrPolicy},
		"expired":     {p, env, when.AddDate(10, 0, 0), sign.ErrPolicy},
		"no keys":     {none, nil, when, sign.ErrPolicy},
	} {
		if _, _, err := c.p.VerifyDenyList(c.env, c.now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A clock that gives no time would leave every list in force and every key in its window.
func TestClockWithoutTime(t *testing.T) {
	key, denier := signtest.Key(t), signtest.Key(t)
	src := signtest.Sign(t, signtest.Files(map[string]string{"w": "weights"}), key)
	envelope, err := sign.SignDenyList(denier, &sign.DenyList{Number: 1, Issued: time.Now().Add(-2 * time.Hour), Expires: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	p := anyModel(key)
	if _, err := sign.Open(t.Context(), src, p, sign.WithClock(func() time.Time { return time.Time{} })); !errors.Is(err, sign.ErrPolicy) {
		t.Errorf("no time at all: %v", err)
	}
	p.DenyListKeys = []crypto.PublicKey{denier.Public()}
	if _, err := sign.Open(t.Context(), src, p, sign.WithDenyList(envelope), sign.WithClock(func() time.Time { return time.Time{} })); !errors.Is(err, sign.ErrPolicy) {
		t.Errorf("with an expired list: %v", err)
	}
	now := time.Now().Add(-90 * time.Minute)
	m := open(t, src, p, sign.WithDenyList(envelope), sign.WithClock(func() time.Time { return now }))
	now = time.Time{}
	if err := m.UpdateDenyList(envelope); !errors.Is(err, sign.ErrPolicy) {
		t.Errorf("an update: %v", err)
	}
}
