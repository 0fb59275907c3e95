package gguf

import (
	"math"
	"math/bits"
)

func (h *Header) readTensors(r *reader, n uint64) error {
	seen := map[string]bool{}
	var next uint64 // padded sum of the sizes so far
	for range n {
		t, offset, size, err := readTensor(r)
		if err != nil {
			return err
		}
		if seen[t.Name] {
			return r.fail("tensor-duplicate", "tensor %q twice", t.Name)
		}
		seen[t.Name] = true
		if offset != next {
			return r.fail("offset-sum", "tensor %q is at %d, the tensors before it end at %d", t.Name, offset, next)
		}
		end := next + size
		padded := end + pad(end, uint64(h.Alignment))
		if end < next || padded < end || padded > math.MaxInt64 {
			return r.fail("size-overflow", "sum of the tensor sizes overflows at %q", t.Name)
		}
		t.Begin, t.End = int64(next), int64(end)
		h.Tensors = append(h.Tensors, t)
		next = padded
	}
	start := r.at + pad(r.at, uint64(h.Alignment))
	if n == 0 { // writers may leave the padding out
		start = min(start, r.size)
	}
	h.DataStart, h.DataEnd = int64(start), int64(start)
	if n == 0 {
		return nil
	}
	last := uint64(h.Tensors[n-1].End)
	if start > r.size || last > r.size-start {
		return r.fail("data-beyond-file", "tensor data ends outside the file")
	}
	h.DataEnd = int64(start + last)
	return nil
}

func readTensor(r *reader) (t Tensor, offset, size uint64, err error) {
	if t.Name, err = r.name("tensor-name", MaxName); err != nil {
		return t, 0, 0, err
	}
	dims, err := r.u32()
	if err != nil {
		return t, 0, 0, err
	}
	if dims > MaxDims {
		return t, 0, 0, r.fail("n-dims", "tensor %q has more than %d dimensions", t.Name, MaxDims)
	}
	n := uint64(1)
	t.Dims = make([]uint64, dims)
	for i := range t.Dims {
		d, err := r.u64()
		if err != nil {
			return t, 0, 0, err
		}
		if d > math.MaxInt64 {
			return t, 0, 0, r.fail("dim-negative", "tensor %q has a negative dimension", t.Name)
		}
		hi, lo := bits.Mul64(n, d)
		if hi != 0 || lo > math.MaxInt64 {
			return t, 0, 0, r.fail("dims-overflow", "product of the dimensions of %q overflows", t.Name)
		}
		t.Dims[i], n = d, lo
	}
	kind, err := r.u32()
	if err != nil {
		return t, 0, 0, err
	}
	t.Type = TensorType(kind)
	name, block, width := t.Type.layout()
	if name == "" {
		return t, 0, 0, r.fail("tensor-type", "tensor %q has the unknown type %d", t.Name, kind)
	}
	row := uint64(1)
	if dims > 0 {
		row = t.Dims[0]
	}
	if row%block != 0 {
		return t, 0, 0, r.fail("block-multiple", "rows of %q are no whole number of blocks", t.Name)
	}
	hi, size := bits.Mul64(n/block, width)
	if hi != 0 || size > math.MaxInt64 {
		return t, 0, 0, r.fail("size-overflow", "size of %q overflows", t.Name)
	}
	offset, err = r.u64()
	return t, offset, size, err
}
