package detect

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// heavy files of rules are within the bounds of their bytes, and would take gigabytes or minutes all the same. Signers are trusted
// with what is found, not with the memory of everybody who serves.
func TestHeavyRules(t *testing.T) {
	rule := func(id string, finds, passes []string) Rule {
		return Rule{ID: id, Category: "LLM01", ATLAS: "AML.T0051.000", Severity: 2, Steps: []string{"w"}, Where: []string{"user"}, Finds: finds, Passes: passes}
	}
	file := func(words []string, r Rule) []byte {
		data, err := json.Marshal(RuleFile{Number: 1, Date: "2026-11-26", Expires: "2099-01-01", Classes: map[string][]string{"w": words}, Rules: []Rule{r}})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	one := []string{"say marzipan now"}
	other := []string{"say nothing now"}
	manyTimes := func(words, in int) (list []string) { // a word, and words that end in it
		list = []string{"marzipan"}
		for range words {
			list = append(list, "a")
		}
		for i := range in {
			list = append(list, fmt.Sprintf("%da", i))
		}
		return list
	}
	var nested []string // each word ends in all the shorter ones
	for n := 1; n <= 250; n++ {
		nested = append(nested, strings.Repeat("a", n))
	}
	nested = append(nested, "marzipan")
	for c := range 100 {
		nested = append(nested, fmt.Sprint(c, strings.Repeat("a", 250)))
	}
	for name, data := range map[string][]byte{
		"too many words": file(manyTimes(20_000, 5_000), rule("x", one, other)),
		"words in words": file(nested, rule("x", one, other)),
		"many examples":  file([]string{"marzipan"}, rule("x", one, make([]string, 20_000))),
		"long examples":  file([]string{"marzipan"}, rule("x", one, []string{strings.Repeat("nothing ", 400_000)})),
	} {
		if len(data) > maxRuleFile {
			t.Fatal(name, len(data))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		from := time.Now()
		_, err := ParseRules(data)
		runtime.ReadMemStats(&after)
		if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; !errors.Is(err, ErrRules) || mib > 200 {
			t.Errorf("%s: %v, %d MiB, %v", name, err, mib, time.Since(from))
		}
	}
	r, err := ParseRules(file(manyTimes(5_000, 5_000), rule("x", one, other)))
	if err != nil {
		t.Fatal(err)
	}
	for s, patterns := range r.auto.outs {
		if len(patterns) > 8 {
			t.Fatalf("a word of a class is looked for %d times in state %d", len(patterns), s)
		}
	}
}
