// Package safetensors reads the header of a safetensors file strictly: what it accepts has one meaning for every reader.
//
//	uint64le n || n bytes of JSON || tensor data
//	{"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …, "__metadata__": {"key": "text"}}
//
// Beyond the reference reader (huggingface/safetensors, tensor.rs) it refuses what two readers could take differently.
// The rules: the file has 8 bytes (1); the header is within the cap (2), inside the file (3), UTF-8 (4) and JSON (5);
// the tensors cover the data from its first byte without hole or overlap (6); no size overflows and each makes whole
// bytes (7); each range has its shape's size (8); no byte is missing or left over (9); the header begins with { (10) and
// only spaces follow its object (11); no key occurs twice (12); an entry has exactly dtype, shape and data_offsets, in
// plain integers (13); __metadata__ maps text to text (14); names have no control characters and at most [MaxName]
// bytes (15); the rank is at most [MaxRank] (16); there are at most [MaxTensors] tensors (17).
//
// Cost is linear in the header, and nothing is allocated from a length that the file merely claims.
package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Bounds on what a header may cost.
const (
	MaxHeader  = 25 << 20  // bytes of JSON: the headers of the largest published shards have under 2 MB
	MaxTensors = 1_000_000 // mixture-of-experts models have some 100,000
	MaxRank    = 16        // the deepest known tensors have 8
	MaxName    = 1024      // bytes
)

// LengthSize is the size of the length field before the header, in bytes.
const LengthSize = 8

// A Tensor is one entry of the header.
type Tensor struct {
	Name       string
	DType      DType
	Shape      []uint64
	Begin, End int64 // range in the data section, in bytes
}

// Elements returns the number of elements. It cannot overflow for a tensor that [Read] returned.
func (t Tensor) Elements() uint64 {
	n, _ := elements(t.Shape)
	return n
}

// A Header describes a whole file.
type Header struct {
	Tensors   []Tensor          // in the order of their data
	Metadata  map[string]string // of __metadata__; nil where there is none
	DataStart int64             // offset of the data section in the file, in bytes
	Aligned   bool              // every tensor begins at a multiple of its element size in the file
}

// Read reads and checks the header of a file of size bytes. The data is not read.
// Errors: [ErrFormat] through [*FormatError]; faults of r.
func Read(r io.ReaderAt, size int64) (*Header, error) {
	var prefix [LengthSize]byte
	if size >= LengthSize {
		if _, err := r.ReadAt(prefix[:], 0); err != nil {
			return nil, fault(err)
		}
	}
	n, err := HeaderSize(prefix, size)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer // grows with the bytes that are there, not with the length that is claimed
	if _, err := io.CopyN(&buf, io.NewSectionReader(r, LengthSize, n), n); err != nil {
		return nil, fault(err)
	}
	return Parse(buf.Bytes(), size)
}

func fault(err error) error {
	if errors.Is(err, io.EOF) { // the file is shorter than its size says
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("safetensors: %w", err)
}

// HeaderSize checks the length field of a file of size bytes and returns the length of the JSON that follows it.
// Errors: [ErrFormat] by rules 1 to 3.
func HeaderSize(prefix [LengthSize]byte, size int64) (int64, error) {
	if size < LengthSize {
		return 0, &FormatError{Rule: RuleMinimum, Offset: size, Reason: "shorter than the length field"}
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	switch {
	case n > MaxHeader:
		return 0, &FormatError{Rule: RuleHeaderCap, Reason: fmt.Sprintf("header above %d bytes", MaxHeader)}
	case n == 0 || n > uint64(size-LengthSize):
		return 0, &FormatError{Rule: RuleHeaderEnd, Reason: "header is empty or ends outside the file"}
	}
	return int64(n), nil
}

// Parse checks the JSON header of a file of size bytes, which is LengthSize + len(header) + data.
// Errors: [ErrFormat] through [*FormatError].
func Parse(header []byte, size int64) (*Header, error) {
	s := &scanner{b: header, base: LengthSize}
	if len(header) == 0 || header[0] != '{' {
		return nil, s.fail(RuleBrace, "header does not begin with {")
	}
	if !utf8.Valid(header) {
		return nil, s.fail(RuleUTF8, "header is not UTF-8")
	}
	h := &Header{DataStart: LengthSize + int64(len(header)), Aligned: true}
	seen := map[string]bool{}
	err := s.members(func(name string) error {
		if seen[name] {
			return s.fail(RuleDuplicate, "key twice")
		}
		seen[name] = true
		if name == "__metadata__" {
			return s.metadata(h)
		}
		if err := s.checkName(name); err != nil {
			return err
		}
		if len(h.Tensors) == MaxTensors {
			return s.fail(RuleCount, "more than %d tensors", MaxTensors)
		}
		t, err := s.entry(name)
		h.Tensors = append(h.Tensors, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	for ; s.i < len(header); s.i++ {
		if c := header[s.i]; c != ' ' {
			if c > ' ' {
				return nil, s.fail(RuleJSON, "a second value after the header's object")
			}
			return nil, s.fail(RulePadding, "padding other than spaces after the header's object")
		}
	}
	return h, h.layout(size)
}

func (s *scanner) checkName(name string) error {
	if len(name) > MaxName {
		return s.fail(RuleName, "name above %d bytes", MaxName)
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return s.fail(RuleName, "control character in a name")
		}
	}
	return nil
}

func (s *scanner) metadata(h *Header) error {
	if err := s.want('{', RuleMetadata, "__metadata__ is not an object"); err != nil {
		return err
	}
	h.Metadata = map[string]string{}
	return s.members(func(key string) error {
		if _, dup := h.Metadata[key]; dup {
			return s.fail(RuleDuplicate, "key twice in __metadata__")
		}
		if err := s.want('"', RuleMetadata, "a value of __metadata__ is not text"); err != nil {
			return err
		}
		v, err := s.text()
		h.Metadata[key] = v
		return err
	})
}

func (s *scanner) entry(name string) (Tensor, error) {
	t := Tensor{Name: name}
	if err := s.want('{', RuleEntry, "a tensor entry is not an object"); err != nil {
		return t, err
	}
	var have [3]bool
	var offsets []uint64
	once := func(i int) error {
		if have[i] {
			return s.fail(RuleDuplicate, "key twice in a tensor entry")
		}
		have[i] = true
		return nil
	}
	err := s.members(func(key string) (err error) {
		switch key {
		case "dtype":
			if err := once(0); err != nil {
				return err
			}
			if err := s.want('"', RuleEntry, "dtype is not text"); err != nil {
				return err
			}
			d, err := s.text()
			if t.DType = DType(d); err == nil && t.DType.Bits() == 0 {
				return s.fail(RuleEntry, "unknown dtype")
			}
			return err
		case "shape":
			if err := once(1); err != nil {
				return err
			}
			t.Shape, err = s.integers(MaxRank, RuleRank)
			return err
		case "data_offsets":
			if err := once(2); err != nil {
				return err
			}
			offsets, err = s.integers(2, RuleEntry)
			return err
		}
		return s.fail(RuleEntry, "unknown key in a tensor entry")
	})
	if err != nil {
		return t, err
	}
	if have != [3]bool{true, true, true} || len(offsets) != 2 {
		return t, s.fail(RuleEntry, "an entry needs dtype, shape and two data_offsets")
	}
	return t, t.place(offsets[0], offsets[1])
}

// integers reads an array of at most n integers; more break rule r.
func (s *scanner) integers(n int, r Rule) ([]uint64, error) {
	if err := s.want('[', RuleEntry, "not an array of integers"); err != nil {
		return nil, err
	}
	out := []uint64{}
	return out, s.list('[', ']', func() error {
		if len(out) == n {
			return s.fail(r, "more than %d numbers", n)
		}
		switch c := s.peek(); {
		case c == '-', c == '"', c == '[', c == '{', s.literal("true"), s.literal("false"), s.literal("null"):
			return s.fail(RuleEntry, "not a plain non-negative integer")
		}
		v, err := s.integer()
		out = append(out, v)
		return err
	})
}

// place sets the range of t and checks it against the shape.
func (t *Tensor) place(begin, end uint64) error {
	fail := func(r Rule, reason string) error { return &FormatError{Rule: r, Tensor: t.Name, Reason: reason} }
	if end < begin || end > 1<<62 {
		return fail(RuleOrder, "data_offsets are out of order or out of range")
	}
	n, ok := elements(t.Shape)
	width := uint64(t.DType.Bits())
	if !ok || n > (1<<64-1)/width {
		return fail(RuleOverflow, "size of the shape overflows")
	}
	if n*width%8 != 0 {
		return fail(RuleOverflow, "elements make no whole number of bytes")
	}
	if end-begin != n*width/8 {
		return fail(RuleSize, fmt.Sprintf("data_offsets span %d bytes, the shape needs %d", end-begin, n*width/8))
	}
	t.Begin, t.End = int64(begin), int64(end)
	return nil
}

// layout checks that the tensors tile the data section of a file of size bytes.
func (h *Header) layout(size int64) error {
	slices.SortFunc(h.Tensors, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(a.Begin, b.Begin), cmp.Compare(a.End, b.End), cmp.Compare(a.Name, b.Name))
	})
	at := int64(0)
	for _, t := range h.Tensors {
		if t.Begin != at {
			return &FormatError{Rule: RuleOrder, Tensor: t.Name, Reason: fmt.Sprintf("begins at %d, the data before it ends at %d", t.Begin, at)}
		}
		if w := int64(t.DType.Bits() / 8); w > 1 && (h.DataStart+t.Begin)%w != 0 {
			h.Aligned = false
		}
		at = t.End
	}
	if h.DataStart%8 != 0 {
		h.Aligned = false
	}
	if at != size-h.DataStart {
		return &FormatError{Rule: RuleFileSize, Offset: h.DataStart + at, Reason: fmt.Sprintf("file of %d bytes, the header describes %d", size, h.DataStart+at)}
	}
	return nil
}
