package cases

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/guard/tensor"
)

// tensorFinite checks float32 tensors for finite values within a limit, beside the least that reading the same bytes costs.
func tensorFinite(size int, label string) (ratio.Case, error) {
	data := make([]byte, size)
	for i := 0; i < size; i += 4 { // values that differ, so that no branch can be predicted from them
		binary.LittleEndian.PutUint32(data[i:], math.Float32bits(float32(i%977)-400.5))
	}
	s := tensor.Spec{DTypes: []tensor.DType{tensor.F32}, AnyDims: true, MaxElements: int64(size), AbsMax: 1000}
	v := tensor.View{DType: tensor.F32, Shape: []int64{int64(size / 4)}, Data: data}
	if err := s.Check(v); err != nil {
		return ratio.Case{}, err
	}
	want := xor(data)
	return ratio.Case{
		Name: "tensor/finite/" + label, Better: ratio.Higher, Bytes: int64(size),
		Subject: func() error { return s.Check(v) },
		Yardstick: func() error {
			if xor(data) != want {
				return errors.New("wrong sum")
			}
			return nil
		},
	}, nil
}

// xor reads b eight words at a time into four sums.
func xor(b []byte) uint64 {
	var s0, s1, s2, s3 uint64
	for ; len(b) >= 64; b = b[64:] {
		p := (*[64]byte)(b)
		s0 ^= binary.LittleEndian.Uint64(p[0:])
		s1 ^= binary.LittleEndian.Uint64(p[8:])
		s2 ^= binary.LittleEndian.Uint64(p[16:])
		s3 ^= binary.LittleEndian.Uint64(p[24:])
		s0 ^= binary.LittleEndian.Uint64(p[32:])
		s1 ^= binary.LittleEndian.Uint64(p[40:])
		s2 ^= binary.LittleEndian.Uint64(p[48:])
		s3 ^= binary.LittleEndian.Uint64(p[56:])
	}
	return s0 ^ s1 ^ s2 ^ s3
}
