package train

import (
	"slices"
	"strings"
)

// rowsPerTemplate caps the rows of one template, so that no phrase of ours outweighs what people write.
const rowsPerTemplate = 30

// family is one file of templates.
type family struct {
	file  string
	kind  string
	label int
	rows  int // per template
}

var families = [...]family{
	{"direct.txt", "direct", 1, rowsPerTemplate},
	{"jailbreak.txt", "jailbreak", 1, 2 * rowsPerTemplate},
	{"extraction.txt", "extraction", 1, rowsPerTemplate},
	{"languages.txt", "direct", 1, rowsPerTemplate},
	{"benign.txt", "benign-hard", 0, 2 * rowsPerTemplate},
	{"everyday.txt", "benign", 0, 2 * rowsPerTemplate},
	{"security.txt", "benign-hard", 0, rowsPerTemplate},
}

// Generate writes rows of our own, always the same for the same rows: attacks and harmless texts of many kinds, and
// documents from rows with an attack inside.
func Generate(rows []Row) ([]Row, error) {
	g, err := newGrammar()
	if err != nil {
		return nil, err
	}
	r := &random{state: 20261126}
	var out []Row
	texts := make(map[string][]string)
	for _, f := range families {
		t, err := g.texts(f.file, f.rows, r)
		if err != nil {
			return nil, err
		}
		texts[f.file] = t
		for _, s := range t {
			out = append(out, Row{Text: vary(s, r), Label: f.label, Source: "own-" + strings.TrimSuffix(f.file, ".txt"), Kind: f.kind, Lic: "project"})
		}
	}
	written, err := corpus()
	if err != nil {
		return nil, err
	}
	out = append(out, written...)
	out = append(out, disguised(written, r)...)
	payloads, err := g.texts("indirect.txt", 4*rowsPerTemplate, r)
	if err != nil {
		return nil, err
	}
	payloads = append(payloads, texts["direct.txt"]...)
	for _, row := range written {
		if row.Label == 1 && row.Kind != "indirect" && len(row.Text) < 400 && r.below(4) == 0 {
			payloads = append(payloads, row.Text)
		}
	}
	for range draws {
		out = append(out, documents(append(slices.Clone(rows), written...), payloads, r)...)
		out = append(out, long(texts, r)...)
		out = append(out, padded(rows, r)...)
	}
	return out, nil
}

// draws is how often what is put together by chance is: with one, figures moved by a point from one start to another.
const draws = 3

// texts writes at most n different texts of each template of a file.
func (g *grammar) texts(file string, n int, r *random) ([]string, error) {
	lines, err := grammarLines(file)
	if err != nil {
		return nil, err
	}
	var out []string
	seen := make(map[string]bool)
	for _, l := range lines {
		t, err := g.parse(l)
		if err != nil {
			return nil, err
		}
		for range n {
			var b strings.Builder
			g.write(&b, t, r)
			if s := strings.TrimSpace(b.String()); !seen[s] {
				seen[s] = true
				out = append(out, s)
			}
		}
	}
	return out, nil
}

// vary writes as people do: without capitals, shouting, without full stops, with mistakes.
func vary(s string, r *random) string {
	switch r.below(14) {
	case 0:
		return strings.ToLower(s)
	case 1:
		return strings.ToUpper(s)
	case 2:
		return strings.NewReplacer(".", "", ",", "", "!", "", "\"", "").Replace(strings.ToLower(s))
	case 3, 5, 6:
		words := strings.Split(s, " ")
		for i, w := range words {
			words[i] = shuffleInner(w, r)
		}
		return strings.Join(words, " ")
	case 4:
		return mistype(s, r)
	}
	return s
}

// mistype doubles, drops or swaps a few letters.
func mistype(s string, r *random) string {
	b := []byte(s)
	for range 1 + len(b)/25 {
		i := r.below(max(len(b)-1, 1))
		if i+1 >= len(b) || !letterOf(rune(b[i])) || !letterOf(rune(b[i+1])) {
			continue
		}
		switch r.below(3) {
		case 0:
			b[i], b[i+1] = b[i+1], b[i]
		case 1:
			b = append(b[:i], b[i+1:]...)
		default:
			b = append(b[:i+1], b[i:]...)
		}
	}
	return string(b)
}

// disguised writes some harmless rows in a code or with letters out of place: that is no sign of an attack, only what a text says is,
// and that is read undone.
func disguised(rows []Row, r *random) []Row {
	var codes []Evasion
	for _, e := range Evasions() {
		switch e.Name {
		case "entities", "url", "hex", "typoglycemia", "binary", "decimal", "morse", "hex-colons", "uuencode", "spaced", "wide-spaced":
			codes = append(codes, e)
		}
	}
	var out []Row
	for _, row := range rows {
		if row.Label == 0 && len(row.Text) < 500 && r.below(12) == 0 {
			row.Text = codes[r.below(len(codes))].Apply(row.Text, r)
			row.Source, row.Family = "own-disguised", ""
			out = append(out, row)
		}
	}
	return out
}

// kindPadded marks given rows behind or before harmless texts. They keep the source, so that they are left out
// with it; they teach what a short attack in a long text is worth, and are not measured.
const kindPadded = "padded"

// padded puts some short texts beside one to several kilobytes of harmless text of sources that are left out with theirs: a carrier that a model was trained on
// would look more harmless to it than long texts of others do, and the combination would learn to expect that.
func padded(rows []Row, r *random) []Row {
	carriers := make([][]*Row, len(folds))
	var all []*Row
	for i := range rows {
		if rows[i].Label == 0 && len(rows[i].Text) > 100 && rows[i].Kind == "benign" {
			all = append(all, &rows[i])
			if f := foldOf(rows[i].Source); f >= 0 {
				carriers[f] = append(carriers[f], &rows[i])
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	var out []Row
	for i := range rows {
		every := 3 + 6*(1-rows[i].Label) // as many harmless ones: length is no sign
		if len(rows[i].Text) > 600 || len(rows[i].Span) > 0 || r.below(every) > 0 {
			continue
		}
		from := all
		if f := foldOf(rows[i].Source); f >= 0 && len(carriers[f]) >= fewCarriers {
			from = carriers[f]
		}
		var b strings.Builder
		c := from[r.below(len(from))]
		for size := 1000 << r.below(4); b.Len() < size; {
			b.WriteString(c.Text + "\n")
			for next := from[r.below(len(from))]; ; next = from[r.below(len(from))] {
				if next.Source == c.Source {
					c = next
					break
				}
			}
		}
		row := Row{Label: rows[i].Label, Source: rows[i].Source, Kind: kindPadded, Lic: rows[i].Lic, carrier: c.Source}
		n, m := len([]rune(b.String())), len([]rune(rows[i].Text))
		if r.below(3) == 0 {
			row.Text, row.Span = rows[i].Text+"\n"+b.String(), []int{0, m}
		} else {
			row.Text, row.Span = b.String()+rows[i].Text, []int{n, n + m}
		}
		out = append(out, row)
	}
	return out
}

// fewCarriers is how many texts a fold must have to carry its own rows.
const fewCarriers = 50

// documents puts payloads into harmless texts, and quotes them in others as those do that warn of attacks.
func documents(rows []Row, payloads []string, r *random) []Row {
	var carriers []*Row
	for i := range rows {
		if rows[i].Label == 0 && len(rows[i].Text) > 300 && len(rows[i].Text) < 6000 && rows[i].Kind != "harmful-plain" {
			carriers = append(carriers, &rows[i])
		}
	}
	if len(carriers) == 0 {
		return nil
	}
	var out []Row
	for _, p := range payloads {
		if r.below(2) == 0 {
			continue
		}
		c := carriers[r.below(len(carriers))]
		text := []rune(c.Text)
		at := 0
		switch r.below(4) {
		case 0:
		case 1, 2:
			at = len(text)
		default:
			at = r.below(len(text))
			for at < len(text) && text[at] != '\n' && text[at] != ' ' {
				at++
			}
		}
		sep := []string{"\n", "\n\n", " "}[r.below(3)]
		row := Row{Label: 1, Source: "own-documents", Kind: "indirect", Lic: c.Lic, carrier: c.Source}
		row.Text = string(text[:at]) + sep + p + sep + string(text[at:])
		start := at + len(sep)
		row.Span = []int{start, start + len([]rune(p))}
		out = append(out, row)
	}
	return out
}

// long joins sentences of attacks and of harmless texts to texts of the length that people write.
func long(texts map[string][]string, r *random) []Row {
	pick := func(f string) string { return texts[f][r.below(len(texts[f]))] }
	join := func(parts ...string) string {
		return strings.Join(parts, []string{" ", "\n", "\n\n"}[r.below(3)])
	}
	var out []Row
	attack := func(kind, text string) {
		out = append(out, Row{Text: vary(text, r), Label: 1, Source: "own-long", Kind: kind, Lic: "project"})
	}
	harmless := func(text string) {
		out = append(out, Row{Text: vary(text, r), Source: "own-long", Kind: "benign-hard", Lic: "project"})
	}
	for range 300 {
		attack("jailbreak", join(pick("jailbreak.txt"), pick("jailbreak.txt"), pick("jailbreak.txt")))
		attack("direct", join(pick("benign.txt"), pick("direct.txt")))
		attack("direct", join(pick("direct.txt"), pick("extraction.txt")))
		attack("jailbreak", join(pick("direct.txt"), pick("jailbreak.txt")))
		attack("direct", join(pick("everyday.txt"), pick("languages.txt")))
		harmless(join(pick("security.txt"), pick("security.txt"), pick("security.txt"), pick("security.txt")))
		harmless(join(pick("everyday.txt"), pick("everyday.txt")))
		harmless(join(pick("benign.txt"), pick("benign.txt"), pick("benign.txt")))
	}
	return out
}
