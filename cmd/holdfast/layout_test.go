package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// store LAYOUT DIR OUT [SIGNATURE…] stores a model directory otherwise. A SIGNATURE lies beside the model in an OCI layout, and so does
// a bill of materials where one is named sbom.
func cmdStore(ts *testscript.TestScript, _ bool, args []string) {
	src, out := os.DirFS(ts.MkAbs(args[1])), ts.MkAbs(args[2])
	write := func(name string, data []byte) {
		name = filepath.Join(out, filepath.FromSlash(name))
		ts.Check(os.MkdirAll(filepath.Dir(name), 0o755))
		ts.Check(os.WriteFile(name, data, 0o644))
	}
	blob := func(data []byte) map[string]any {
		sum := sha256.Sum256(data)
		write("blobs/sha256/"+hex.EncodeToString(sum[:]), data)
		return map[string]any{"digest": "sha256:" + hex.EncodeToString(sum[:]), "size": len(data)}
	}
	text := func(v any) []byte { data, err := json.Marshal(v); ts.Check(err); return data }
	typed := func(d map[string]any, mediaType string, more ...any) map[string]any {
		d["mediaType"] = mediaType
		for i := 0; i+1 < len(more); i += 2 {
			d[more[i].(string)] = more[i+1]
		}
		return d
	}
	var archive bytes.Buffer
	packed := zip.NewWriter(&archive)
	var layers []any
	commit := strings.Repeat("c", 40)
	ts.Check(fs.WalkDir(src, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(src, name)
		ts.Check(err)
		switch args[0] {
		case "zip":
			w, err := packed.Create(name)
			ts.Check(err)
			_, err = w.Write(data)
			ts.Check(err)
		case "hub":
			at := "snapshots/" + commit + "/" + name
			if runtime.GOOS == "windows" { // as the cache does it there
				write(at, data)
				break
			}
			sum := sha256.Sum256(data)
			write("blobs/"+hex.EncodeToString(sum[:]), data)
			link := filepath.Join(out, at)
			ts.Check(os.MkdirAll(filepath.Dir(link), 0o755))
			ts.Check(os.Symlink(strings.Repeat("../", strings.Count(at, "/"))+"blobs/"+hex.EncodeToString(sum[:]), link))
		case "oci":
			layers = append(layers, typed(blob(data), "application/vnd.cncf.model.weight.v1.raw",
				"annotations", map[string]string{"org.cncf.model.filepath": name}))
		}
		return nil
	}))
	switch args[0] {
	case "zip":
		ts.Check(packed.Close())
		ts.Check(os.WriteFile(out, archive.Bytes(), 0o644))
	case "hub":
		write("refs/main", []byte(commit))
	case "oci":
		const manifest, signature = "application/vnd.oci.image.manifest.v1+json", "application/vnd.dev.sigstore.bundle.v0.3+json"
		model := typed(blob(text(map[string]any{"schemaVersion": 2, "mediaType": manifest, "layers": layers,
			"config": typed(blob([]byte("{}")), "application/vnd.cncf.model.config.v1+json")})), manifest)
		list := []any{typed(map[string]any{"digest": model["digest"], "size": model["size"]}, manifest,
			"annotations", map[string]string{"org.opencontainers.image.ref.name": "v1"})}
		for _, name := range args[3:] {
			kind := signature
			if name == "sbom" {
				kind = "application/vnd.cyclonedx+json"
			}
			referrer := map[string]any{"schemaVersion": 2, "mediaType": manifest, "subject": model, "artifactType": kind,
				"config": typed(blob([]byte("{}")), "application/vnd.oci.empty.v1+json"),
				"layers": []any{typed(blob([]byte(ts.ReadFile(name))), kind)}}
			list = append(list, typed(blob(text(referrer)), manifest, "artifactType", kind))
		}
		write("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
		write("index.json", text(map[string]any{"schemaVersion": 2, "manifests": list}))
	}
}
