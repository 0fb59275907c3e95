package guard_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
	"github.com/holdfast-ai/holdfast/internal/dsse"
)

// signer makes signed files of rules, and checks them.
type signer struct{ key *ecdsa.PrivateKey }

func newSigner(t *testing.T) signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{k}
}

func (s signer) option() guard.Option {
	return guard.WithRuleVerifier(func(payloadType string, envelope []byte) ([]byte, error) {
		return dsse.Verify(s.key.Public(), payloadType, envelope)
	})
}

// rules signs a file whose one rule finds a word.
func (s signer) rules(t *testing.T, number int, word, expires string) string {
	t.Helper()
	data := fmt.Sprintf(`{"number":%d,"date":"2026-11-26","expires":%q,"classes":{"w":[%q]},"rules":[{"id":"own.word","category":"LLM01",`+
		`"atlas":"AML.T0051.000","severity":2,"steps":["w"],"gap":0,"where":["user"],"finds":["say %s now"],"passes":["say nothing now"]}]}`, number, expires, word, word)
	env, err := dsse.Sign(s.key, detect.RulesPayloadType, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return string(env)
}

// A signed file of rules takes the place of the built-in ones, and its number and digest that of theirs.
func TestRuleFile(t *testing.T) {
	s := newSigner(t)
	p := guard.DefaultPolicy()
	p.Detection.RuleFile = s.rules(t, 7, "marzipan", "2099-01-01")
	g := newGuard(t, p, s.option())
	status := func(text string) int {
		return post(g.Handler(&guardtest.Upstream{Pieces: []string{"x"}}), guardtest.Chat(text)).Code
	}
	if a, b, c := status("Say MARZIPAN, please."), status(attack), status("hello"+guardtest.Tags("x")); a != 400 || b != 200 || c != 400 {
		t.Errorf("its own rule %d, a built-in one %d, invisible text %d", a, b, c)
	}
	builtin := newGuard(t, guard.DefaultPolicy())
	if g.RulesNumber() != 7 || builtin.RulesNumber() != detect.RulesNumber() || g.PolicyDigest() == builtin.PolicyDigest() {
		t.Error("number or digest:", g.RulesNumber())
	}
	p.Detection.RuleFile = s.rules(t, 7, "marzipan", "2099-01-01") // signed anew, with another random number
	if again := newGuard(t, p, s.option()); again.PolicyDigest() != g.PolicyDigest() {
		t.Error("one file of rules has two digests")
	}
	p.Rules = map[string]guard.Mode{"own.word": guard.ModeMonitor}
	if w := post(newGuard(t, p, s.option()).Handler(&guardtest.Upstream{}), guardtest.Chat("Say marzipan.")); w.Code != 200 {
		t.Error("the mode of a rule of the file:", w.Code)
	}
	p.Rules = map[string]guard.Mode{"injection.override": guard.ModeMonitor}
	if _, err := guard.New(p, s.option()); !errors.Is(err, guard.ErrPolicy) {
		t.Error("the mode of a rule that the file has not:", err)
	}
}

// A file that is altered, old, over, or of another signer is refused, and the rules in force stay, with their epoch.
func TestRuleFileOnReload(t *testing.T) {
	s := newSigner(t)
	good := s.rules(t, 7, "marzipan", "2099-01-01")
	var seen []guard.Reload
	p := guard.DefaultPolicy()
	p.Detection.RuleFile = good
	g := newGuard(t, p, s.option(), guard.WithHooks(guard.Hooks{Reload: func(r guard.Reload) error { seen = append(seen, r); return nil }}))
	before := g.PolicyDigest()
	var env struct {
		Payload string `json:"payload"`
	}
	if err := json.Unmarshal([]byte(good), &env); err != nil {
		t.Fatal(err)
	}
	tampered := strings.Replace(good, env.Payload[100:104], "AAAA", 1)
	changed := func(from, to string) string { // newer, so that nothing but the change is wrong with them
		newer := s.payload(t, s.rules(t, 8, "marzipan", "2099-01-01"))
		if !strings.Contains(newer, from) {
			t.Fatalf("rules without %q", from)
		}
		return s.resigned(t, strings.Replace(newer, from, to, 1))
	}
	for name, c := range map[string]func(*guard.Policy){
		"tampered":                  func(p *guard.Policy) { p.Detection.RuleFile = tampered },
		"another signer":            func(p *guard.Policy) { p.Detection.RuleFile = newSigner(t).rules(t, 8, "x", "2099-01-01") },
		"lower number":              func(p *guard.Policy) { p.Detection.RuleFile = s.rules(t, 6, "marzipan", "2099-01-01") },
		"others of the same number": func(p *guard.Policy) { p.Detection.RuleFile = s.rules(t, 7, "nougat", "2099-01-01") },
		"below the policy":          func(p *guard.Policy) { p.Detection.MinRules = 8 },
		"expired":                   func(p *guard.Policy) { p.Detection.RuleFile = s.rules(t, 8, "marzipan", "2020-01-01") },
		"no expiry":                 func(p *guard.Policy) { p.Detection.RuleFile = s.rules(t, 8, "marzipan", "") },
		"plain":                     func(p *guard.Policy) { p.Detection.RuleFile = `{"number":9}` },
		"back to built-in":          func(p *guard.Policy) { p.Detection.RuleFile = "" },
		"reserved name":             func(p *guard.Policy) { p.Detection.RuleFile = changed("own.word", detect.RuleTags) },
		"examples":                  func(p *guard.Policy) { p.Detection.RuleFile = changed("say nothing", "say marzipan") },
	} {
		bad := p
		c(&bad)
		if err := g.Reload(bad); !errors.Is(err, guard.ErrPolicy) {
			t.Errorf("%s: %v", name, err)
		}
		w := post(g.Handler(&guardtest.Upstream{}), guardtest.Chat("Say marzipan."))
		if w.Code != 400 || g.PolicyDigest() != before || g.RulesNumber() != 7 || len(seen) != 0 {
			t.Fatalf("%s: the rules in force are gone: %d", name, w.Code)
		}
	}
	if _, err := guard.New(p); !errors.Is(err, guard.ErrPolicy) {
		t.Error("nothing verifies the file:", err)
	}
	p.Detection.RuleFile = s.resigned(t, s.payload(t, good)) // the same ones, in another envelope
	if err := g.Reload(p); err != nil {
		t.Fatal("the same rules in another envelope:", err)
	}
	before, seen = g.PolicyDigest(), nil
	p.Detection.RuleFile = s.rules(t, 8, "nougat", "2099-01-01")
	if err := g.Reload(p); err != nil || len(seen) != 1 || seen[0].Before != before || seen[0].After != g.PolicyDigest() || seen[0].After == before {
		t.Fatal(err, seen)
	}
	if a, b := post(g.Handler(&guardtest.Upstream{}), guardtest.Chat("Say marzipan.")).Code, post(g.Handler(&guardtest.Upstream{}), guardtest.Chat("Say nougat.")).Code; a != 200 || b != 400 {
		t.Error("the new rules:", a, b)
	}
}

func (s signer) payload(t *testing.T, envelope string) string {
	t.Helper()
	b, err := dsse.Verify(s.key.Public(), detect.RulesPayloadType, []byte(envelope))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (s signer) resigned(t *testing.T, payload string) string {
	t.Helper()
	env, err := dsse.Sign(s.key, detect.RulesPayloadType, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return string(env)
}

// scored is a calibration whose harmless texts all have a score, by group.
func scored(groups map[detect.Group]float64) *detect.Calibration {
	c := detect.NewCalibration()
	for g, v := range groups {
		for range 2000 {
			c.Add(g, v)
		}
	}
	return c
}

// The thresholds of a calibration hold by route, role, language and length; its profile says what comes of a finding.
func TestCalibration(t *testing.T) {
	of := detect.Digest()
	policy := func(profile string, c *detect.Calibration) guard.Policy {
		t.Helper()
		groups, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		p, err := guard.ParsePolicy([]byte(`{"routes":[{"method":"POST","path":"/v1/chat/completions","kind":"openai.chat"},{"method":"POST","path":"/v1/completions","kind":"openai.completions"}],
			"trust_system_role":true,"detection":{"calibration":{"profile":"` + profile + `","detector":"` + hex.EncodeToString(of[:]) + `","groups":` + string(groups) + `}}}`))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const lax, strict = 31, -31 // scores that no text reaches, and that every text does
	status := func(g *guard.Guard, k guard.Kind, body string) int {
		return ask(g.Handler(&guardtest.Upstream{Body: `{"choices":[]}`}), k, body).Code
	}
	chat, completion := asks[guard.KindChat], asks[guard.KindCompletions]
	long := strings.Replace(chat, "TEXT", strings.Repeat("the tide is high ", 40), 1)
	for name, c := range map[string]struct {
		groups           map[detect.Group]float64
		chat, completion int
		long             int
	}{
		"route":  {map[detect.Group]float64{{Route: "openai.chat", Length: "short"}: lax, {Route: "openai.chat", Length: "medium"}: lax, {Route: "openai.completions", Length: "short"}: strict}, 200, 400, 200},
		"length": {map[detect.Group]float64{{Route: "openai.chat", Length: "short"}: lax, {Route: "openai.chat", Length: "medium"}: strict}, 200, 200, 400},
		"role":   {map[detect.Group]float64{{Route: "user", Length: "short"}: strict, {Route: "tool", Length: "short"}: lax, {Length: "medium"}: lax}, 400, 400, 200},
		"other":  {map[detect.Group]float64{{Route: "elsewhere", Length: "long"}: lax}, 200, 200, 200},
	} {
		g := newGuard(t, policy("balanced", scored(c.groups)))
		if a, b, l := status(g, guard.KindChat, chat), status(g, guard.KindCompletions, completion), status(g, guard.KindChat, long); a != c.chat || b != c.completion || l != c.long {
			t.Errorf("%s: chat %d, completion %d, long %d", name, a, b, l)
		}
	}
	byLang := scored(map[detect.Group]float64{{Route: "user", Lang: "de", Length: "short"}: strict, {Route: "user", Lang: "en", Length: "short"}: lax})
	for lang, want := range map[string]int{"de": 400, "en": 200} {
		g := newGuard(t, policy("balanced", byLang), guard.WithLanguage(func([]byte) string { return lang }))
		if got := status(g, guard.KindChat, chat); got != want {
			t.Errorf("%s: %d", lang, got)
		}
	}
	all := scored(map[detect.Group]float64{{Length: "short"}: strict})
	operator := strings.Replace(chat, `"user"`, `"system"`, 1)
	if got := status(newGuard(t, policy("strict", all)), guard.KindChat, operator); got != 200 {
		t.Error("the operator's own words are judged:", got)
	}
	var found []guard.Finding
	g := newGuard(t, policy("monitor", all), guard.WithHooks(guard.Hooks{Finding: func(_ ctx, f guard.Finding, m guard.Mode) { found = append(found, f) }}))
	if got := status(g, guard.KindChat, chat); got != 200 || len(found) != 1 || found[0].Rule != detect.RuleModel {
		t.Errorf("monitor: %d %v", got, found)
	}
	if a, b := newGuard(t, policy("monitor", all)).PolicyDigest(), newGuard(t, policy("strict", all)).PolicyDigest(); a == b {
		t.Error("two profiles have one digest")
	}
	if a, b := newGuard(t, policy("strict", byLang)).PolicyDigest(), newGuard(t, policy("strict", all)).PolicyDigest(); a == b {
		t.Error("two calibrations have one digest")
	}
	for name, change := range map[string]func(*guard.Policy){
		"other detector": func(p *guard.Policy) { p.Detection.Calibration.Detector = strings.Repeat("0", 64) },
		"no detector":    func(p *guard.Policy) { p.Detection.Calibration.Detector = "" },
		"profile":        func(p *guard.Policy) { p.Detection.Calibration.Profile = "lenient" },
		"no profile":     func(p *guard.Policy) { p.Detection.Calibration.Profile = "" },
		"no groups":      func(p *guard.Policy) { p.Detection.Calibration.Groups = nil },
		"too few texts":  func(p *guard.Policy) { p.Detection.Calibration.Groups = detect.NewCalibration() },
		"mode twice":     func(p *guard.Policy) { p.Rules = map[string]guard.Mode{detect.RuleModel: guard.ModeBlock} },
	} {
		p := policy("balanced", all)
		change(&p)
		if _, err := guard.New(p); !errors.Is(err, guard.ErrPolicy) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{
		`{"detection":{"rules":"x"}}`, `{"detection":{"calibration":{"profile":"strict","detector":"","groups":[],"x":1}}}`, `{"detection":{"calibration":{"groups":[{"group":{},"scores":[[1,2]],"x":1}]}}}`,
		`{"detection":{"calibration":{"groups":[{"group":{"length":"tiny"},"scores":[[1,2]]}]}}}`, `{"detection":{"calibration":{"groups":[{"group":{},"scores":[[1,2]]},{"group":{},"scores":[[1,2]]}]}}}`,
		`{"detection":{"calibration":{"groups":[{"group":{},"scores":[[9999,2]]}]}}}`, `{"Detection":{}}`, `{"detection":{"min_rules":-1}}`,
	} {
		if _, err := guard.ParsePolicy([]byte(text)); !errors.Is(err, guard.ErrPolicy) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
