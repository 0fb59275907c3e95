package main

import (
	"context"
	"crypto"
	"strconv"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/internal/transcript"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// resource is the form in a vector of one signed file.
func resource(r manifest.Resource) map[string]any {
	return map[string]any{"name": r.Name, "algorithm": r.Algorithm, "digest": hexOf(r.Digest)}
}

func newResource(name, content string) manifest.Resource {
	return manifest.Resource{Name: name, Algorithm: manifest.SHA256, Digest: sum([]byte(content))}
}

func modelVectors() ([]vector, error) {
	cases := []struct {
		name      string
		resources []manifest.Resource
	}{
		{"one file", []manifest.Resource{newResource("model.safetensors", "weights")}},
		{"no file", nil},
		// The manifest's order does not count, bytes decide: '-' sorts before '/'.
		{"order of names", []manifest.Resource{newResource("a/b", "1"), newResource("a-b", "2"), newResource("a", ""), newResource("Z", "3")}},
		{"names with spaces and letters", []manifest.Resource{newResource("model card.md", "c"), newResource("modèle", "m")}},
	}
	var out []vector
	for _, c := range cases {
		id := manifest.ModelID(manifest.MethodFiles, "", c.resources)
		resources := []any{}
		for _, r := range c.resources {
			resources = append(resources, resource(r))
		}
		out = append(out, vector{c.name, "model-id",
			map[string]any{"method": manifest.MethodFiles, "params": "", "resources": resources},
			map[string]any{"model_id": hexOf(id[:])}})
	}
	const shard = 8 // by their bytes, which decide, the names sort 0:8, 16:17, 8:16
	shards := []manifest.Resource{newResource("a:b:0:8", "1"), newResource("a:b:8:16", "2"), newResource("a:b:16:17", "3")}
	id := manifest.ModelID(manifest.MethodShards, strconv.Itoa(shard), shards)
	file := manifest.File{Name: "a:b", Algorithm: manifest.SHA256, ShardSize: shard}
	listed, digests := []any{}, []any{}
	for i, r := range shards {
		listed = append(listed, resource(r))
		file.Shards = append(file.Shards, manifest.Shard{Start: int64(i) * shard, Digest: r.Digest})
		digests = append(digests, hexOf(r.Digest))
	}
	out = append(out,
		vector{"shards", "model-id", map[string]any{"method": manifest.MethodShards, "params": strconv.Itoa(shard), "resources": listed},
			map[string]any{"model_id": hexOf(id[:])}},
		vector{"a file in three shards", "shards", map[string]any{"algorithm": file.Algorithm, "shard_size": shard, "digests": digests},
			map[string]any{"digest": hexOf(file.ID())}})
	loaded, err := loadedVector()
	return append(out, loaded), err
}

// loadedVector signs a model, reads a part of it, and takes down what is then claimed to be loaded.
func loadedVector() (vector, error) {
	key, err := fixedKey()
	if err != nil {
		return vector{}, err
	}
	ctx := context.Background()
	src := fstest.MapFS{"a/b": {Data: []byte("1")}, "a-b": {Data: []byte("2")}, "unread": {Data: []byte("3")}}
	sig, _, err := sign.Sign(ctx, src, key, sign.SignOptions{})
	if err != nil {
		return vector{}, err
	}
	m, err := sign.Open(ctx, src, sign.Policy{Keys: []crypto.PublicKey{key.Public()}, InsecureAnyModel: true}, sign.WithBundle(sig))
	if err != nil {
		return vector{}, err
	}
	files := []any{}
	for _, name := range []string{"a/b", "a-b"} {
		content, err := m.ReadFile(name)
		if err != nil {
			return vector{}, err
		}
		files = append(files, resource(newResource(name, string(content))))
	}
	digest, _ := m.Loaded()
	return vector{"two of three files", "loaded", map[string]any{"files": files}, map[string]any{"loaded": hexOf(digest[:])}}, nil
}

func sealVectors() ([]vector, error) {
	var out []vector
	for _, path := range []string{"model.safetensors", "a/b c.json"} {
		out = append(out, vector{path, "seal-file-ad",
			map[string]any{"name": modelName, "version": modelVersion, "path": path},
			map[string]any{"ad": hexOf(seal.FileAD(modelName, modelVersion, path))}})
	}
	more, err := sealedVectors()
	return append(out, more...), err
}

func evidenceVectors() []vector {
	challenge, keyHash, gpu := fill32(1), transcript.KeyHash(transcript.SuiteECDSAP256, fill(91, 3)), fill32(0xa0)
	claims := []byte(`{"epoch":0,"prev":null}`)
	var out []vector
	for _, role := range []string{attest.RoleServe, attest.RoleRelease} {
		for _, g := range []*[32]byte{nil, &gpu} {
			name, in := role+" without GPU", map[string]any{"role": role, "challenge": hexOf(challenge[:]), "key_hash": hexOf(keyHash[:]),
				"gpu_digest": nil, "claims": string(claims)}
			if g != nil {
				name, in["gpu_digest"] = role+" with GPU", hexOf(gpu[:])
			}
			rd := attest.ReportData(role, challenge, keyHash, g, [32]byte(sum(claims)))
			out = append(out, vector{name, "report-data", in, map[string]any{"report_data": hexOf(rd[:])}})
		}
		n := transcript.New("holdfast/gpu-nonce/v1").String(role).Bytes(challenge[:]).Bytes(keyHash[:]).SHA256()
		out = append(out, vector{role, "gpu-nonce",
			map[string]any{"role": role, "challenge": hexOf(challenge[:]), "key_hash": hexOf(keyHash[:])},
			map[string]any{"nonce": hexOf(n[:])}})
	}
	at := uint64(1767323045)
	c := transcript.New("holdfast/serve-challenge/v1").Bytes(challenge[:]).Uint64(at).SHA256()
	asked := transcript.New("holdfast/client-challenge/v1").Bytes(challenge[:]).SHA256()
	return append(out,
		vector{"a server's own", "serve-challenge", map[string]any{"random": hexOf(challenge[:]), "time": at}, map[string]any{"challenge": hexOf(c[:])}},
		vector{"a relying party's", "client-challenge", map[string]any{"asked": hexOf(challenge[:])}, map[string]any{"challenge": hexOf(asked[:])}})
}

func channelVectors() []vector {
	exporter, nonceC, nonceS := fill(32, 0x10), fill(32, 0x30), fill(32, 0x50)
	epoch := []byte(`{"epoch":0,"prev":null}`)
	t := transcript.New("holdfast/channel/v1").String("serve").Bytes(exporter).Bytes(nonceC).Bytes(nonceS).
		String("http/1.1").String("localhost").Bytes(sum(epoch))
	return []vector{{"serve over HTTP/1.1", "channel",
		map[string]any{"role": "serve", "exporter": hexOf(exporter), "nonce_c": hexOf(nonceC), "nonce_s": hexOf(nonceS),
			"alpn": "http/1.1", "sni": "localhost", "epoch": string(epoch)},
		map[string]any{"encoding": hexOf(t.Encoding())}}}
}
