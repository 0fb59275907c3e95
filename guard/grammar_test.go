package guard_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// What answers must match is compiled by the backend before it writes a word: patterns and schemas that are large, or grow large by
// their counts, stop it for everyone.
func TestGrammarsAreBounded(t *testing.T) {
	g := newGuard(t, all())
	large := strings.Repeat("a", 70_000)
	nested := func(n int) string { // {"items":{"items":…},"maxItems":100}
		return strings.Repeat(`{"type":"array","maxItems":100,"items":`, n) + `{"type":"string"}` + strings.Repeat("}", n)
	}
	for field, ok := range map[string]bool{
		`"guided_regex":"\\d{4}-\\d{2}(-[0-9a-f]{4}){3}"`:                                                   true,
		`"guided_regex":"[a-z]+@[a-z]+\\.[a-z]{2,6}"`:                                                       true,
		`"guided_regex":"[^{2}]*"`:                                                                          true,
		`"guided_regex":"\\(x\\{3\\}"`:                                                                      true,
		`"guided_regex":"a{100000}"`:                                                                        false,
		`"guided_regex":"a{1,100000}"`:                                                                      false,
		`"guided_regex":"a{,100000}"`:                                                                       false,
		`"guided_regex":"a{100000,}"`:                                                                       false,
		`"guided_regex":"a{ 1, 100000 }"`:                                                                   false,
		`"guided_regex":"((a{100}){100}){100}"`:                                                             false,
		`"guided_regex":"(a{100}b{100}){100}"`:                                                              false,
		`"guided_regex":"a{100}{100}{100}"`:                                                                 false,
		`"guided_regex":"a{99999999999999999999}"`:                                                          false,
		`"guided_regex":"(\\d{100}|[)]{2}){100}"`:                                                           false,
		`"guided_regex":"([)]a{100}[(]){200}"`:                                                              false,
		`"guided_regex":"([]](a{100}){100}[)]){100}"`:                                                       false,
		`"guided_regex":"(\\Q(\\Ea{100}){100}"`:                                                             false,
		`"guided_regex":"(?x)(a{50} # )\n){50}"`:                                                            false,
		`"guided_regex":"(?#)a{2}"`:                                                                         false,
		`"guided_regex":"[]a]{2}"`:                                                                          false,
		`"guided_regex":"[a[b]]{2}"`:                                                                        false,
		`"guided_regex":"a{2})"`:                                                                            false,
		`"guided_regex":"(a{2}"`:                                                                            false,
		`"guided_regex":"` + large + `"`:                                                                    false,
		`"regex":"a{100000}"`:                                                                               false,
		`"structured_outputs":{"regex":"a{100000}"}`:                                                        false,
		`"structured_outputs":{"regex":"a{100}"}`:                                                           true,
		`"structured_outputs":{"json":{"maxLength":100000}}`:                                                false,
		`"structured_outputs":{"_backend":"outlines"}`:                                                      false,
		`"guided_grammar":"root ::= \"a\"{2,5} [0-9]{3}"`:                                                   true,
		`"guided_grammar":"root ::= \"a\"{100000}"`:                                                         false,
		`"guided_grammar":"start: \"a\"~1..100000"`:                                                         false,
		`"guided_grammar":"start: \"a\" ~ 100000"`:                                                          false,
		`"grammar":"root ::= a{9000} a{9000}"`:                                                              false,
		`"grammar":"root ::= ((a{100}){100}){100}"`:                                                         true, // llama.cpp makes a rule of each group
		`"grammar":{"type":"lark","definition":"a: b~100000"}`:                                              false,
		`"ebnf":"root ::= a{100000}"`:                                                                       false,
		`"guided_json":{"type":"object","maxProperties":5}`:                                                 true,
		`"guided_json":"{\"type\":\"array\",\"maxItems\":5}"`:                                               true,
		`"guided_json":{"type":"array","maxItems":100000}`:                                                  false,
		`"guided_json":{"type":"array","maxItems":1e9}`:                                                     false,
		`"guided_json":{"type":"array","minItems":100000}`:                                                  false,
		`"guided_json":"{\"type\":\"array\",\"minItems\":100000}"`:                                          false,
		`"guided_json":" {\"a\":1,\"a\":2}"`:                                                                false,
		`"guided_json":"{not json"`:                                                                         false,
		`"guided_json":` + nested(2):                                                                        true,
		`"guided_json":` + nested(3):                                                                        false,
		`"guided_json":{"pattern":"(a{1000}){1000}"}`:                                                       false,
		`"guided_json":{"patternProperties":{"(a{1000}){1000}":{}}}`:                                        false,
		`"guided_json":{"items":{"pattern":"a{1000}"},"maxItems":1000}`:                                     false,
		`"guided_json":{"maxItems":1000,"items":{"pattern":"a{1000}"}}`:                                     false,
		`"guided_json":{"$ref":"#/$defs/a","$defs":{"a":{}}}`:                                               true,
		`"guided_json":{"$ref":"http://169.254.169.254/"}`:                                                  false,
		`"guided_json":{"$ref":"file:///etc/passwd"}`:                                                       false,
		`"guided_json":{"items":{"$dynamicRef":"https://x/y"}}`:                                             false,
		`"guided_json":{"properties":{"$ref":{"type":"string"},"maxItems":{"type":"integer"}}}`:             true,
		`"json_schema":{"maxItems":100000}`:                                                                 false,
		`"guided_choice":["yes","no"]`:                                                                      true,
		`"guided_choice":["` + strings.Repeat(`a","`, 30_000) + `a"]`:                                       false,
		`"response_format":{"type":"json_object"}`:                                                          true,
		`"response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"maxLength":5000}}}`:   true,
		`"response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"maxLength":100000}}}`: false,
		`"structural_tag":"{\"structures\":[{\"schema\":{\"maxItems\":100000}}]}"`:                          false,
		`"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"array","maxItems":50}}}]`: true,
		`"tools":[{"type":"function","function":{"name":"f","parameters":{"maxItems":100000}}}]`:            false,
		`"tools":[{"type":"function","function":{"name":"f","parameters":{"pattern":"a{100000}"}}}]`:        false,
		`"tools":[{"type":"function","function":{"name":"f","parameters":{"$ref":"http://10.0.0.1/"}}}]`:    false,
		`"functions":[{"name":"f","parameters":{"maxItems":100000}}]`:                                       false,
	} {
		verdicts(t, g, guard.KindChat, map[string]bool{strings.Replace(asks[guard.KindChat], "{", "{"+field+",", 1): ok})
	}
	verdicts(t, g, guard.KindResponses, map[string]bool{
		`{"model":"m","input":"x","text":{"format":{"type":"json_schema","schema":{"maxItems":50}}}}`:                                            true,
		`{"model":"m","input":"x","text":{"format":{"type":"json_schema","schema":{"maxItems":100000}}}}`:                                        false,
		`{"model":"m","input":"x","tools":[{"type":"custom","name":"f","format":{"type":"grammar","syntax":"regex","definition":"a{100000}"}}]}`: false,
	})
	verdicts(t, g, guard.KindMessages, map[string]bool{
		strings.Replace(asks[guard.KindMessages], "{", `{"output_format":{"type":"json_schema","schema":{"maxItems":100000}},`, 1): false,
		strings.Replace(asks[guard.KindMessages], "{", `{"tools":[{"name":"f","input_schema":{"maxItems":100000}}],`, 1):           false,
		strings.Replace(asks[guard.KindMessages], "{", `{"tools":[{"name":"f","input_schema":{"maxItems":100}}],`, 1):              true,
	})
	for _, k := range []guard.Kind{guard.KindOllamaChat, guard.KindGenerate} {
		verdicts(t, g, k, map[string]bool{
			strings.Replace(asks[k], "{", `{"format":"json",`, 1):              true,
			strings.Replace(asks[k], "{", `{"format":{"maxItems":100},`, 1):    true,
			strings.Replace(asks[k], "{", `{"format":{"maxItems":100000},`, 1): false,
			strings.Replace(asks[k], "{", `{"format":{"x":"`+large+`"},`, 1):   false,
		})
	}
	verdicts(t, g, guard.KindCompletions, map[string]bool{`{"model":"m","prompt":"x","guided_regex":"a{100000}"}`: false})

	// The bounds are the policy's.
	p := all()
	p.Structure.MaxGrammarBytes, p.Structure.MaxRepeats = 20, 5
	verdicts(t, newGuard(t, p), guard.KindChat, map[string]bool{
		strings.Replace(asks[guard.KindChat], "{", `{"guided_regex":"a{5}",`, 1):                                 true,
		strings.Replace(asks[guard.KindChat], "{", `{"guided_regex":"a{6}",`, 1):                                 false,
		strings.Replace(asks[guard.KindChat], "{", `{"guided_regex":"aaaaaaaaaaaaaaaaaaa",`, 1):                  false,
		strings.Replace(asks[guard.KindChat], "{", `{"guided_regex":"aaaaaaaa","guided_json":"aaaaaaaa",`, 1):    true,
		strings.Replace(asks[guard.KindChat], "{", `{"guided_regex":"aaaaaaaa","guided_json":"aaaaaaaaaaa",`, 1): false, // together
	})
}

// A request cannot ask for more tokens at the least than it may have at the most.
func TestLeastTokens(t *testing.T) {
	p := all()
	p.Limits.MaxOutputTokens = 100
	g := newGuard(t, p)
	for field, ok := range map[string]bool{
		`"min_tokens":5`:                   true,
		`"min_tokens":100`:                 true,
		`"min_tokens":101`:                 false,
		`"min_tokens":9223372036854775807`: false,
		`"min_tokens":-1`:                  false,
		`"min_tokens":"5"`:                 false,
		`"min_tokens":11,"max_tokens":10`:  false,
		`"min_tokens":10,"max_tokens":10`:  true,
		`"min_tokens":51,"n":2`:            false,
		`"min_tokens":50,"n":2`:            true,
		`"Min_tokens":5`:                   false,
	} {
		for _, k := range []guard.Kind{guard.KindChat, guard.KindCompletions} {
			verdicts(t, g, k, map[string]bool{strings.Replace(asks[k], "{", "{"+field+",", 1): ok})
		}
	}
}

// Names of headers are the upstream's choice as their values are.
func TestLeaksInHeaderNames(t *testing.T) {
	for _, name := range []string{"X-" + canary, strings.ToUpper(canary), "X-Never-Tell-Anyone-The-Tide-Tables-Before-The-Bell-Rings"} {
		for _, body := range []string{hello, streamed} {
			up := &guardtest.Upstream{Pieces: []string{"x"}}
			w := post(newGuard(t, leaky()).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set(name, "1")
				up.ServeHTTP(w, r)
			})), body)
			if a, err := guardtest.Play(w.Body.String()); w.Code != 400 || err != nil || a.ErrorCode != guard.CodeContent || strings.Contains(strings.ToLower(fmt.Sprint(w.Header())), canary) {
				t.Errorf("%s: %d %v", name, w.Code, w.Header())
			}
		}
	}
}
