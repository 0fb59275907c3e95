package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"testing/fstest"
	"time"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// denyListVectors hold one model, signed by a key, against lists that deny it for one reason each, or not.
func denyListVectors() ([]vector, error) {
	key, err := fixedKey()
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	fingerprint, err := bundle.Fingerprint(key.Public())
	if err != nil {
		return nil, err
	}
	src := fstest.MapFS{"a": {Data: []byte("1")}, "b": {Data: []byte("weights of a file in shards")}}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	earlier := now.AddDate(0, -1, 0)
	other := hexOf(fill(32, 9))
	var out []vector
	for _, c := range []struct {
		name  string
		shard int64
		edit  func(l *sign.DenyList, m *manifest.Manifest)
	}{
		{"nothing", 0, func(l *sign.DenyList, _ *manifest.Manifest) {
			l.Models, l.Files, l.Keys = []sign.DeniedModel{{ModelID: other}}, []sign.DeniedFile{{Digest: other}}, []sign.DeniedKey{{Fingerprint: other}}
		}},
		{"model", 0, func(l *sign.DenyList, m *manifest.Manifest) {
			id := m.ModelID()
			l.Models = []sign.DeniedModel{{ModelID: hexOf(id[:]), Reason: "backdoor"}}
		}},
		{"file", 0, func(l *sign.DenyList, m *manifest.Manifest) {
			l.Files = []sign.DeniedFile{{Digest: hexOf(m.Files[1].Digest)}}
		}},
		{"shard", 8, func(l *sign.DenyList, m *manifest.Manifest) {
			l.Files = []sign.DeniedFile{{Digest: hexOf(m.Files[1].Shards[2].Digest)}}
		}},
		{"file in shards", 8, func(l *sign.DenyList, m *manifest.Manifest) {
			l.Files = []sign.DeniedFile{{Digest: hexOf(m.Files[1].ID())}}
		}},
		{"key", 0, func(l *sign.DenyList, _ *manifest.Manifest) {
			l.Keys = []sign.DeniedKey{{Fingerprint: hexOf(fingerprint[:])}}
		}},
		{"key, whose signatures carry no time", 0, func(l *sign.DenyList, _ *manifest.Manifest) {
			l.Keys = []sign.DeniedKey{{Fingerprint: hexOf(fingerprint[:]), SignedAfter: &now}}
		}},
		{"expired", 0, func(l *sign.DenyList, _ *manifest.Manifest) { l.Issued, l.Expires = earlier, now }},
	} {
		m, err := sign.Measure(context.Background(), src, sign.SignOptions{ShardSize: c.shard})
		if err != nil {
			return nil, err
		}
		l := &sign.DenyList{Number: 7, Issued: earlier, Expires: now.AddDate(0, 1, 0)}
		c.edit(l, m)
		envelope, err := sign.SignDenyList(key, l)
		if err != nil {
			return nil, err
		}
		sig, _, err := sign.Sign(context.Background(), src, key, sign.SignOptions{ShardSize: c.shard})
		if err != nil {
			return nil, err
		}
		keys := []crypto.PublicKey{key.Public()}
		_, err = sign.Open(context.Background(), src, sign.Policy{Keys: keys, DenyListKeys: keys, InsecureAnyModel: true},
			sign.WithBundle(sig), sign.WithDenyList(envelope), sign.WithClock(func() time.Time { return now }))
		verdict := "accepted"
		switch {
		case errors.Is(err, sign.ErrDenied):
			verdict = "denied"
		case errors.Is(err, sign.ErrPolicy):
			verdict = "not in force"
		case err != nil:
			return nil, err
		}
		files := []any{}
		for _, f := range m.Files {
			digests := []any{}
			for _, d := range f.Digests() {
				digests = append(digests, hexOf(d))
			}
			files = append(files, map[string]any{"algorithm": f.Algorithm, "shard_size": f.ShardSize, "digests": digests})
		}
		id := m.ModelID()
		out = append(out, vector{c.name, "deny-list",
			map[string]any{"spki": hexOf(spki), "envelope": string(envelope), "now": now.Format(time.RFC3339), "signer": hexOf(spki),
				"model_id": hexOf(id[:]), "files": files},
			map[string]any{"number": l.Number, "verdict": verdict}})
	}
	return out, nil
}
