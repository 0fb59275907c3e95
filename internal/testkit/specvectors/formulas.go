package main

import (
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// A resource is one signed file, as it enters the ModelID.
type resource struct {
	Name      string `json:"name"`
	Algorithm string `json:"algorithm"`
	Digest    string `json:"digest"` // hex
	raw       []byte
}

func newResource(name, content string) resource {
	d := sum([]byte(content))
	return resource{name, "sha256", hexOf(d), d}
}

func modelVectors() []vector {
	cases := []struct {
		name      string
		resources []resource
	}{
		{"one file", []resource{newResource("model.safetensors", "weights")}},
		{"no file", nil},
		// The manifest's order does not count, bytes decide: '-' sorts before '/'.
		{"order of names", []resource{newResource("a/b", "1"), newResource("a-b", "2"), newResource("a", ""), newResource("Z", "3")}},
		{"names with spaces and letters", []resource{newResource("model card.md", "c"), newResource("modèle", "m")}},
	}
	var out []vector
	for _, c := range cases {
		id := modelID("files", c.resources)
		out = append(out, vector{c.name, "model-id",
			map[string]any{"method": "files", "params": "", "resources": append([]resource{}, c.resources...)},
			map[string]any{"model_id": hexOf(id[:])}})
	}
	return out
}

func modelID(method string, resources []resource) [32]byte {
	t := transcript.New("holdfast/model-id/v1").String(method).String("").Uint64(uint64(len(resources)))
	sorted := slices.SortedFunc(slices.Values(resources), func(a, b resource) int { return strings.Compare(a.Name, b.Name) })
	for _, r := range sorted {
		t.String(r.Name).String(r.Algorithm).Bytes(r.raw)
	}
	return t.SHA256()
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
	for _, role := range []string{"serve", "release"} {
		for _, withGPU := range []bool{false, true} {
			t := transcript.New("holdfast/report-data/v1").String(role).Bytes(challenge[:]).Bytes(keyHash[:])
			name, in := role+" without GPU", map[string]any{"role": role, "challenge": hexOf(challenge[:]), "key_hash": hexOf(keyHash[:]),
				"gpu_digest": nil, "claims": string(claims)}
			if withGPU {
				name, in["gpu_digest"] = role+" with GPU", hexOf(gpu[:])
				t.Bytes(gpu[:])
			} else {
				t.Absent()
			}
			rd := t.Bytes(sum(claims)).SHA512()
			out = append(out, vector{name, "report-data", in, map[string]any{"report_data": hexOf(rd[:])}})
		}
		n := transcript.New("holdfast/gpu-nonce/v1").String(role).Bytes(challenge[:]).Bytes(keyHash[:]).SHA256()
		out = append(out, vector{role, "gpu-nonce",
			map[string]any{"role": role, "challenge": hexOf(challenge[:]), "key_hash": hexOf(keyHash[:])},
			map[string]any{"nonce": hexOf(n[:])}})
	}
	return out
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
