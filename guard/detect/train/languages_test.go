package train

import "testing"

// Harmless rows of a language weigh as much as attacks in it do, within bounds, and no less than they would; English and rows that do not say what they are in stay.
func TestLanguagesAreEven(t *testing.T) {
	var rows []prepared
	add := func(lang string, label, n int) {
		for range n {
			rows = append(rows, prepared{Row: Row{Lang: lang, Label: label, Source: "s", Kind: "k"}})
		}
	}
	add("Arabic", 1, 30) // as sources of others call it
	add("ar", 0, 10)
	add("en", 1, 50)
	add("en", 0, 5)
	add("", 0, 85)
	add("sw", 1, 20)
	add("sw", 0, 1)
	add("vi", 0, 9)
	add("ko", 1, 10)
	weight := map[string]float64{"s": 1, "s/k": 1}
	got := even(rows, weight, func(*Row) bool { return true })
	for lang, want := range map[string]float64{"ar": 3, "en": 1, "": 1, "sw": mostEven, "vi": 1, "ko": 1} {
		if got[lang] != want {
			t.Errorf("harmless rows in %q weigh %g times as much, want %g", lang, got[lang], want)
		}
	}
}
