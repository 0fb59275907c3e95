package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

func res(name, content string) Resource {
	d := sha256.Sum256([]byte(content))
	return Resource{Name: name, Algorithm: SHA256, Digest: d[:]}
}

// emit writes a statement of the method files.
func emit(subject string, resources []Resource, ignore ...string) ([]byte, error) {
	return Emit(&Manifest{Method: MethodFiles, HashType: SHA256, Subject: subject, Resources: resources, IgnorePaths: ignore})
}

// TestModelID holds the identity against the vectors of docs/SPEC.md section 2.
func TestModelID(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs", "vectors", "model.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Vectors []struct {
			Name, Kind string
			In         struct {
				Method, Params string
				Resources      []struct{ Name, Algorithm, Digest string }
			}
			Out struct {
				ModelID string `json:"model_id"`
			}
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, v := range doc.Vectors {
		if v.Kind != "model-id" {
			continue
		}
		checked++
		var rs []Resource
		for _, r := range v.In.Resources {
			d, _ := hex.DecodeString(r.Digest)
			rs = append(rs, Resource{r.Name, r.Algorithm, d})
		}
		id := ModelID(v.In.Method, v.In.Params, rs)
		if hex.EncodeToString(id[:]) != v.Out.ModelID {
			t.Errorf("%s: %x, want %s", v.Name, id, v.Out.ModelID)
		}
	}
	if checked < 4 {
		t.Errorf("%d vectors", checked)
	}
}

// TestGoldens reads the statements that the reference implementation writes.
func TestGoldens(t *testing.T) {
	dir := testkit.Vectors(t, "sign", "model-transparency", "statements")
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(files) != 12 {
		t.Errorf("%d statements, want 12", len(files))
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		var want error
		switch {
		case strings.HasPrefix(name, "empty_") && name != "empty_model_file.json": // the serializer's goldens without resources
			want = ErrFormat
		}
		m, err := Parse(b)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if err == nil && (m.Root != RootDigest(m.Resources) || !m.AllowSymlinks) {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestEmit(t *testing.T) {
	a, b := res("a/b", "1"), res("a-b <&>\u2028.txt", "2")
	one, err := emit("tiny", []Resource{a, b}, "model.sig", ".git", ".git")
	if err != nil {
		t.Fatal(err)
	}
	two, err := emit("tiny", []Resource{b, a}, ".git", "model.sig")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Errorf("not deterministic:\n%s\n%s", one, two)
	}
	m, err := Parse(one)
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject != "tiny" || m.AllowSymlinks || len(m.IgnorePaths) != 2 || m.Resources[0].Name != b.Name || m.Resources[1].Name != a.Name {
		t.Errorf("%+v", m)
	}
	if id := ModelID(MethodFiles, "", []Resource{a, b}); m.ModelID() != id {
		t.Error("identity changed on the way")
	}
	for name, bad := range map[string][]Resource{
		"none":          nil,
		"invalid UTF-8": {res("a\xff", "")},
		"twice":         {a, a},
		"below a file":  {a, res("a", "")},
		"short digest":  {{Name: "a", Algorithm: SHA256, Digest: []byte{1}}},
		"algorithm":     {{Name: "a", Algorithm: "md5", Digest: a.Digest}},
	} {
		if _, err := emit("tiny", bad); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := emit("", []Resource{a}); !errors.Is(err, ErrFormat) {
		t.Error("no subject")
	}
	if _, err := emit("tiny", []Resource{a}, "../x"); !errors.Is(err, ErrFormat) {
		t.Error("ignore path")
	}
}

// FuzzParse: whatever parses keeps its promises, and says the same when it is written again.
func FuzzParse(f *testing.F) {
	good, err := emit("tiny", []Resource{res("a/b", "1"), res("c", "2")}, ".git")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	shards, err := Emit(shardManifest(8, Resource{"a:0:8:8:16", SHA256, make([]byte, 32)}, Resource{"a:0:8:0:8", SHA256, make([]byte, 32)}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(shards)
	f.Add([]byte(strings.Replace(string(good), `"files"`, `"shards"`, 1)))
	f.Add([]byte(strings.Replace(string(good), `"name":"c"`, `"name":"../c"`, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		if RootDigest(m.Resources) != m.Root || len(m.Resources) == 0 {
			t.Fatal("broken promise")
		}
		n := 0
		for _, file := range m.Files {
			n += len(file.Digests())
			if size, known := file.Size(); known != (m.Method == MethodShards) || known && size <= 0 {
				t.Fatal("file without bytes", file)
			}
		}
		if n != len(m.Resources) {
			t.Fatal("files do not add up to the resources")
		}
		again, err := Emit(m)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := Parse(again); err != nil || n.ModelID() != m.ModelID() {
			t.Fatal(err)
		}
	})
}

// A list that is too long is refused before it is stored.
func TestParseMemory(t *testing.T) {
	text := []byte(`{"resources":[` + strings.Repeat("0,", 4_000_000) + `0]}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var p predicate
	err := decode("predicate", text, &p, known)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, ErrFormat) || got > 1<<20 {
		t.Errorf("%d bytes cost %d bytes: %v", len(text), got, err)
	}
}
