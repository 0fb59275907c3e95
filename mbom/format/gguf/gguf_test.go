package gguf_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/mbom/format/gguf"
)

type writer struct{ bytes.Buffer }

func (w *writer) u32(v uint32)     { w.Write(binary.LittleEndian.AppendUint32(nil, v)) }
func (w *writer) u64(v uint64)     { w.Write(binary.LittleEndian.AppendUint64(nil, v)) }
func (w *writer) text(s string)    { w.u64(uint64(len(s))); w.WriteString(s) }
func (w *writer) align(to int)     { w.Write(make([]byte, -w.Len()&(to-1))) }
func (w *writer) pair(k, v string) { w.text(k); w.u32(uint32(gguf.String)); w.text(v) }

func sample() []byte {
	w := &writer{}
	w.WriteString("GGUF")
	w.u32(3)
	w.u64(2)
	w.u64(2)
	w.pair("general.architecture", "llama")
	w.pair("tokenizer.chat_template", "{{ messages }}")
	for i, name := range []string{"a", "b"} {
		w.text(name)
		w.u32(2)
		w.u64(4)
		w.u64(2)
		w.u32(uint32(gguf.F32))
		w.u64(uint64(i) * 32)
	}
	w.align(32)
	w.Write(make([]byte, 64))
	return w.Bytes()
}

// The vectors' labels give each file a verdict and the one rule that it breaks.
func TestVectors(t *testing.T) {
	dir, labels := testkit.Labelled[struct {
		Path, Verdict, Rule string
		Also                []string
	}](t, "formats", "gguf")
	for _, l := range labels {
		t.Run(l.Path, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dir, l.Path))
			if err != nil {
				t.Fatal(err)
			}
			size := int64(len(data))
			h, err := gguf.Read(bytes.NewReader(data), size)
			if l.Verdict != "reject" {
				if err != nil {
					t.Fatalf("want %s, got %v", l.Verdict, err)
				}
				if got := h.Trailing(size) > 0; got != (l.Rule == "trailing") {
					t.Errorf("trailing bytes reported: %v", got)
				}
				if got := len(h.BadText) > 0; got != (l.Rule == "utf8") {
					t.Errorf("bad text reported: %v", got)
				}
				return
			}
			fe, ok := errors.AsType[*gguf.FormatError](err)
			if !ok || !errors.Is(err, gguf.ErrFormat) {
				t.Fatalf("want a FormatError, got %v", err)
			}
			if fe.Rule != l.Rule && !slices.Contains(l.Also, fe.Rule) &&
				!(l.Rule == "tensor-name" && fe.Rule == "string-length") { // a length of 2^40 breaks both
				t.Errorf("refused by %s (%v), want %s", fe.Rule, fe, l.Rule)
			}
		})
	}
	if len(labels) != 97 {
		t.Errorf("%d labelled files, want 97", len(labels))
	}
}

func TestRead(t *testing.T) {
	data := sample()
	h, err := gguf.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if h.Text("general.architecture") != "llama" || h.Text("tokenizer.chat_template") != "{{ messages }}" || len(h.Tensors) != 2 {
		t.Errorf("got %+v", h)
	}
	if b := h.Tensors[1]; b.Name != "b" || b.Begin != 32 || b.End != 64 || b.Elements() != 8 || b.Type.String() != "F32" {
		t.Errorf("got %+v", b)
	}
	if h.DataEnd != int64(len(data)) || h.Trailing(int64(len(data))) != 0 || h.Trailing(int64(len(data))+1) != 1 {
		t.Errorf("end %d of %d", h.DataEnd, len(data))
	}
}

var (
	arrayNumbers = []byte{1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0}
	arrayStrings = []byte{8: 2, 16: 'a', 17: 'b'}
)

// arraysSample has arrays between other values, of elements of any width and of none.
func arraysSample() *writer {
	w := &writer{}
	w.WriteString("GGUF")
	w.u32(3)
	w.u64(0)
	w.u64(6)
	array := func(key string, elem gguf.ValueType, count uint64, elements []byte) {
		w.text(key)
		w.u32(uint32(gguf.Array))
		w.u32(uint32(elem))
		w.u64(count)
		w.Write(elements)
	}
	array("numbers", gguf.Uint32, 3, arrayNumbers)
	w.pair("text", "between")
	array("strings", gguf.String, 2, arrayStrings)
	array("bytes", gguf.Int8, 1, []byte{7})
	array("empty", gguf.Float64, 0, nil)
	array("no strings", gguf.String, 0, nil)
	return w
}

// The place of an array is that of its elements.
func TestArrayPlaces(t *testing.T) {
	w := arraysSample()
	h, err := gguf.Read(bytes.NewReader(w.Bytes()), int64(w.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string][]byte{"numbers": arrayNumbers, "strings": arrayStrings, "bytes": {7}, "empty": nil, "no strings": nil} {
		if p, ok := h.Lookup(key); !ok || p.At <= 24 || !bytes.Equal(w.Bytes()[p.At:p.End], want) {
			t.Errorf("%s: %d to %d", key, p.At, p.End)
		}
	}
	if p, _ := h.Lookup("text"); p.At != 0 || p.End != 0 {
		t.Errorf("a string has the place %d to %d", p.At, p.End)
	}
}

// One broken copy of the sample for each rule, made here.
func TestRules(t *testing.T) {
	le := binary.LittleEndian
	good := sample()
	h, err := gguf.Read(bytes.NewReader(good), int64(len(good)))
	if err != nil {
		t.Fatal(err)
	}
	last := int(h.DataStart) - 32 // somewhere in the last entry or its padding
	entry := bytes.LastIndex(good[:last+32], append(le.AppendUint64(nil, 1), 'b'))
	for name, c := range map[string]struct {
		change func(b []byte) []byte
		rule   string
	}{
		"magic":            {func(b []byte) []byte { b[0] = 'g'; return b }, "magic"},
		"version":          {func(b []byte) []byte { b[4] = 1; return b }, "version"},
		"tensors":          {func(b []byte) []byte { le.PutUint64(b[8:], 1<<40); return b }, "count-tensors"},
		"pairs":            {func(b []byte) []byte { le.PutUint64(b[16:], 1<<40); return b }, "count-kv"},
		"key-length":       {func(b []byte) []byte { le.PutUint64(b[24:], 1<<40); return b }, "string-length"},
		"tensor-twice":     {func(b []byte) []byte { b[entry+8] = 'a'; return b }, "tensor-duplicate"},
		"dims":             {func(b []byte) []byte { le.PutUint32(b[entry+9:], 5); return b }, "n-dims"},
		"negative":         {func(b []byte) []byte { le.PutUint64(b[entry+13:], 1<<63); return b }, "dim-negative"},
		"product":          {func(b []byte) []byte { le.PutUint64(b[entry+13:], 1<<62); return b }, "dims-overflow"},
		"type":             {func(b []byte) []byte { le.PutUint32(b[entry+29:], 4); return b }, "tensor-type"},
		"block":            {func(b []byte) []byte { le.PutUint32(b[entry+29:], 8); return b }, "block-multiple"},
		"overlap":          {func(b []byte) []byte { le.PutUint64(b[entry+33:], 0); return b }, "offset-sum"},
		"hole":             {func(b []byte) []byte { le.PutUint64(b[entry+33:], 64); return b }, "offset-sum"},
		"data-beyond-file": {func(b []byte) []byte { return b[:len(b)-1] }, "data-beyond-file"},
		// Readers in C take a NUL for the end of a name: the key is then another, and the tensor there twice.
		"nul-in-key":    {func(b []byte) []byte { b[bytes.Index(b, []byte("chat_template"))+4] = 0; return b }, "name-control"},
		"nul-in-tensor": {func(b []byte) []byte { b[entry+8] = 0; return b }, "name-control"},
	} {
		data := c.change(bytes.Clone(good))
		_, err := gguf.Read(bytes.NewReader(data), int64(len(data)))
		if fe, ok := errors.AsType[*gguf.FormatError](err); !ok || fe.Rule != c.rule {
			t.Errorf("%s: got %v, want %s", name, err, c.rule)
		}
	}
	w := &writer{}
	w.WriteString("GGUF")
	w.u32(3)
	w.u64(0)
	w.u64(2)
	w.pair("a", "1")
	w.pair("a", "2")
	_, err = gguf.Read(bytes.NewReader(w.Bytes()), int64(w.Len()))
	if fe, ok := errors.AsType[*gguf.FormatError](err); !ok || fe.Rule != "key-duplicate" {
		t.Errorf("key twice: %v", err)
	}
}

// Every cut of the header asks for more bytes while the file is said to be whole, and is refused once it is not.
func TestCut(t *testing.T) {
	data := sample()
	h, err := gguf.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for n := range int(h.DataStart) - 31 {
		if _, err := gguf.Parse(bytes.NewReader(data[:n]), int64(len(data))); !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, gguf.ErrFormat) {
			t.Fatalf("first %d bytes: %v", n, err)
		}
		if _, err := gguf.Read(bytes.NewReader(data[:n]), int64(n)); !errors.Is(err, gguf.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

// A count that lies must cost what the file has, not what it claims.
func TestClaimedCountAllocatesNothing(t *testing.T) {
	for _, at := range []int{8, 16, 24} { // tensors, pairs, length of the first key
		data := sample()
		binary.LittleEndian.PutUint64(data[at:], 1<<15)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := gguf.Parse(bytes.NewReader(data), 1<<40)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("count at %d: accepted", at)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("count at %d: %d bytes allocated", at, n)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sample())
	f.Add(sample()[:100])
	f.Add(arraysSample().Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		size := int64(len(data))
		h, err := gguf.Read(bytes.NewReader(data), size)
		if err != nil {
			if !errors.Is(err, gguf.ErrFormat) {
				t.Fatalf("untyped error: %v", err)
			}
			return
		}
		place := int64(24)
		for _, p := range h.Pairs {
			if p.Type != gguf.Array {
				continue
			}
			if p.At < place || p.End < p.At || uint64(p.End-p.At) < p.Count || p.End > size {
				t.Fatalf("array %q from %d to %d of %d", p.Key, p.At, p.End, size)
			}
			place = p.End
		}
		at := int64(0)
		for _, x := range h.Tensors {
			if x.Begin < at || x.Begin-at >= h.Alignment || x.End < x.Begin || h.DataStart+x.End > size {
				t.Fatalf("hole, overlap or overrun at %q", x.Name)
			}
			at = x.End
		}
	})
}
