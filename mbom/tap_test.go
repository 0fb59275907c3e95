package mbom_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/mbom"
)

// pass writes data through the tap of p in pieces of step bytes.
func pass(p mbom.WeightPolicy, name string, data []byte, step int) error {
	tap, err := p.Tap(name, int64(len(data)))
	if err != nil {
		return err
	}
	for len(data) > 0 {
		k := min(step, len(data))
		if _, err := tap.Write(data[:k]); err != nil {
			return err
		}
		data = data[k:]
	}
	return tap.Finish()
}

func one(dtype string, n int, data []byte) []byte {
	return container(fmt.Sprintf(`{"x":{"dtype":%q,"shape":[%d],"data_offsets":[0,%d]}}`, dtype, n, len(data)), data)
}

// dtypeName spells a type of the vectors as safetensors does.
func dtypeName(s string) string {
	s = strings.ToUpper(s)
	if strings.HasPrefix(s, "F8") {
		s = "F8_" + strings.TrimSuffix(s[2:], "FN")
	}
	return s
}

// values.jsonl says of each list of little-endian numbers whether it is finite and where it first is not.
func TestValueVectors(t *testing.T) {
	f, err := os.Open(filepath.Join(testkit.Vectors(t, "formats", "tensor"), "values.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	count := 0
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var c struct {
			ID, DType, Hex string
			N              int
			Finite         bool
			FirstBad       *uint64 `json:"first_bad"`
		}
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		data, err := hex.DecodeString(c.Hex)
		if err != nil {
			t.Fatal(err)
		}
		count++
		for _, step := range []int{1, 3, 7, 64, 1 << 20} {
			err = pass(mbom.WeightPolicy{Finite: true}, "m.safetensors", one(dtypeName(c.DType), c.N, data), step)
			ve, refused := errors.AsType[*mbom.ValueError](err)
			switch {
			case err != nil && !refused:
				t.Errorf("%s in steps of %d: %v", c.ID, step, err)
			case refused == c.Finite:
				t.Errorf("%s in steps of %d: refused %v", c.ID, step, refused)
			case refused && (ve.Tensor != "x" || ve.Field != "Finite" || ve.Index != *c.FirstBad):
				t.Errorf("%s in steps of %d: %v, want index %d", c.ID, step, ve, *c.FirstBad)
			}
		}
	}
	if count != 148 {
		t.Errorf("%d cases, want 148", count)
	}
}

// Every pattern of the 8-bit types, against their definitions (OCP 8-bit floating point, and its fn-uz forms).
func TestEightBit(t *testing.T) {
	for dtype, nan := range map[string]func(byte) bool{
		"F8_E5M2":     func(b byte) bool { return b&0x7c == 0x7c },
		"F8_E4M3":     func(b byte) bool { return b&0x7f == 0x7f },
		"F8_E5M2FNUZ": func(b byte) bool { return b == 0x80 },
		"F8_E4M3FNUZ": func(b byte) bool { return b == 0x80 },
		"F8_E8M0":     func(b byte) bool { return b == 0xff },
		"U8":          func(byte) bool { return false },
	} {
		for i := range 256 {
			data := make([]byte, 19)
			data[17] = byte(i)
			err := pass(mbom.WeightPolicy{Finite: true}, "m.safetensors", one(dtype, len(data), data), 1<<20)
			if (err != nil) != nan(byte(i)) {
				t.Errorf("%s %#x: %v", dtype, i, err)
			}
		}
	}
}

func TestAbsMax(t *testing.T) {
	for _, c := range []struct {
		limit float64
		value float32
		ok    bool
	}{
		{1, 1, true}, {1, -1, true}, {1, math.Nextafter32(1, 2), false}, {1, float32(math.Inf(-1)), false}, {1, float32(math.NaN()), false},
		{0.1, math.Nextafter32(0.1, 0), true}, {0.1, 0.1, false}, // the float32 nearest to 0.1 is larger
		{1e300, math.MaxFloat32, true}, {1e300, float32(math.Inf(1)), false}, {1e-300, 0, true}, {1e-300, math.SmallestNonzeroFloat32, false},
	} {
		err := pass(mbom.WeightPolicy{AbsMax: c.limit}, "m.safetensors", weights([]float32{0, 0, 0, c.value, 0}), 1<<20)
		if (err == nil) != c.ok {
			t.Errorf("limit %v, value %v: %v", c.limit, c.value, err)
		}
		want := "AbsMax"
		if v := float64(c.value); math.IsNaN(v) || math.IsInf(v, 0) {
			want = "Finite"
		}
		if ve, ok := errors.AsType[*mbom.ValueError](err); err != nil && (!ok || ve.Index != 3 || ve.Field != want) {
			t.Errorf("limit %v, value %v: %v", c.limit, c.value, err)
		}
	}
	// Half and brain floats: 100 passes, the next larger pattern does not.
	for dtype, bits := range map[string]uint16{"F16": 0x5640, "BF16": 0x42c8} {
		for d := range uint16(2) {
			data := binary.LittleEndian.AppendUint16(nil, bits+d)
			if err := pass(mbom.WeightPolicy{AbsMax: 100}, "m.safetensors", one(dtype, 1, data), 1); (err == nil) != (d == 0) {
				t.Errorf("%s %#x: %v", dtype, bits+d, err)
			}
		}
	}
}

func TestTapStructure(t *testing.T) {
	p := mbom.WeightPolicy{Finite: true}
	good := weights([]float32{1, 2}, []float32{3})
	for _, step := range []int{1, 5, 8, 100, 1 << 20} {
		if err := pass(p, "M.SafeTensors", good, step); err != nil {
			t.Errorf("good file in steps of %d: %v", step, err)
		}
	}
	for name, data := range map[string][]byte{
		"empty": nil, "short": good[:7], "pickle": []byte(evil + strings.Repeat(" ", 40)), "cut": good[:len(good)-1], "long": append(bytes.Clone(good), 0),
		"header-only": good[:40], "text": []byte("version https://git-lfs.github.com/spec/v1\n"),
	} {
		for _, kind := range []string{"m.safetensors", "m.gguf"} {
			if err := pass(p, kind, data, 16); !errors.Is(err, mbom.ErrFormat) {
				t.Errorf("%s as %s: want ErrFormat, got %v", name, kind, err)
			}
		}
	}
	// The stream may not disagree with the size that was announced.
	for _, announced := range []int64{int64(len(good)) - 1, int64(len(good)) + 1} {
		tap, err := p.Tap("m.safetensors", announced)
		if err != nil {
			t.Fatal(err)
		}
		_, werr := tap.Write(good)
		if err := tap.Finish(); werr == nil && err == nil {
			t.Errorf("announced %d of %d bytes: accepted", announced, len(good))
		}
	}
	tap, err := p.Tap("m.safetensors", int64(len(good)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tap.Write(good[:len(good)-4]); err != nil {
		t.Fatal(err)
	}
	if err := tap.Finish(); !errors.Is(err, mbom.ErrFormat) {
		t.Errorf("finished early: %v", err)
	}
}

func TestZeroWeightPolicyRefuses(t *testing.T) {
	for name, p := range map[string]mbom.WeightPolicy{
		"zero": {}, "negative": {AbsMax: -1}, "nan": {AbsMax: math.NaN(), Finite: true}, "inf": {AbsMax: math.Inf(1)}, "both": {Finite: true, InsecureAnyValue: true},
	} {
		if tap, err := p.Tap("m.safetensors", 10); tap != nil || !errors.Is(err, mbom.ErrPolicy) {
			t.Errorf("%s: %v", name, err)
		}
		if tap, err := p.Tap("config.json", 10); tap != nil || err != nil {
			t.Errorf("%s: a file that is no weights: %v, %v", name, tap, err)
		}
	}
	bad := weights([]float32{float32(math.NaN())})
	if err := pass(mbom.WeightPolicy{InsecureAnyValue: true}, "m.safetensors", bad, 64); err != nil {
		t.Errorf("InsecureAnyValue: %v", err)
	}
}

func TestWeightPolicyDigest(t *testing.T) {
	seen := map[[32]byte]int{}
	for i, p := range []mbom.WeightPolicy{{}, {Finite: true}, {AbsMax: 1}, {AbsMax: 2}, {InsecureAnyValue: true}, {Templates: make([][32]byte, 1)}, {AnySignedTemplate: true}} {
		if j, dup := seen[p.Digest()]; dup {
			t.Errorf("policies %d and %d have one digest", i, j)
		}
		seen[p.Digest()] = i
	}
}

// ggufFile has a template, a pair of padBytes to make the header long, and one F32 tensor of two values.
func ggufFile(values [2]float32, padBytes int) []byte {
	le := binary.LittleEndian
	text := func(b []byte, s string) []byte { return append(le.AppendUint64(b, uint64(len(s))), s...) }
	b := le.AppendUint32([]byte("GGUF"), 3)
	b = le.AppendUint64(le.AppendUint64(b, 1), 2)
	b = text(le.AppendUint32(text(b, "tokenizer.chat_template"), 8), template)
	b = text(le.AppendUint32(text(b, "pad"), 8), strings.Repeat("x", padBytes))
	b = le.AppendUint64(le.AppendUint32(text(b, "w"), 1), 2)
	b = le.AppendUint64(le.AppendUint32(b, 0), 0)
	b = append(b, make([]byte, -len(b)&31)...)
	for _, v := range values {
		b = le.AppendUint32(b, math.Float32bits(v))
	}
	return append(b, make([]byte, 24)...)
}

func TestGGUF(t *testing.T) {
	p := mbom.WeightPolicy{Finite: true, Templates: [][32]byte{sha256.Sum256([]byte(template))}}
	for _, padBytes := range []int{0, 63 << 10, 300_000} {
		for _, step := range []int{1000, 64 << 10, 1 << 20} {
			if err := pass(p, "m.gguf", ggufFile([2]float32{1, 2}, padBytes), step); err != nil {
				t.Errorf("header of %d in steps of %d: %v", padBytes, step, err)
			}
			err := pass(p, "m.gguf", ggufFile([2]float32{1, float32(math.Inf(1))}, padBytes), step)
			if ve, ok := errors.AsType[*mbom.ValueError](err); !ok || ve.Index != 1 || ve.Tensor != "w" {
				t.Errorf("infinity, header of %d in steps of %d: %v", padBytes, step, err)
			}
		}
	}
	p.Templates = nil
	err := pass(p, "m.gguf", ggufFile([2]float32{}, 0), 100)
	if pe, ok := errors.AsType[*mbom.PolicyError](err); !ok || pe.Field != "Templates" {
		t.Errorf("template: %v", err)
	}
	// llama.cpp looks keys up as C strings: to it this is the template.
	hidden := bytes.Replace(ggufFile([2]float32{}, 0), append([]byte{23, 0, 0, 0, 0, 0, 0, 0}, "tokenizer.chat_template"...), append([]byte{24, 0, 0, 0, 0, 0, 0, 0}, "tokenizer.chat_template\x00"...), 1)
	if err := pass(p, "m.gguf", hidden, 100); !errors.Is(err, mbom.ErrFormat) {
		t.Errorf("template behind a key with a NUL: %v", err)
	}
	p.AnySignedTemplate = true
	if err := pass(p, "m.gguf", ggufFile([2]float32{}, 0), 100); err != nil {
		t.Errorf("any template: %v", err)
	}
	if err := pass(p, "m.gguf", append(ggufFile([2]float32{}, 0), 1), 100); !errors.Is(err, mbom.ErrFormat) {
		t.Errorf("trailing byte: %v", err)
	}
}

// Once the header has passed, a Write allocates nothing, whatever the cut.
func TestWriteAllocatesNothing(t *testing.T) {
	if testkit.Race {
		t.Skip("allocations are not counted under the race detector")
	}
	data := weights(make([]float32, 1<<20))
	tap, err := mbom.WeightPolicy{Finite: true, AbsMax: 4}.Tap("m.safetensors", int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tap.Write(data[:1000]); err != nil {
		t.Fatal(err)
	}
	at := 1000
	n := testing.AllocsPerRun(100, func() {
		if _, err := tap.Write(data[at : at+4099]); err != nil {
			t.Fatal(err)
		}
		at += 4099
	})
	if n != 0 {
		t.Errorf("%v allocations per Write", n)
	}
}

// Errors say where, never what.
func TestErrorsHoldNoValue(t *testing.T) {
	err := pass(mbom.WeightPolicy{AbsMax: 1}, "m.safetensors", weights([]float32{0, 4242.5}), 64)
	if err == nil || strings.Contains(err.Error(), "4242") || !strings.Contains(err.Error(), `"t0", element 1`) {
		t.Errorf("got %v", err)
	}
}

// The fast test of eight bytes at a time agrees with arithmetic on each element.
func FuzzFinite(f *testing.F) {
	f.Add([]byte{0, 0, 0x80, 0x7f, 1, 2, 3, 4}, uint8(1), 1.5)
	f.Fuzz(func(t *testing.T, data []byte, step uint8, limit float64) {
		data = data[:len(data)&^3]
		if !(limit > 0) || math.IsInf(limit, 0) {
			limit = 1
		}
		want := -1
		for i := 0; i < len(data) && want < 0; i += 4 {
			if v := float64(math.Float32frombits(binary.LittleEndian.Uint32(data[i:]))); !(math.Abs(v) <= limit) {
				want = i / 4
			}
		}
		err := pass(mbom.WeightPolicy{AbsMax: limit}, "m.safetensors", one("F32", len(data)/4, data), 1+int(step))
		ve, refused := errors.AsType[*mbom.ValueError](err)
		if err != nil && !refused || refused != (want >= 0) || refused && ve.Index != uint64(want) {
			t.Fatalf("got %v, want index %d", err, want)
		}
	})
}

func BenchmarkTap(b *testing.B) {
	data := weights(make([]float32, 4<<20))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := pass(mbom.WeightPolicy{Finite: true}, "m.safetensors", data, 1<<20); err != nil {
			b.Fatal(err)
		}
	}
}
