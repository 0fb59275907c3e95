// Package drift compares windows of a model's inputs with a baseline: means of channels and the distribution of norms. It
// finds what changes many inputs: a client that scales pixels to 255 instead of 1, swapped channels, a flood of one kind.
// A verdict on a single input it cannot give, and a small crafted perturbation does not move these figures
// (docs/adversarial.md has the rates). Use it to alert, not to refuse.
package drift

import (
	"errors"
	"fmt"
	"math"

	"github.com/holdfast-ai/holdfast/guard/tensor"
)

// ErrProfile means that a profile cannot be used: of other channels, too few inputs, or not well formed.
var ErrProfile = errors.New("drift: unusable profile")

// MaxChannels bounds the channels of a profile: colour images have 4, embeddings are profiled as one.
const MaxChannels = 64

// bins of the histogram of norms: 8 for each octave from 2^-32 to 2^32, and one at either end.
const (
	perOctave = 8
	octaves   = 32
	bins      = 2*octaves*perOctave + 2
)

// A Profile sums up inputs. It has a fixed size whatever was observed, and holds no input. The zero value is not usable; see
// [NewProfile]. It is not safe for concurrent use.
type Profile struct {
	Version  int       `json:"version"` // 1
	Inputs   int64     `json:"inputs"`
	Channels []Moments `json:"channels"`
	Norms    []int64   `json:"norms"` // root mean square of each input, counted in bins of an eighth of an octave
}

// Moments are those of one channel over inputs: of the mean value that the channel has in each.
type Moments struct {
	Mean float64 `json:"mean"`
	M2   float64 `json:"m2"` // sum of squared deviations (Welford)
}

// NewProfile returns an empty profile of inputs with the given number of channels.
func NewProfile(channels int) (*Profile, error) {
	if channels < 1 || channels > MaxChannels {
		return nil, fmt.Errorf("%w: %d channels", ErrProfile, channels)
	}
	return &Profile{Version: 1, Channels: make([]Moments, channels), Norms: make([]int64, bins)}, nil
}

// Validate reports whether a profile that came from elsewhere is well formed. Errors unwrap to [ErrProfile].
func (p *Profile) Validate() error {
	if p == nil || p.Version != 1 || len(p.Channels) < 1 || len(p.Channels) > MaxChannels || len(p.Norms) != bins {
		return fmt.Errorf("%w: version or sizes", ErrProfile)
	}
	sum := int64(0)
	for _, n := range p.Norms {
		if n < 0 || n > math.MaxInt64-sum {
			return fmt.Errorf("%w: counts", ErrProfile)
		}
		sum += n
	}
	for _, m := range p.Channels {
		if math.IsNaN(m.Mean) || math.IsInf(m.Mean, 0) || !(m.M2 >= 0) || math.IsInf(m.M2, 0) {
			return fmt.Errorf("%w: moments", ErrProfile)
		}
	}
	if sum != p.Inputs {
		return fmt.Errorf("%w: counts", ErrProfile)
	}
	return nil
}

// Observe adds one input, which a [tensor.Spec] has accepted: dense, of type F32 or U8, with the channels along dimension
// axis, or all in one channel if the profile has one. Errors: [tensor.ErrTensor] for another view.
func (p *Profile) Observe(v tensor.View, axis int) error {
	var sums [MaxChannels]float64
	squares, n, err := sum(v, axis, sums[:len(p.Channels)])
	if err != nil {
		return err
	}
	p.Inputs++
	each := float64(n / int64(len(p.Channels)))
	for i := range p.Channels {
		m := &p.Channels[i]
		x := sums[i] / each
		d := x - m.Mean
		m.Mean += d / float64(p.Inputs)
		m.M2 += d * (x - m.Mean)
	}
	p.Norms[bin(math.Sqrt(squares/float64(n)))]++
	return nil
}

func bin(norm float64) int {
	if !(norm > 0) {
		return 0
	}
	return min(max(int(math.Floor((math.Log2(norm)+octaves)*perOctave))+1, 1), bins-1)
}

// sum adds up the elements of each channel.
func sum(v tensor.View, axis int, channels []float64) (squares float64, n int64, err error) {
	n, err = tensor.Elements(v.Shape)
	if err != nil {
		return 0, 0, err
	}
	size := int64(v.DType.Size())
	if v.DType != tensor.F32 && v.DType != tensor.U8 || v.Strides != nil || n == 0 || n > math.MaxInt64/size || n*size != int64(len(v.Data)) {
		return 0, 0, fmt.Errorf("%w: not a dense F32 or U8 tensor with elements", tensor.ErrTensor)
	}
	inner := n // elements that follow one another in one channel
	if len(channels) > 1 {
		if axis < 0 || axis >= len(v.Shape) || v.Shape[axis] != int64(len(channels)) {
			return 0, 0, fmt.Errorf("%w: channels", tensor.ErrTensor)
		}
		inner = 1
		for _, d := range v.Shape[axis+1:] {
			inner *= d
		}
	}
	step := inner * size
	for i, b := 0, v.Data; len(b) > 0; i, b = (i+1)%len(channels), b[step:] {
		s, q := v.Sums(b[:step])
		channels[i] += s
		squares += q
	}
	if math.IsNaN(squares) || math.IsInf(squares, 0) {
		return 0, 0, fmt.Errorf("%w: not finite", tensor.ErrTensor)
	}
	return squares, n, nil
}
