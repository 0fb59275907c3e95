package sentencepiece_test

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/mbom/format/sentencepiece"
)

// An encoder of protocol buffers, for these tests.
func tag(number, wire uint64) []byte { return binary.AppendUvarint(nil, number<<3|wire) }
func num(number, v uint64) string    { return string(binary.AppendUvarint(tag(number, 0), v)) }
func text(number uint64, s ...string) string {
	all := strings.Join(s, "")
	return string(binary.AppendUvarint(tag(number, 2), uint64(len(all)))) + all
}

func float(number uint64, v float32) string {
	return string(binary.LittleEndian.AppendUint32(tag(number, 5), math.Float32bits(v)))
}

func piece(s string, score float32, kind ...uint64) string {
	var body strings.Builder
	body.WriteString(text(1, s) + float(2, score))
	for _, k := range kind {
		body.WriteString(num(3, k))
	}
	return text(1, body.String())
}

// table is the table of a normalizer with one block of units.
func table(texts string, units map[int]uint32) string {
	array := make([]byte, 1024)
	for i := range 256 { // unused units lead to themselves
		binary.LittleEndian.PutUint32(array[4*i:], uint32(i))
	}
	for i, u := range units {
		binary.LittleEndian.PutUint32(array[4*i:], u)
	}
	return "\x00\x04\x00\x00" + string(array) + texts
}

const hasValue, value, far = 1 << 8, 1 << 31, 1 << 9

// tokenizer has every message of the schema.
func tokenizer() string {
	return piece("<unk>", 0, 2) + piece("<0x00>", 0, 6) + piece("\u2581the", -1.5) + piece("\x01\n", -2) +
		text(2, text(1, "corpus.txt"), text(2, "m"), num(3, 2), num(4, 4), float(10, 0.9995), num(35, 1), num(43, 1<<64-1)) +
		text(3, text(1, "nmt_nfkc"), text(2, table("x\x00", map[int]uint32{0: 1<<10 | hasValue, 1: value})), num(3, 1)) +
		text(4, text(1, text(1, "in"), text(2, "out"))) + text(5, "")
}

func TestCheck(t *testing.T) {
	if err := sentencepiece.Check([]byte(tokenizer())); err != nil {
		t.Fatal(err)
	}
	if err := sentencepiece.Check([]byte(piece("a", 0))); err != nil {
		t.Error(err)
	}
}

// Each of these differs from what is accepted in one thing.
func TestRefused(t *testing.T) {
	good := tokenizer()
	norm := func(blob string) string { return piece("a", 0) + text(3, text(2, blob)) }
	texts := "x\x00"
	if err := sentencepiece.Check([]byte(norm(table(texts, nil)))); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"nothing":                      "",
		"no pieces":                    text(2, num(4, 1)),
		"a byte behind":                good + "\x00",
		"a byte less":                  good[:len(good)-1],
		"unknown field":                good + text(6, ""),
		"extension":                    good + text(200, ""),
		"field 0":                      good + text(0, ""),
		"field beyond 64":              good + text(65, "x"),
		"second trainer":               good + text(2, ""),
		"other wire type":              good + num(1, 1),
		"group":                        good + string(tag(1, 3)) + string(tag(1, 4)),
		"fixed64":                      good + string(tag(1, 1)) + "12345678",
		"long number":                  piece("a", 0) + text(2, "\x20\x81\x00"),
		"endless number":               piece("a", 0) + text(2, "\x20"+strings.Repeat("\xff", 11)),
		"a length beyond":              piece("a", 0) + "\x0a\xff\xff\xff\xff\x0f",
		"cut within a message":         piece("a", 0) + text(2, "\x0a\x05ab"),
		"cut score":                    text(1, text(1, "a"), "\x15\x00\x00"),
		"empty piece":                  piece("", 0),
		"piece is not UTF-8":           piece("\xff", 0),
		"piece without score":          text(1, text(1, "a")),
		"piece without text":           text(1, float(2, 0)),
		"text twice":                   text(1, text(1, "a"), text(1, "b"), float(2, 0)),
		"type 0":                       piece("a", 0, 0),
		"type 7":                       piece("a", 0, 7),
		"model type 5":                 piece("a", 0) + text(2, num(3, 5)),
		"unknown field of a trainer":   piece("a", 0) + text(2, num(27, 1)),
		"unknown field of a sample":    piece("a", 0) + text(4, text(1, num(3, 1))),
		"message for a text":           piece("a", 0) + text(2, "\x0a\x02\x12\xff"),
		"graph of TensorFlow":          text(1, text(1, "node"), text(2, "PyFunc")),
		"model of ONNX":                num(1, 8) + text(2, "pytorch"),
		"table of three bytes":         norm("abc"),
		"no array":                     norm("\x00\x00\x00\x00" + texts),
		"array of half a block":        norm("\x00\x02\x00\x00" + table(texts, nil)[4:]),
		"array longer than the table":  norm("\x00\x08\x00\x00" + table(texts, nil)[4:]),
		"array of 4 GiB":               norm("\x00\xfc\xff\xff" + table(texts, nil)[4:]),
		"no texts":                     norm(table("", nil)),
		"texts without end":            norm(table("xy", nil)),
		"a step out of the array":      norm(table(texts, map[int]uint32{7: 256 << 10})),
		"a step of many blocks":        norm(table(texts, map[int]uint32{7: 1<<10 | far})),
		"root that looks like a value": norm(table(texts, map[int]uint32{0: value | 1<<20})),
		"a value behind the texts":     norm(table(texts, map[int]uint32{0: 1<<10 | hasValue, 1: value | 2})),
		"an enormous value":            norm(table(texts, map[int]uint32{0: 1<<10 | hasValue, 1: 1<<32 - 1})),
	} {
		if err := sentencepiece.Check([]byte(data)); !errors.Is(err, sentencepiece.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The beginning of a large tokenizer is one wherever it is cut, and what lies before the cut counts.
func TestBegins(t *testing.T) {
	good := tokenizer()
	first := len(piece("<unk>", 0, 2))
	for n := range len(good) {
		if got := sentencepiece.Begins([]byte(good[:n]), int64(len(good))); got != (n >= first) {
			t.Errorf("%d of %d bytes: %v", n, len(good), got)
		}
	}
	if !sentencepiece.Begins([]byte(good), int64(len(good))) {
		t.Error("whole")
	}
	if sentencepiece.Begins([]byte(good+"\x32"), int64(len(good)+5)) {
		t.Error("an unknown field that is cut")
	}
	if sentencepiece.Begins([]byte(good+"\x0a\x7f"), int64(len(good)+5)) {
		t.Error("a field that does not fit in the file")
	}
}

func TestAllocatesNothing(t *testing.T) {
	data := []byte(tokenizer())
	if n := testing.AllocsPerRun(100, func() {
		if sentencepiece.Check(data) != nil {
			t.Fatal("refused")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(tokenizer()), int64(0))
	f.Add([]byte(piece("a", 0)), int64(10))
	f.Fuzz(func(t *testing.T, data []byte, more int64) {
		err := sentencepiece.Check(data)
		if err != nil && !errors.Is(err, sentencepiece.ErrFormat) {
			t.Fatal(err)
		}
		if sentencepiece.Begins(data, int64(len(data))) != (err == nil) {
			t.Fatal("the whole file is judged in two ways")
		}
		sentencepiece.Begins(data, int64(len(data))+max(more, 0))
	})
}
