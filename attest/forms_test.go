package attest_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/attest"
)

// Bytes have one form in documents: base64 as its standard says, in one line.
func TestBytesHaveOneForm(t *testing.T) {
	w := newWorld(t)
	doc := string(w.chain.Document())
	var d struct{ Key []byte }
	if err := json.Unmarshal([]byte(doc), &d); err != nil {
		t.Fatal(err)
	}
	key := base64.StdEncoding.EncodeToString(d.Key)
	numbers := make([]int, len(d.Key))
	for i, b := range d.Key {
		numbers[i] = int(b)
	}
	list, err := json.Marshal(numbers)
	if err != nil {
		t.Fatal(err)
	}
	for name, form := range map[string]string{
		"numbers": string(list), "two lines": `"` + key[:8] + `\n` + key[8:] + `"`, "escaped": `"\u004d` + key[1:] + `"`,
	} {
		other := strings.Replace(doc, `"`+key+`"`, form, 1)
		if other == doc {
			t.Fatal(name)
		}
		_, err := attest.VerifyChain(t.Context(), []byte(other), nil, w.policy)
		if want := name == "escaped"; (err == nil) != want || !want && !errors.Is(err, attest.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
