package similar

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/holdfast-ai/holdfast/guard/tensor"
)

// values brings an input to 0 to 255.
func (d *Detector) values(v tensor.View) ([]byte, error) {
	if !slices.Equal(v.Shape, d.cfg.Shape) || v.Strides != nil {
		return nil, fmt.Errorf("%w: not dense, or of another shape", tensor.ErrTensor)
	}
	return scaled(v, d.n, d.cfg.Max)
}

func scaled(v tensor.View, n int, most float64) ([]byte, error) {
	scale := 255 / most
	out := make([]byte, n)
	switch {
	case v.DType == tensor.U8 && len(v.Data) == n:
		for i, x := range v.Data {
			out[i] = byte(min(float64(x)*scale+0.5, 255))
		}
	case v.DType == tensor.F32 && len(v.Data)/4 == n && len(v.Data)%4 == 0:
		for i := range out {
			x := float64(math.Float32frombits(binary.LittleEndian.Uint32(v.Data[4*i:])))
			if math.IsNaN(x) {
				return nil, fmt.Errorf("%w: not finite", tensor.ErrTensor)
			}
			out[i] = byte(min(max(x, 0)*scale+0.5, 255))
		}
	default:
		return nil, fmt.Errorf("%w: dtype or length", tensor.ErrTensor)
	}
	return out, nil
}

// windows returns the Keep smallest hashes of windows of coarse values, sorted. Windows that are flat before salting are
// left out: backgrounds have them in common, which made one benign picture in eight look like an attack.
func (d *Detector) windows(values []byte) []uint64 {
	w := d.cfg.Window
	least := make([]uint64, 0, d.cfg.Keep+1)
	var sum uint64
	flat := 0 // equal coarse values, without salt, that end here
	for i, v := range values {
		if i > 0 && v/quantum == values[i-1]/quantum {
			flat++
		} else {
			flat = 1
		}
		sum = sum*d.base + uint64((v+d.salt[i])/quantum) + 1
		if i >= w {
			o := i - w
			sum -= d.drop * (uint64((values[o]+d.salt[o])/quantum) + 1)
		}
		if i < w-1 || flat >= w {
			continue
		}
		h := mix(sum)
		if len(least) == d.cfg.Keep && h >= least[len(least)-1] {
			continue
		}
		if at, found := slices.BinarySearch(least, h); !found {
			least = slices.Insert(least, at, h)
			least = least[:min(len(least), d.cfg.Keep)]
		}
	}
	return slices.Clip(least)
}

// mix spreads a rolling hash over all bits, so that the smallest are a fair sample.
func mix(x uint64) uint64 {
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	return x ^ x>>32
}

// picture holds block means.
type picture [grid * grid]uint8

// distance is the root mean square difference, from 0 to 1.
func (p *picture) distance(q *picture) float64 {
	sum := 0
	for i := range p {
		x := int(p[i]) - int(q[i])
		sum += x * x
	}
	return math.Sqrt(float64(sum)/(grid*grid)) / 255
}

// grids says which block each element is in.
type grids struct{ rows, columns []int64 } // elements of one row or column step, and how many there are

func gridsOf(c Config) grids {
	g := grids{rows: []int64{1, c.Shape[c.Rows]}, columns: []int64{1, c.Shape[c.Columns]}}
	for i := len(c.Shape) - 1; i > c.Rows; i-- {
		g.rows[0] *= c.Shape[i]
	}
	for i := len(c.Shape) - 1; i > c.Columns; i-- {
		g.columns[0] *= c.Shape[i]
	}
	return g
}

func (g grids) of(values []byte) (p picture) {
	var sums, counts [grid * grid]int64
	for i, v := range values {
		r, c := int64(i)/g.rows[0]%g.rows[1], int64(i)/g.columns[0]%g.columns[1]
		b := r*grid/g.rows[1]*grid + c*grid/g.columns[1]
		sums[b] += int64(v)
		counts[b]++
	}
	for b := range p {
		if counts[b] > 0 {
			p[b] = uint8(sums[b] / counts[b])
		}
	}
	return p
}

// Calibrate returns the Distance at which a share fpr of different benign inputs are near one of the others: give it some
// thousand inputs that have nothing to do with one another. c is the configuration to be used; its Distance is ignored.
// Its cost is quadratic. Errors: [ErrConfig] for fewer inputs than one false alarm needs, [tensor.ErrTensor].
func Calibrate(c Config, benign []tensor.View, fpr float64) (float64, error) {
	c.Distance, c.History = 1, 1
	d, err := New(c)
	if err != nil {
		return 0, err
	}
	if !(fpr > 0) || fpr*float64(len(benign)) < 1 {
		return 0, fmt.Errorf("%w: %d inputs for a rate of %g", ErrConfig, len(benign), fpr)
	}
	pictures := make([]picture, len(benign))
	for i, v := range benign {
		values, err := d.values(v)
		if err != nil {
			return 0, err
		}
		pictures[i] = d.space.of(values)
	}
	nearest := make([]float64, len(pictures))
	for i := range pictures {
		nearest[i] = math.Inf(1)
		for k := range i { // as when they come in this order
			nearest[i] = min(nearest[i], pictures[i].distance(&pictures[k]))
		}
	}
	slices.Sort(nearest)
	at := nearest[int(fpr*float64(len(nearest)))-1]
	if !(at > 0) {
		return 0, fmt.Errorf("%w: the inputs repeat themselves", ErrConfig)
	}
	return math.Nextafter(at, 0), nil
}
