package mbom_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/mbom/format"
	"github.com/holdfast-ai/holdfast/mbom/model"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// Two policies that accept different models have different digests: where a list ends counts, and each template does.
func TestPolicyDigestOfLists(t *testing.T) {
	a, b, c := [32]byte{1}, [32]byte{2}, [32]byte{3}
	seen := map[[32]byte]int{}
	for i, p := range []mbom.Policy{
		{Formats: []string{"x", "y"}}, {Formats: []string{"x"}, Licences: []string{"y"}}, {Licences: []string{"x", "y"}}, {Formats: []string{"X", "y"}},
		{Templates: [][32]byte{a}}, {Templates: [][32]byte{b}}, {Templates: [][32]byte{a, b}}, {Templates: [][32]byte{a, c}}, {Templates: [][32]byte{a, b, c}},
	} {
		if j, twice := seen[p.Digest()]; twice {
			t.Errorf("policies %d and %d have one digest", i, j)
		}
		seen[p.Digest()] = i
	}
	for i, lists := range [][2][][32]byte{{{a, b}, {b, a}}, {{a, b}, {a, b, a}}} {
		if (mbom.Policy{Templates: lists[0]}).Digest() != (mbom.Policy{Templates: lists[1]}).Digest() {
			t.Errorf("%d: order or repetition changes the digest of a policy", i)
		}
		if (mbom.WeightPolicy{Templates: lists[0]}).Digest() != (mbom.WeightPolicy{Templates: lists[1]}).Digest() {
			t.Errorf("%d: order or repetition changes the digest of a weight policy", i)
		}
	}
}

// Only SHA-256 binds a file to the bill.
func TestOtherHashes(t *testing.T) {
	src := complete(t, small())
	for name, change := range map[string]func(*manifest.Resource){
		"another algorithm": func(r *manifest.Resource) { r.Algorithm = manifest.BLAKE3 },
		"a longer digest":   func(r *manifest.Resource) { r.Digest = append(r.Digest, 0) },
		"no digest":         func(r *manifest.Resource) { r.Digest = nil },
	} {
		files := resources(t, src)
		change(&files[0])
		if _, err := mbom.Open(t.Context(), src, files, policy()); !errors.Is(err, mbom.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A bill that lists itself is none.
func TestBillOfItself(t *testing.T) {
	src := small()
	src["m.cdx.json"] = &fstest.MapFile{Data: []byte("{}")}
	complete(t, src)
	delete(src, "m.cdx.json")
	bill := src[mbom.BOMFile]
	bill.Data = bytes.ReplaceAll(bill.Data, []byte(`"m.cdx.json"`), []byte(`"`+mbom.BOMFile+`"`))
	if _, err := open(t, src, policy()); !errors.Is(err, mbom.ErrFormat) || !strings.Contains(err.Error(), "itself") {
		t.Errorf("got %v", err)
	}
}

// What a file is by name and by content must both be what it is then read as.
func TestNamesAndContents(t *testing.T) {
	var torch bytes.Buffer
	w := zip.NewWriter(&torch)
	for name, text := range map[string]string{"archive/data.pkl": evil, "archive/version": "3\n"} {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	all := append(mbom.SafeFormats(), string(format.Pickle), string(format.Torch), string(format.Zip), string(format.Unknown))
	gguf := string(ggufFile([2]float32{1, 2}, 0))
	for name, c := range map[string]struct {
		path, data string
		ok         bool
	}{
		"GGUF":                         {"model.gguf", gguf, true},
		"GGUF by another name":         {"model.dat", gguf, false},
		"safetensors by another name":  {"model.dat", string(weights([]float32{1})), false},
		"text that is called a pickle": {"model.pkl", "plain text\n", false},
		"a pickle of a torch file":     {"model.dat", torch.String(), false},
		"a pickle by another name":     {"model.dat", evil, false},
		"text":                         {"notes.dat", "plain text\n", true},
	} {
		src := small()
		src[c.path] = &fstest.MapFile{Data: []byte(c.data)}
		p := missing()
		p.Formats = all
		_, err := mbom.Open(t.Context(), src, resources(t, src), p)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, mbom.ErrPolicy) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Kernels for experts are fetched as those for attention are; what is only called a function is none.
func TestRemoteCodeByKey(t *testing.T) {
	for data, harmless := range map[string]bool{
		`{"experts_implementation":"evil/kernel"}`: false, `{"attn_implementation":"evil/kernel"}`: false, `{"experts_implementation":"eager"}`: true,
		`{"function_type":"lambda"}`: false, `{"function_type":"function"}`: true, `{"class_name":"Lambda"}`: false, `{"class_name":"Linear"}`: true,
		`{"trust_remote_code":true}`: false, `{"trust_remote_code":false}`: true, `{"trust_remote_code":null}`: true, `{"auto_map":{}}`: false,
	} {
		src := small()
		src["config.json"] = &fstest.MapFile{Data: []byte(data)}
		_, err := mbom.Open(t.Context(), src, resources(t, src), missing())
		if pe, ok := errors.AsType[*mbom.PolicyError](err); (err == nil) != harmless || err != nil && (!ok || pe.Field != "InsecureAllowRemoteCode") {
			t.Errorf("%s: %v", data, err)
		}
	}
}

// What holdfast mbom lists as refused is what Open refuses, each for its own reason.
func TestCheckFormat(t *testing.T) {
	for _, c := range []struct {
		name, format string
		size         int64
		got          string
	}{
		{"LICENSE", "text", 10, ""},
		{"LICENSE", "", 10, ""}, // of no format: refused
		{"train.txt", "text", mbom.MaxInspected, ""},
		{"train.txt", "text", mbom.MaxInspected + 1, "67108865 bytes"},
		{"vocab.json", "json", mbom.MaxInspected + 1, "67108865 bytes"},
		{"model.safetensors", "safetensors", 1 << 40, ""},
		{"Model.GGUF", "gguf", 1 << 40, ""},
		{"weights.bin", "safetensors", 1 << 10, "safetensors under another name"},
		{"model.bin", "torch", 1 << 10, "torch"},
		{"model.pt", "text", 1, "pickle"},
		{"config.json", "text", 1, "text under another name"},
	} {
		err := mbom.Policy{Formats: mbom.SafeFormats()}.CheckFormat(model.File{Name: c.name, Size: c.size, Format: c.format})
		pe, refused := errors.AsType[*mbom.PolicyError](err)
		if want := c.got != "" || c.format == ""; refused != want || refused && (pe.Got != c.got || pe.Path != c.name) {
			t.Errorf("%s of %d bytes, %s: %v, want %q", c.name, c.size, c.format, err, c.got)
		}
		if (mbom.Policy{}).CheckFormat(model.File{Name: c.name, Size: c.size, Format: c.format}) == nil {
			t.Errorf("%s: the zero policy accepts it", c.name)
		}
	}
}
