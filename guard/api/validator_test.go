package api_test

import (
	"math"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// What is remembered is what was accepted, and nothing near it.
func TestRememberedParams(t *testing.T) {
	v := api.NewValidator()
	good := api.Params{Model: "m", MaxTokens: 10, Temperature: 0.5, Messages: 1}
	for name, change := range map[string]func(*api.Params){
		"no model":    func(p *api.Params) { p.Model = "" },
		"long model":  func(p *api.Params) { p.Model = strings.Repeat("m", 257) },
		"tokens":      func(p *api.Params) { p.MaxTokens = -1 },
		"temperature": func(p *api.Params) { p.Temperature = 2.5 },
		"no messages": func(p *api.Params) { p.Messages = 0 },
		"messages":    func(p *api.Params) { p.Messages = 4097 },
		"NaN":         func(p *api.Params) { p.TopP = math.NaN() },
	} {
		for range 3 {
			if err := v.Params(&good); err != nil {
				t.Fatal(err)
			}
			bad := good
			change(&bad)
			if v.Params(&bad) == nil {
				t.Errorf("%s is accepted", name)
			}
		}
	}
	if n := testing.AllocsPerRun(100, func() { _ = v.Params(&good) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
