package oci_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-ai/holdfast/sign/oci"
)

// A model in an image layout directory, as tools of registries leave it, is a file system of the files in its layers.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "layout")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	write := func(name, content string) {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			fmt.Println(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			fmt.Println(err)
		}
	}
	blob := func(mediaType, content, more string) string { // returns the descriptor
		digest := fmt.Sprintf("%x", sha256.Sum256([]byte(content)))
		write("blobs/sha256/"+digest, content)
		return fmt.Sprintf(`{"mediaType":%q,"digest":"sha256:%s","size":%d%s}`, mediaType, digest, len(content), more)
	}
	config := blob("application/vnd.cncf.model.config.v1+json", "{}", "")
	layer := blob("application/vnd.cncf.model.weight.v1.raw", "weights", `,"annotations":{"org.cncf.model.filepath":"model.safetensors"}`)
	manifest := blob("application/vnd.oci.image.manifest.v1+json", `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
		`"artifactType":"application/vnd.cncf.model.manifest.v1+json","config":`+config+`,"layers":[`+layer+`]}`, "")
	write("oci-layout", `{"imageLayoutVersion":"1.0.0"}`)
	write("index.json", `{"schemaVersion":2,"manifests":[`+manifest+`]}`)

	root, err := os.OpenRoot(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer root.Close()
	model, err := oci.Open(context.Background(), root, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := fs.ReadFile(model, "model.safetensors") // for sign.Open, which decides whose it is
	fmt.Printf("%s %v\n", data, err)
	// Output:
	// weights <nil>
}
