package tink

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/seal"
)

type job struct {
	Op  string `json:"op"`
	AD  []byte `json:"ad"`
	In  string `json:"in"`
	Out string `json:"out"`
}

// peer is the program that links google/tink/go.
type peer struct{ path string }

func newPeer(t *testing.T) peer {
	t.Helper()
	p := peer{filepath.Join(t.TempDir(), "peer")}
	if out, err := exec.Command("go", "build", "-o", p.path, "./peer").CombinedOutput(); err != nil {
		t.Fatalf("build peer: %v\n%s", err, out)
	}
	return p
}

func (p peer) run(keyset string, jobs []job) error {
	doc, err := json.Marshal(map[string]any{"keyset": keyset, "jobs": jobs})
	if err != nil {
		return err
	}
	cmd := exec.Command(p.path)
	cmd.Stdin = bytes.NewReader(doc)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("peer: %w: %s", err, out)
	}
	return nil
}

func plaintext(n int) []byte {
	var b []byte
	for i := uint64(0); len(b) < n; i++ {
		d := sha256.Sum256(binary.BigEndian.AppendUint64(nil, i))
		b = append(b, d[:]...)
	}
	return b[:n]
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sizes are all up to three segments and a byte for small segments, and the edges for others.
func sizes(segment int) (out []int) {
	if segment <= 128 {
		for n := range 3*segment + 2 {
			out = append(out, n)
		}
		return out
	}
	for n := range 4 {
		for d := -1; d <= 1; d++ {
			for _, edge := range []int{n*(segment-16) - 40, n * segment} { // plaintext edges, and round numbers
				if edge+d >= 0 {
					out = append(out, edge+d)
				}
			}
		}
	}
	return out
}

// Both directions, every size.
func TestStreams(t *testing.T) {
	p := newPeer(t)
	ad := []byte("associated data")
	for _, segment := range []int{65, 128, 4096, 1 << 20} {
		t.Run(fmt.Sprint(segment), func(t *testing.T) {
			h, err := seal.NewKeyset(segment)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			var ks bytes.Buffer
			if err := kek.InsecureWriteCleartextKeyset(&ks, h); err != nil {
				t.Fatal(err)
			}
			keyset := filepath.Join(dir, "keyset.json")
			write(t, keyset, ks.Bytes())
			var jobs []job
			pts := map[int][]byte{}
			for _, n := range sizes(segment) {
				if pts[n] != nil {
					continue
				}
				pts[n] = append([]byte{}, plaintext(n)...)
				name := filepath.Join(dir, fmt.Sprint(n))
				write(t, name+".plain", pts[n])
				out, err := os.Create(name + ".ours")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := seal.EncryptFrom(t.Context(), out, bytes.NewReader(pts[n]), int64(n), h, ad); err != nil {
					t.Fatal(err)
				}
				if err := out.Close(); err != nil {
					t.Fatal(err)
				}
				jobs = append(jobs, job{"open", ad, name + ".ours", name + ".opened"}, job{"seal", ad, name + ".plain", name + ".theirs"})
			}
			if err := p.run(keyset, jobs); err != nil {
				t.Fatal(err)
			}
			for n, pt := range pts {
				name := filepath.Join(dir, fmt.Sprint(n))
				if !bytes.Equal(read(t, name+".opened"), pt) {
					t.Errorf("size %d: they read other bytes", n)
				}
				theirs, dst := read(t, name+".theirs"), make([]byte, n)
				if err := seal.DecryptTo(t.Context(), dst, bytes.NewReader(theirs), int64(len(theirs)), h, ad); err != nil || !bytes.Equal(dst, pt) {
					t.Errorf("size %d: we read theirs: %v", n, err)
				}
			}
			wrong := []job{{"open", []byte("other"), jobs[0].In, filepath.Join(dir, "wrong")}}
			if err := p.run(keyset, wrong); err == nil || !strings.Contains(err.Error(), "no matching key found") {
				t.Errorf("they open under other associated data: %v", err)
			}
		})
	}
}

// A sealed directory, file by file, with the associated data of the specification.
func TestDirectory(t *testing.T) {
	p := newPeer(t)
	h, err := kek.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	src := fstest.MapFS{
		"config.json": {Data: plaintext(300)}, "a/b": {Data: plaintext(2<<20 - 72)}, "a-b": {Data: nil},
		"with space": {Data: plaintext(1 << 20)}, ".holdfast/model.sig": {Data: plaintext(1000)},
	}
	sealed := filepath.Join(dir, "sealed")
	if _, err := seal.Dir(t.Context(), sealed, src, h, seal.Options{Name: "tiny", Version: 7}); err != nil {
		t.Fatal(err)
	}
	var ks bytes.Buffer
	if err := kek.InsecureWriteCleartextKeyset(&ks, h); err != nil {
		t.Fatal(err)
	}
	keyset := filepath.Join(dir, "keyset.json")
	write(t, keyset, ks.Bytes())
	var m struct {
		Files []struct{ Path, Blob string }
	}
	if err := json.Unmarshal(read(t, filepath.Join(sealed, "seal.json")), &m); err != nil || len(m.Files) != len(src) {
		t.Fatalf("%d files: %v", len(m.Files), err)
	}
	var jobs []job
	for i, f := range m.Files {
		jobs = append(jobs, job{"open", seal.FileAD("tiny", 7, f.Path), filepath.Join(sealed, f.Blob), filepath.Join(dir, fmt.Sprint(i))})
	}
	if err := p.run(keyset, jobs); err != nil {
		t.Fatal(err)
	}
	for i, f := range m.Files {
		want, err := fs.ReadFile(src, f.Path)
		if err != nil || !bytes.Equal(read(t, filepath.Join(dir, fmt.Sprint(i))), want) {
			t.Errorf("%s: they read other bytes, %v", f.Path, err)
		}
	}
}
