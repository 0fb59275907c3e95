package tensor_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard/tensor"
)

const specsJSON = `{"version":1,"number":7,"model_id":"%s","expires":"2030-01-01T00:00:00Z","inputs":[` +
	`{"name":"ids","dtypes":["i64"],"dims":[{"min":1,"max":1},{"min":1,"max":4}],"max_elements":4,"ints":{"min":0,"max":99}},` +
	`{"name":"mask","dtypes":["f32","f16"],"dims":[{"min":1,"max":4}],"max_elements":4,"abs_max":1}]}`

func signedSpecs() (payload []byte, a tensor.Accept) {
	id := [32]byte{1, 2, 3}
	payload = fmt.Appendf(nil, specsJSON, hex.EncodeToString(id[:]))
	return payload, tensor.Accept{
		ModelID: id, MinNumber: 7, Now: time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC),
		Verify: func(typ string, env []byte) ([]byte, error) { // stands for internal/dsse, which has tests of its own
			if typ != tensor.SpecsType || !strings.HasPrefix(string(env), "signed:") {
				return nil, errors.New("not signed")
			}
			return env[len("signed:"):], nil
		},
	}
}

func TestSignedSpecsCheckARequest(t *testing.T) {
	payload, a := signedSpecs()
	s, err := tensor.OpenSpecs(append([]byte("signed:"), payload...), a)
	if err != nil {
		t.Fatal(err)
	}
	ids := tensor.View{Name: "ids", DType: tensor.I64, Shape: []int64{1, 1}, Data: []byte{99, 0, 0, 0, 0, 0, 0, 0}}
	mask := tensor.View{Name: "mask", DType: tensor.F32, Shape: []int64{1}, Data: f32(1)}
	if err := s.Check([]tensor.View{mask, ids}); err != nil {
		t.Fatal(err)
	}
	over := ids
	over.Data = []byte{100, 0, 0, 0, 0, 0, 0, 0}
	other := mask
	other.Name = "mask2"
	for name, c := range map[string]struct {
		views  []tensor.View
		reason string
	}{
		"missing": {[]tensor.View{ids}, tensor.ReasonMissing},
		"twice":   {[]tensor.View{ids, mask, ids}, tensor.ReasonName},
		"unknown": {[]tensor.View{ids, mask, other}, tensor.ReasonName},
		"values":  {[]tensor.View{over, mask}, tensor.ReasonRange},
		"none":    {nil, tensor.ReasonMissing},
	} {
		if got := reason(t, s.Check(c.views)); got != c.reason {
			t.Errorf("%s: %q, want %q", name, got, c.reason)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _ = s.Check([]tensor.View{mask, ids}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Each row changes one thing of a file that is accepted.
func TestSpecsAreRefused(t *testing.T) {
	for name, change := range map[string]func(payload *string, a *tensor.Accept){
		"not signed": func(_ *string, a *tensor.Accept) {
			a.Verify = func(string, []byte) ([]byte, error) { return nil, errors.New("no") }
		},
		"no verifier":   func(_ *string, a *tensor.Accept) { a.Verify = nil },
		"another model": func(_ *string, a *tensor.Accept) { a.ModelID[0] ^= 1 },
		"no model":      func(_ *string, a *tensor.Accept) { a.ModelID = [32]byte{} },
		"rolled back":   func(_ *string, a *tensor.Accept) { a.MinNumber = 8 },
		"expired":       func(_ *string, a *tensor.Accept) { a.Now = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) },
		"no time":       func(_ *string, a *tensor.Accept) { a.Now = time.Time{} },
		"version":       func(p *string, _ *tensor.Accept) { *p = strings.Replace(*p, `"version":1`, `"version":2`, 1) },
		"unknown key":   func(p *string, _ *tensor.Accept) { *p = strings.Replace(*p, `"number"`, `"numbers"`, 1) },
		"unknown dtype": func(p *string, _ *tensor.Accept) { *p = strings.Replace(*p, `"f16"`, `"f17"`, 1) },
		"no inputs":     func(p *string, _ *tensor.Accept) { *p = (*p)[:strings.Index(*p, `[{"name"`)] + `[]}` },
		"same name":     func(p *string, _ *tensor.Accept) { *p = strings.Replace(*p, `"mask"`, `"ids"`, 1) },
		"no name":       func(p *string, _ *tensor.Accept) { *p = strings.Replace(*p, `"mask"`, `""`, 1) },
		"contradictory": func(p *string, _ *tensor.Accept) {
			*p = strings.Replace(*p, `"max_elements":4,"ints"`, `"max_elements":0,"ints"`, 1)
		},
		"range upside down": func(p *string, _ *tensor.Accept) {
			*p = strings.Replace(*p, `{"min":0,"max":99}`, `{"min":99,"max":0}`, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			payload, a := signedSpecs()
			p := string(payload)
			change(&p, &a)
			if s, err := tensor.OpenSpecs([]byte("signed:"+p), a); !errors.Is(err, tensor.ErrSpecs) || s != nil {
				t.Fatal(s, err)
			}
		})
	}
	var zero tensor.Specs
	if err := zero.Check(nil); !errors.Is(err, tensor.ErrSpecs) {
		t.Error(err)
	}
}
