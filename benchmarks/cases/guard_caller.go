package cases

import (
	"errors"
	"net/http"
	"strings"

	"github.com/holdfast-ai/holdfast/benchmarks/ratio"
	"github.com/holdfast-ai/holdfast/guard/caller"
)

// guardCaller refuses a wrong secret of a key that is known, beside one of a key that is not: the time of a refusal must not
// tell which keys there are. The
// wrong secret differs in its last place only.
func guardCaller() (ratio.Case, error) {
	text, k, err := caller.NewKey("known", "")
	if err != nil {
		return ratio.Case{}, err
	}
	keys, err := caller.NewKeys([]caller.Key{k}, nil)
	if err != nil {
		return ratio.Case{}, err
	}
	with := func(text string) *http.Request {
		return &http.Request{Header: http.Header{"Authorization": {"Bearer " + text}}}
	}
	if id, err := keys.Authenticate(with(text)); err != nil || id.ID != "known" {
		return ratio.Case{}, errors.New("guard/caller: the key is not taken")
	}
	last := "A"
	if strings.HasSuffix(text, last) {
		last = "B"
	}
	refused := func(r *http.Request) func() error {
		return func() error {
			for range 1000 {
				if _, err := keys.Authenticate(r); !errors.Is(err, caller.ErrUnknown) {
					return errors.New("guard/caller: a wrong key is taken")
				}
			}
			return nil
		}
	}
	return ratio.Case{
		Name: "guard/caller", Better: ratio.Lower,
		Subject:   refused(with(text[:len(text)-1] + last)),
		Yardstick: refused(with(strings.Replace(text, "known", "xxxxx", 1))),
	}, nil
}
