package drift_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/tensor"
	"github.com/holdfast-ai/holdfast/guard/tensor/drift"
)

// sample is an image of 3 x 4 x 4 with values around the given means.
func sample(r *rand.Rand, scale float32, means ...float64) tensor.View {
	var b []byte
	light := r.Float64() * 0.4
	for _, m := range means {
		for range 16 {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(scale*float32(m+light+0.1*r.NormFloat64())))
		}
	}
	return tensor.View{DType: tensor.F32, Shape: []int64{int64(len(means)), 4, 4}, Data: b}
}

func profile(t *testing.T, n int, next func() tensor.View) *drift.Profile {
	t.Helper()
	p, err := drift.NewProfile(3)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if err := p.Observe(next(), 0); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func TestDriftIsFoundAndChanceIsNot(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	same := func() tensor.View { return sample(r, 1, 0.4, 0.5, 0.6) }
	base := profile(t, 2000, same)
	for range 200 {
		rep, err := drift.Compare(base, profile(t, 100, same))
		if err != nil || rep.Drifted(drift.Limits{}) {
			t.Fatalf("%+v %v", rep, err)
		}
	}
	for name, next := range map[string]func() tensor.View{
		"pixels not scaled": func() tensor.View { return sample(r, 255, 0.4, 0.5, 0.6) },
		"channels swapped":  func() tensor.View { return sample(r, 1, 0.6, 0.5, 0.4) },
		"darker":            func() tensor.View { return sample(r, 0.8, 0.4, 0.5, 0.6) },
		"all zero":          func() tensor.View { return sample(r, 0, 0.4, 0.5, 0.6) },
	} {
		rep, err := drift.Compare(base, profile(t, 100, next))
		if err != nil || !rep.Drifted(drift.Limits{}) {
			t.Errorf("%s: %+v %v", name, rep, err)
		}
	}
}

func TestMonitorReportsEveryWindow(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	base := profile(t, 500, func() tensor.View { return sample(r, 1, 0.4, 0.5, 0.6) })
	var got []drift.Report
	m, err := drift.NewMonitor(base, 0, 30, func(r drift.Report) { got = append(got, r) })
	if err != nil {
		t.Fatal(err)
	}
	for i := range 90 {
		scale := float32(1)
		if i >= 60 {
			scale = 2
		}
		if err := m.Observe(sample(r, scale, 0.4, 0.5, 0.6)); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 3 || got[0].Drifted(drift.Limits{}) || got[1].Drifted(drift.Limits{}) || !got[2].Drifted(drift.Limits{}) || got[0].Inputs != 30 {
		t.Fatalf("%+v", got)
	}
}

func TestProfilesAreChecked(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	good := profile(t, 100, func() tensor.View { return sample(r, 1, 0.4, 0.5, 0.6) })
	data, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*drift.Profile){
		"version":  func(p *drift.Profile) { p.Version = 2 },
		"channels": func(p *drift.Profile) { p.Channels = nil },
		"bins":     func(p *drift.Profile) { p.Norms = p.Norms[1:] },
		"negative": func(p *drift.Profile) { p.Norms[0] = -1 },
		"count":    func(p *drift.Profile) { p.Inputs++ },
		"moments":  func(p *drift.Profile) { p.Channels[1].M2 = -1 },
	} {
		var p drift.Profile
		if err := json.Unmarshal(data, &p); err != nil {
			t.Fatal(err)
		}
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&p)
		if _, err := drift.Compare(good, &p); !errors.Is(err, drift.ErrProfile) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := drift.NewMonitor(&p, 0, 30, func(drift.Report) {}); !errors.Is(err, drift.ErrProfile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	few := profile(t, 29, func() tensor.View { return sample(r, 1, 0.4, 0.5, 0.6) })
	if _, err := drift.Compare(good, few); !errors.Is(err, drift.ErrProfile) {
		t.Error(err)
	}
}

func TestInputsThatAreNoImages(t *testing.T) {
	p, err := drift.NewProfile(3)
	if err != nil {
		t.Fatal(err)
	}
	nan := sample(rand.New(rand.NewPCG(1, 1)), float32(math.NaN()), 1, 2, 3)
	for name, v := range map[string]tensor.View{
		"NaN":       nan,
		"empty":     {DType: tensor.F32, Shape: []int64{3, 0}},
		"short":     {DType: tensor.F32, Shape: []int64{3, 4}, Data: make([]byte, 47)},
		"overflow":  {DType: tensor.F32, Shape: []int64{3, 1 << 62}, Data: make([]byte, 48)},
		"channels":  {DType: tensor.F32, Shape: []int64{4, 3}, Data: make([]byte, 48)},
		"dtype":     {DType: tensor.F64, Shape: []int64{3, 1}, Data: make([]byte, 24)},
		"scalar":    {DType: tensor.F32, Data: make([]byte, 4)},
		"with gaps": {DType: tensor.F32, Shape: []int64{3, 1}, Strides: []int64{2, 1}, Data: make([]byte, 48)},
	} {
		if err := p.Observe(v, 0); !errors.Is(err, tensor.ErrTensor) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p.Inputs != 0 {
		t.Error("a refused input was counted")
	}
}
