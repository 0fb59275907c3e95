package detect

import (
	"bytes"
	"math"
	"testing"
)

// weighted returns a model all of whose weights have one size, of both signs.
func weighted(t *testing.T, size int8) *Model {
	t.Helper()
	w := make([]int8, 1<<12)
	for i := range w {
		w[i] = size * int8(1-i%3/2*2)
	}
	file, err := AppendModel(nil, ModelCard{Scale: 1, Benign: new(Scores)}, w)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseModel(file)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// known is what m knows of a text.
func known(m *Model, text []byte) float64 {
	var norm Text
	norm.Append(text, 0)
	_, _, f := m.windows(norm.Norm, new(features), new(seenFilter))
	return f.share()
}

// A model of large weights knows a text and one of no weights does not, whatever their sign; of a text of few n-grams it is not sure.
func TestFamiliarity(t *testing.T) {
	rich, poor := weighted(t, 127), weighted(t, 0)
	long := prose(8 << 10)
	cjk := bytes.Repeat([]byte("今天天气很好我们去公园"), 100)
	for name, text := range map[string][]byte{"prose": long, "one word": bytes.Repeat([]byte("abcdefghij"), 400), "without spaces": cjk} {
		if a, b := known(rich, text), known(poor, text); a < 0.98 || a > 1 || b < 0 || b > 0.02 {
			t.Errorf("%s: %.3f of a model with weights, %.3f of one without", name, a, b)
		}
	}
	for name, text := range map[string][]byte{"nothing": nil, "a letter": []byte("a")} {
		if a, b := known(rich, text), known(poor, text); a > 0.6 || b < 0.05 {
			t.Errorf("%s: %.3f and %.3f, want about %.2f", name, a, b, usualSize/100.0)
		}
	}
}

// What stands behind a long text counts too: nobody hides a language behind pages of another.
func TestFamiliarityLooksAtAllOfALongText(t *testing.T) {
	m, err := NewModel()
	if err != nil {
		t.Fatal(err)
	}
	head, tail := prose(3<<10), bytes.Repeat([]byte("ქართული ენა ძალიან ლამაზია და რთულია. "), 200)
	a, b := known(m, head), known(m, append(bytes.Clone(head), tail...))
	if want := known(m, tail); math.Abs(b-want) > math.Abs(b-a) || want > a-0.03 {
		t.Errorf("prose %.3f, other script %.3f, both %.3f", a, want, b)
	}
}
