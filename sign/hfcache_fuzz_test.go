//go:build unix

package sign_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/sign"
)

// FuzzHuggingFaceFS: whatever the cache's refs and links say, and whatever revision is asked for, what opens is the one snapshot
// that is there, and what is read are the bytes of a blob or of the snapshot itself.
func FuzzHuggingFaceFS(f *testing.F) {
	f.Add("main", []byte(commit), "../../blobs/b")
	f.Add("main", []byte(commit+"\n"), "../../blobs/aa/b")
	f.Add(commit, []byte("x"), "../../../secret")
	f.Add("../snapshots/"+commit+"/plain", []byte(commit+"\r\n"), "../../blobs/../../secret")
	f.Add("refs/pr/1", []byte(strings.Repeat("../", 13)+"x"), "/etc/passwd")
	f.Add("main/", []byte(strings.ToUpper(commit)), "../../blobs/link")
	f.Add("", []byte(commit+"\n\n"), "plain")
	f.Fuzz(func(t *testing.T, revision string, ref []byte, link string) {
		dir := t.TempDir()
		repo := filepath.Join(dir, "models--o--n")
		for name, content := range map[string]string{
			"secret": "secret", "models--o--n/secret": "secret", "models--o--n/refs/main": string(ref), "models--o--n/refs/refs/pr/1": string(ref),
			"models--o--n/blobs/b": "blob", "models--o--n/blobs/aa/b": "blob", "models--o--n/snapshots/" + commit + "/plain": "plain",
		} {
			p := filepath.Join(dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(content), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink("../secret", filepath.Join(repo, "blobs/link")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(link, filepath.Join(repo, "snapshots", commit, "w")); err != nil {
			t.Skip("no such link:", err)
		}
		root, err := os.OpenRoot(repo)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		src, err := sign.HuggingFaceFS(root, revision)
		if err != nil {
			return
		}
		if named := revision == "main" || revision == "refs/pr/1"; revision != commit && (!named || strings.TrimSuffix(string(ref), "\n") != commit) {
			t.Fatalf("revision %q opened", revision)
		}
		for _, name := range []string{"w", "plain", link, "../../secret"} {
			switch data, err := fs.ReadFile(src, name); {
			case err == nil && string(data) != "blob" && string(data) != "plain":
				t.Fatalf("%q is %q", name, data)
			case err != nil && name == "plain":
				t.Fatal(err)
			}
		}
	})
}
