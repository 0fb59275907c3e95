//go:build !noasm

package sha256x

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"testing"
)

// Both kernels for pairs, also the one that this machine does not choose.
func TestKernels(t *testing.T) {
	p, q := random(9*blockSize), random(9*blockSize + 1)[1:]
	for name, c := range map[string]struct {
		ok  bool
		run func(ha, hb *[8]uint32, pa, pb *byte, n int, k *[64]uint32)
	}{"pair": {features().pair, pair}, "wide": {features().pair && features().wide, pairWide}} {
		if !c.ok {
			t.Logf("%s: this processor cannot run it", name)
			continue
		}
		a, b := initial(t), initial(t)
		c.run(&a, &b, &p[0], &q[0], 9, &k)
		if a != after(t, p) || b != after(t, q) {
			t.Errorf("%s: wrong state", name)
		}
	}
}

// The kernel for many streams, each at an address of its own.
func TestSixteen(t *testing.T) {
	if !features().wide {
		t.Skip("this processor cannot run it")
	}
	const blocks = 9
	var h [8][16]uint32
	var from [16]*byte
	data := make([][]byte, 16)
	for i := range data {
		data[i] = random(blocks*blockSize + 3*i)[3*i:]
		from[i] = &data[i][0]
		for j, w := range initial(t) {
			h[j][i] = w
		}
	}
	sixteen(&h, &from, blocks, &k)
	for i := range data {
		for j, want := range after(t, data[i]) {
			if h[j][i] != want {
				t.Errorf("stream %d: word %d is %#x, want %#x", i, j, h[j][i], want)
			}
		}
	}
}

func initial(t *testing.T) [8]uint32 { return after(t, nil) }

// after is crypto/sha256's state after whole blocks.
func after(t *testing.T, p []byte) (h [8]uint32) {
	t.Helper()
	d := sha256.New()
	d.Write(p)
	saved, err := d.(encoding.BinaryAppender).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range h {
		h[i] = binary.BigEndian.Uint32(saved[len(magic)+4*i:])
	}
	return h
}
