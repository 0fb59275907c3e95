package holdfast_test

import (
	"errors"
	"testing"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// A relying party that demands a policy which looks for cards and links is not content with a server where one of them is off.
func TestClaimsOfWhatIsSwitchedOn(t *testing.T) {
	key := signtest.Key(t)
	device, policy := simulated(t)
	src := publish(t, key, contents(7))
	chain := func(sensitive, links []string) ([]byte, attest.Digest) {
		cfg := config(key, src)
		cfg.Platform, cfg.Guard.Sensitive, cfg.Guard.Links = device, sensitive, links
		c, _ := serve(t, cfg, newAnswer())
		return c.Epochs().Document(), c.Guard().PolicyDigest()
	}
	document, demanded := chain([]string{"pii.card"}, []string{})
	policy.GuardPolicies = []attest.Digest{demanded}
	if _, err := attest.VerifyChain(t.Context(), document, nil, policy); err != nil {
		t.Fatal(err)
	}
	for name, off := range map[string]struct{ sensitive, links []string }{
		"all off":    {nil, nil},
		"kinds off":  {nil, []string{}},
		"links off":  {[]string{"pii.card"}, nil},
		"other kind": {[]string{"pii.email"}, []string{}},
		"a host":     {[]string{"pii.card"}, []string{"evil.example"}},
	} {
		document, _ := chain(off.sensitive, off.links)
		_, err := attest.VerifyChain(t.Context(), document, nil, policy)
		refused, ok := errors.AsType[*attest.Refused](err)
		if !ok || !errors.Is(err, attest.ErrPolicy) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, c := range refused.Checks {
			if failed := c.Status == attest.Fail; failed != (c.Code == "guard_policy") {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}
}
