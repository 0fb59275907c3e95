package mbom

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"strings"

	"github.com/holdfast-ai/holdfast/mbom/format"
	"github.com/holdfast-ai/holdfast/mbom/format/gguf"
	"github.com/holdfast-ai/holdfast/mbom/format/safetensors"
)

const (
	maxGGUFHeader = 64 << 20 // bytes: the largest vocabularies make about 20 MB
	firstGGUFTry  = 64 << 10 // bytes before a GGUF header is tried for the first time; doubled after each try
)

// region is one tensor's bytes in the file.
type region struct {
	tensor     string
	begin, end int64
	check      check
}

// weights parses a weight file from its bytes in order and checks its values. It is the [Tap] of [WeightPolicy] and what
// [Build] counts parameters with.
type weights struct {
	name   string
	kind   format.Kind
	size   int64
	policy WeightPolicy

	seen int64  // bytes written
	head []byte // bytes of the header so far; grows with what arrives
	want int    // length of head at which to go on
	st   *safetensors.Header
	gg   *gguf.Header

	pos     int64 // offset in the file of the next data byte
	regions []region
	carry   [8]byte // beginning of an element that is cut by a Write
	carried int
	err     error
}

var _ Tap = (*weights)(nil)

func newWeights(name string, kind format.Kind, size int64, p WeightPolicy) *weights {
	w := &weights{name: name, kind: kind, size: size, policy: p, want: safetensors.LengthSize}
	if kind == format.GGUF {
		w.want = int(min(firstGGUFTry, size))
	}
	return w
}

func (w *weights) malformed(reason string, cause error) error {
	return &FormatError{Path: w.name, Reason: reason, Cause: cause}
}

func (w *weights) parsed() bool { return w.st != nil || w.gg != nil }

func (w *weights) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if int64(len(p)) > w.size-w.seen {
		w.err = w.malformed("longer than its size says", nil)
		return 0, w.err
	}
	w.seen += int64(len(p))
	n := len(p)
	for !w.parsed() && w.err == nil && (len(p) > 0 || len(w.head) >= w.want) {
		k := min(len(p), w.want-len(w.head))
		w.head = append(w.head, p[:k]...)
		p = p[k:]
		if len(w.head) == w.want {
			w.err = w.header()
		}
	}
	if w.parsed() && w.err == nil {
		w.err = w.data(p)
	}
	if w.err != nil {
		return 0, w.err
	}
	return n, nil
}

// Finish checks that the file was whole.
func (w *weights) Finish() error {
	switch {
	case w.err != nil:
	case w.seen != w.size:
		w.err = w.malformed("shorter than its size says", nil)
	case !w.parsed():
		w.err = w.header()
	}
	return w.err
}

func (w *weights) header() error {
	if bytes.HasPrefix(w.head, []byte("version ")) { // would be a header of 10^18 bytes
		return w.malformed("a Git LFS pointer instead of the file", nil)
	}
	if w.kind == format.GGUF {
		return w.ggufHeader()
	}
	return w.safetensorsHeader()
}

func (w *weights) safetensorsHeader() error {
	if len(w.head) <= safetensors.LengthSize {
		var prefix [safetensors.LengthSize]byte
		copy(prefix[:], w.head)
		n, err := safetensors.HeaderSize(prefix, w.size)
		if err != nil {
			return w.malformed("safetensors header", err)
		}
		w.want = safetensors.LengthSize + int(n)
		return nil
	}
	h, err := safetensors.Parse(w.head[safetensors.LengthSize:], w.size)
	if err != nil {
		return w.malformed("safetensors header", err)
	}
	w.st, w.head, w.pos = h, nil, h.DataStart
	for _, t := range h.Tensors {
		w.add(t.Name, h.DataStart+t.Begin, h.DataStart+t.End, safetensorsCheck(t.DType, w.policy))
	}
	return nil
}

// ggufHeader tries the bytes so far: where a GGUF header ends is known only at its end.
func (w *weights) ggufHeader() error {
	h, err := gguf.Parse(bytes.NewReader(w.head), w.size)
	if errors.Is(err, io.ErrUnexpectedEOF) && int64(len(w.head)) < w.size && len(w.head) < maxGGUFHeader {
		w.want = int(min(2*int64(len(w.head)), w.size, maxGGUFHeader))
		return nil
	}
	if err != nil {
		return w.malformed("gguf header", err)
	}
	if h.Trailing(w.size) > 0 {
		return w.malformed("bytes after the last tensor", gguf.ErrFormat)
	}
	for _, p := range h.Pairs {
		if _, ok := templateKey(p); ok && !w.policy.AnySignedTemplate {
			if err := allowTemplate(w.policy.Templates, w.name+"#/"+p.Key, sha256.Sum256([]byte(p.Text))); err != nil {
				return err
			}
		}
	}
	for _, t := range h.Tensors {
		w.add(t.Name, h.DataStart+t.Begin, h.DataStart+t.End, ggufCheck(t.Type, w.policy))
	}
	head := w.head
	w.gg, w.head, w.pos = h, nil, int64(len(head))
	if w.pos > h.DataStart { // data that came with the header
		w.pos = h.DataStart
		return w.data(head[h.DataStart:])
	}
	return nil
}

// templateKey returns the name of the chat template that p holds.
func templateKey(p gguf.Pair) (name string, ok bool) {
	const prefix = "tokenizer.chat_template"
	switch {
	case p.Type != gguf.String:
		return "", false
	case p.Key == prefix:
		return "default", true
	case strings.HasPrefix(p.Key, prefix+"."):
		return p.Key[len(prefix)+1:], true
	}
	return "", false
}

func (w *weights) add(tensor string, begin, end int64, c check) {
	if begin < end && c.width > 0 {
		w.regions = append(w.regions, region{tensor, begin, end, c})
	}
}

// data checks bytes of the data section, which begin at w.pos.
func (w *weights) data(p []byte) error {
	for len(p) > 0 && len(w.regions) > 0 {
		r := &w.regions[0]
		if w.pos < r.begin { // what no check covers
			k := min(int64(len(p)), r.begin-w.pos)
			w.pos += k
			p = p[k:]
			continue
		}
		k := min(int64(len(p)), r.end-w.pos)
		if err := w.elements(r, p[:k]); err != nil {
			return err
		}
		w.pos += k
		p = p[k:]
		if w.pos == r.end {
			w.regions = w.regions[1:]
		}
	}
	return nil
}

// elements checks bytes of one tensor; an element may be cut at either end.
func (w *weights) elements(r *region, b []byte) error {
	at := uint64(w.pos-r.begin) / uint64(r.check.width)
	if w.carried > 0 {
		k := copy(w.carry[w.carried:r.check.width], b)
		b = b[k:]
		if w.carried += k; w.carried < r.check.width {
			return nil
		}
		w.carried = 0
		if e := w.carry[:r.check.width]; !r.check.holds(e) {
			return w.refuse(r, at, e)
		}
		at++
	}
	whole := len(b) - len(b)%r.check.width
	if !r.check.holds(b[:whole]) {
		return w.refuse(r, at, b[:whole])
	}
	w.carried = copy(w.carry[:], b[whole:])
	return nil
}

func (w *weights) refuse(r *region, at uint64, b []byte) error {
	i, nonFinite := r.check.find(b)
	e := &ValueError{Path: w.name, Tensor: r.tensor, Index: at + uint64(i), Field: "AbsMax"}
	if nonFinite {
		e.Field = "Finite"
	}
	return e
}
