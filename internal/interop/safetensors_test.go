//go:build interop

package interop

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/mbom/format/safetensors"
)

// What is accepted of damaged headers means the same to the reference reader: the same tensors, types, shapes and sizes.
func TestSafetensors(t *testing.T) {
	setup := exec.Command("./setup-safetensors.sh")
	setup.Stderr = os.Stderr
	python, err := setup.Output()
	if err != nil {
		t.Fatal(err)
	}
	header := `{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"I8","shape":[10],"data_offsets":[16,26]},` +
		`"c\u0061":{"dtype":"F16","shape":[],"data_offsets":[26,28]},"z":{"dtype":"BF16","shape":[0,7],"data_offsets":[28,28]}}  `
	const spelling = "0123456789,:{}[]\" \\\t\n-+.eEuUabFI"
	rng := rand.New(rand.NewPCG(1, 2))
	var file bytes.Buffer
	var ours []map[string][]any
	refused := 0
	for range 40_000 {
		text := []byte(header)
		for range rng.IntN(4) {
			at := rng.IntN(len(text))
			switch c := spelling[rng.IntN(len(spelling))]; rng.IntN(3) {
			case 0:
				text[at] = c
			case 1:
				text = slices.Delete(text, at, at+1)
			default:
				text = slices.Insert(text, at, c)
			}
		}
		data := append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
		data = append(data, make([]byte, 28)...)
		var tensors map[string][]any
		if h, err := safetensors.Read(bytes.NewReader(data), int64(len(data))); err != nil {
			refused++
		} else {
			tensors = map[string][]any{}
			for _, x := range h.Tensors {
				tensors[x.Name] = []any{string(x.DType), x.Shape, x.End - x.Begin}
			}
		}
		ours = append(ours, tensors)
		file.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(data))), data...))
	}
	path := filepath.Join(t.TempDir(), "files")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(strings.TrimSpace(string(python)), "safetensors_reads.py", path)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	stricter, dec := 0, json.NewDecoder(bytes.NewReader(out))
	for i, tensors := range ours {
		var theirs map[string][]any
		if err := dec.Decode(&theirs); err != nil {
			t.Fatal(i, err)
		}
		switch {
		case tensors == nil && theirs != nil:
			stricter++
		case tensors != nil && (theirs == nil || !same(tensors, theirs)):
			t.Errorf("file %d: %v here, %v there", i, tensors, theirs)
		}
	}
	if refused == 0 || refused == len(ours) {
		t.Errorf("%d of %d were refused", refused, len(ours))
	}
	t.Logf("of %d files %d were refused here, %d of them by us alone", len(ours), refused, stricter)
}

func same(a, b map[string][]any) bool {
	x, err := json.Marshal(a)
	if err != nil {
		return false
	}
	y, err := json.Marshal(b)
	return err == nil && bytes.Equal(x, y)
}
