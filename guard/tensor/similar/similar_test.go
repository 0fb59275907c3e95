package similar_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ai/holdfast/guard/tensor"
	"github.com/holdfast-ai/holdfast/guard/tensor/similar"
)

const side = 28

func config() similar.Config {
	return similar.Config{Shape: []int64{side, side}, Rows: 0, Columns: 1, Max: 255, Distance: 0.03}
}

// picture draws some random boxes on a flat background.
func picture(r *rand.Rand) tensor.View {
	b := make([]byte, side*side)
	for range 6 {
		x, y, w, h, v := r.IntN(side), r.IntN(side), 3+r.IntN(12), 3+r.IntN(12), byte(r.UintN(256))
		for i := y; i < min(side, y+h); i++ {
			for k := x; k < min(side, x+w); k++ {
				b[i*side+k] = v + byte(3*(i+k))
			}
		}
	}
	return tensor.View{DType: tensor.U8, Shape: []int64{side, side}, Data: b}
}

func with(v tensor.View, change func(i int, x byte) byte) tensor.View {
	b := make([]byte, len(v.Data))
	for i, x := range v.Data {
		b[i] = change(i, x)
	}
	v.Data = b
	return v
}

func clamp(x int) byte { return byte(min(max(x, 0), 255)) }

func observe(t *testing.T, d *similar.Detector, v tensor.View) similar.Signal {
	t.Helper()
	s, err := d.Observe(v)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSeriesAreNoticedAndStrangersAreNot(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var benign []tensor.View
	for range 2000 {
		benign = append(benign, picture(r))
	}
	c := config()
	var err error
	if c.Distance, err = similar.Calibrate(c, benign, 0.001); err != nil {
		t.Fatal(err)
	}
	d, err := similar.New(c)
	if err != nil {
		t.Fatal(err)
	}
	alarms := 0
	for _, v := range benign {
		if observe(t, d, v).Any() {
			alarms++
		}
	}
	if alarms > 6 { // 0.1 % by calibration, and 0.02 % by window hashes
		t.Errorf("%d alarms in %d", alarms, len(benign))
	}
	base := picture(r)
	if s := observe(t, d, base); s.Any() {
		t.Fatalf("%+v", s)
	}
	square := with(base, func(i int, x byte) byte { // one step of an attack that changes a square
		if i/side < 6 && i%side < 6 {
			return clamp(int(x) + 20)
		}
		return x
	})
	if s := observe(t, d, square); !s.Exact || s.Duplicate {
		t.Errorf("square: %+v", s)
	}
	if s := observe(t, d, with(base, func(_ int, x byte) byte { return clamp(int(x) + r.IntN(27) - 13) })); !s.Near {
		t.Errorf("noise: %+v", s)
	}
	if s := observe(t, d, square); !s.Duplicate || s.Any() {
		t.Errorf("retry: %+v", s)
	}
}

// Pictures of something small before the same background have most windows in common, and are no series.
func TestFlatPicturesAreNoAttack(t *testing.T) {
	d, err := similar.New(config())
	if err != nil {
		t.Fatal(err)
	}
	for n := range 40 {
		v := tensor.View{DType: tensor.U8, Shape: []int64{side, side}, Data: make([]byte, side*side)}
		for i := range 3 {
			for k := range 3 {
				v.Data[(n%8*3+i)*side+n/8*5+k] = byte(255 - 6*n - 20*i + k)
			}
		}
		if s := observe(t, d, v); s.Exact {
			t.Fatalf("%d: %+v", n, s)
		}
	}
}

func TestFloatsCountAsTheirPixels(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	c := config()
	c.Max = 1
	d, err := similar.New(c)
	if err != nil {
		t.Fatal(err)
	}
	floats := func(shift float32) tensor.View {
		v := picture(rand.New(rand.NewPCG(5, 6)))
		b := make([]byte, 0, 4*len(v.Data))
		for _, x := range v.Data {
			f := math.Float32bits(float32(x)/255 + shift*r.Float32())
			b = append(b, byte(f), byte(f>>8), byte(f>>16), byte(f>>24))
		}
		return tensor.View{DType: tensor.F32, Shape: v.Shape, Data: b}
	}
	if s := observe(t, d, floats(0)); s.Any() {
		t.Fatal(s)
	}
	if s := observe(t, d, floats(0.001)); !s.Any() || s.Duplicate {
		t.Fatal(s)
	}
	bad := floats(0)
	bad.Data[3] = 0x7f
	bad.Data[2] = 0xc0
	if _, err := d.Observe(bad); !errors.Is(err, tensor.ErrTensor) {
		t.Error(err)
	}
}

func TestInputsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		c := config()
		c.History, c.Age = 3, time.Minute
		d, err := similar.New(c)
		if err != nil {
			t.Fatal(err)
		}
		first := picture(r)
		observe(t, d, first)
		for range 3 {
			observe(t, d, picture(r))
		}
		if s := observe(t, d, first); s.Any() || s.Duplicate {
			t.Errorf("remembered beyond History: %+v", s)
		}
		time.Sleep(time.Minute + 1)
		if s := observe(t, d, first); s.Any() || s.Duplicate {
			t.Errorf("remembered beyond Age: %+v", s)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	c := config()
	c.History = 200
	d, err := similar.New(c)
	if err != nil {
		t.Fatal(err)
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for range 400 {
		observe(t, d, picture(r))
	}
	before := heap()
	for range 4000 {
		observe(t, d, picture(r))
	}
	if after := heap(); after > before+1<<20 {
		t.Errorf("%d bytes more", after-before)
	}
	runtime.KeepAlive(d)
}

func TestConfigIsChecked(t *testing.T) {
	for name, change := range map[string]func(*similar.Config){
		"zero":        func(c *similar.Config) { *c = similar.Config{} },
		"no distance": func(c *similar.Config) { c.Distance = 0 },
		"NaN":         func(c *similar.Config) { c.Max = math.NaN() },
		"one axis":    func(c *similar.Config) { c.Columns = 0 },
		"axis":        func(c *similar.Config) { c.Rows = 2 },
		"shape":       func(c *similar.Config) { c.Shape = []int64{-1, 28} },
		"overflow":    func(c *similar.Config) { c.Shape = []int64{1 << 33, 1 << 33} },
		"large":       func(c *similar.Config) { c.Shape = []int64{1 << 13, 1 << 13} },
		"small":       func(c *similar.Config) { c.Shape = []int64{3, 3} },
		"matches":     func(c *similar.Config) { c.Matches = 51 },
		"history":     func(c *similar.Config) { c.History = -1 },
	} {
		c := config()
		change(&c)
		if _, err := similar.New(c); !errors.Is(err, similar.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := similar.Calibrate(config(), nil, 0.001); !errors.Is(err, similar.ErrConfig) {
		t.Error(err)
	}
}
