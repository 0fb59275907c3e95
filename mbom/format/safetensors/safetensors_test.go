package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/mbom/format/safetensors"
)

func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

// The vectors' labels give each file a verdict and the number of the one rule that it breaks.
func TestVectors(t *testing.T) {
	dir, labels := testkit.Labelled[struct {
		Path, Verdict string
		Rule          json.RawMessage // a number, or a word that is no rule of the reader
	}](t, "formats", "safetensors")
	for _, l := range labels {
		t.Run(l.Path, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dir, l.Path))
			if err != nil {
				t.Fatal(err)
			}
			h, err := safetensors.Read(bytes.NewReader(data), int64(len(data)))
			if l.Verdict != "reject" {
				if err != nil {
					t.Fatalf("want %s, got %v", l.Verdict, err)
				}
				if string(l.Rule) == "18" && h.Aligned {
					t.Fatal("misalignment is not reported")
				}
				return
			}
			fe, ok := errors.AsType[*safetensors.FormatError](err)
			if !ok || !errors.Is(err, safetensors.ErrFormat) {
				t.Fatalf("want a FormatError, got %v", err)
			}
			want, err := strconv.Atoi(string(l.Rule))
			if err != nil {
				t.Fatal(err)
			}
			if got := int(fe.Rule); got != want && !(want == 3 && got == 2) { // a header that wraps is above the cap first
				t.Errorf("refused by rule %d (%v), want %d", got, fe, want)
			}
		})
	}
	if len(labels) != 116 {
		t.Errorf("%d labelled files, want 116", len(labels))
	}
}

func TestRead(t *testing.T) {
	data := file(`{"b":{"dtype":"F16","shape":[2,2],"data_offsets":[8,16]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"A":{"dtype":"I64","shape":[0],"data_offsets":[16,16]},"__metadata__":{"format":"pt"}}`, 16)
	h, err := safetensors.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range h.Tensors {
		got = append(got, fmt.Sprint(x.Name, x.DType, x.Shape, x.Elements(), x.Begin, x.End))
	}
	if want := "aF32[2] 2 0 8;bF16[2 2] 4 8 16;AI64[0] 0 16 16"; strings.Join(got, ";") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ";"), want)
	}
	if h.Metadata["format"] != "pt" {
		t.Error("metadata is lost")
	}
}

// One file for each rule, made here, beside its accepted twin.
func TestRules(t *testing.T) {
	const good = `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	if _, err := safetensors.Read(bytes.NewReader(file(good, 8)), 8+int64(len(good))+8); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		header string
		data   int
		rule   safetensors.Rule
	}{
		"trailing":       {good, 9, safetensors.RuleFileSize},
		"cut":            {good, 7, safetensors.RuleFileSize},
		"utf8":           {strings.Replace(good, "a", "\xff", 1), 8, safetensors.RuleUTF8},
		"json":           {good[:len(good)-1], 8, safetensors.RuleJSON},
		"space-first":    {" " + good, 8, safetensors.RuleBrace},
		"newline-after":  {good + "\n", 8, safetensors.RulePadding},
		"value-after":    {good + "{}", 8, safetensors.RuleJSON},
		"twice":          {`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0, safetensors.RuleDuplicate},
		"field-twice":    {strings.Replace(good, `"dtype"`, `"dtype":"F32","dtype"`, 1), 8, safetensors.RuleDuplicate},
		"overlap":        {`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}`, 6, safetensors.RuleOrder},
		"hole":           {`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3, safetensors.RuleOrder},
		"size":           {strings.Replace(good, "[2]", "[3]", 1), 8, safetensors.RuleSize},
		"overflow":       {strings.Replace(good, "[2]", "[4294967296,4294967296,2]", 1), 8, safetensors.RuleOverflow},
		"half-byte":      {`{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}`, 1, safetensors.RuleOverflow},
		"dtype":          {strings.Replace(good, "F32", "F33", 1), 8, safetensors.RuleEntry},
		"float-dim":      {strings.Replace(good, "[2]", "[2.0]", 1), 8, safetensors.RuleEntry},
		"case-variant":   {strings.Replace(good, `"dtype"`, `"Dtype"`, 1), 8, safetensors.RuleEntry},
		"no-shape":       {`{"a":{"dtype":"F32","data_offsets":[0,8]}}`, 8, safetensors.RuleEntry},
		"metadata":       {`{"__metadata__":{"k":1}}`, 0, safetensors.RuleMetadata},
		"metadata-twice": {`{"__metadata__":{"k":"1","k":"1"}}`, 0, safetensors.RuleDuplicate},
		"name":           {strings.Replace(good, "a", `\u0000`, 1), 8, safetensors.RuleName},
		"rank":           {strings.Replace(good, "[2]", "[2"+strings.Repeat(",1", safetensors.MaxRank)+"]", 1), 8, safetensors.RuleRank},
	} {
		data := file(c.header, c.data)
		_, err := safetensors.Read(bytes.NewReader(data), int64(len(data)))
		if fe, ok := errors.AsType[*safetensors.FormatError](err); !ok || fe.Rule != c.rule {
			t.Errorf("%s: got %v, want rule %d", name, err, c.rule)
		}
	}
}

// Caps that the vectors leave out because their files would be large.
func TestCaps(t *testing.T) {
	var prefix [8]byte
	binary.LittleEndian.PutUint64(prefix[:], safetensors.MaxHeader+1)
	if _, err := safetensors.HeaderSize(prefix, 1<<40); !errors.Is(err, safetensors.ErrFormat) {
		t.Errorf("header above the cap: %v", err)
	}
	binary.LittleEndian.PutUint64(prefix[:], safetensors.MaxHeader)
	if _, err := safetensors.HeaderSize(prefix, 1<<40); err != nil {
		t.Errorf("header at the cap: %v", err)
	}
}

// A length that lies must cost what the file has, not what it claims.
func TestClaimedLengthAllocatesNothing(t *testing.T) {
	data := file("{}", 0)
	binary.LittleEndian.PutUint64(data, safetensors.MaxHeader)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := safetensors.Read(bytes.NewReader(data), 1<<40)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("want an unexpected end, got %v", err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes allocated for a file of %d", n, len(data))
	}
}

func FuzzRead(f *testing.F) {
	f.Add(file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8))
	f.Add(file(`{"__metadata__":{"k":"\u00e9\ud83d\ude00"}}  `, 0))
	f.Add(file(`{"a":{"dtype":"F4","shape":[2,0],"data_offsets":[0,0]},"\n":1}`, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := safetensors.Read(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			if !errors.Is(err, safetensors.ErrFormat) {
				t.Fatalf("untyped error: %v", err)
			}
			return
		}
		// What is accepted is JSON for everybody else too, and its ranges tile the data.
		var m map[string]json.RawMessage
		if err := json.Unmarshal(data[8:h.DataStart], &m); err != nil {
			t.Fatalf("accepted a header that encoding/json refuses: %v", err)
		}
		at := int64(0)
		for _, x := range h.Tensors {
			if x.Begin != at || x.End < x.Begin {
				t.Fatalf("hole or overlap at %q", x.Name)
			}
			at = x.End
		}
		if h.DataStart+at != int64(len(data)) {
			t.Fatal("bytes left over")
		}
	})
}
