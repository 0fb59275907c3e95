package main

import (
	"bytes"
	"fmt"
	"html"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/detect/eval"
)

// pooled names the row of all groups together.
const pooled = "all"

func (s *scorecard) markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Scorecard of the detector\n\nWritten by `go -C benchmarks run ./detect`. Model `%s`,\n%d rows (%d attacks) and %d rows of our own for training.\n\n", s.model, s.rows, s.attacks, s.generated)
	if s.reproduced {
		b.WriteString("Training again gave this file, byte for byte.\n\n")
	} else {
		b.WriteString("Training again gave a file of the same rows and the same figures (within 0.001), but not the same bytes.\n\n")
	}
	b.WriteString("Scores of sources, kinds and languages are those of models that were trained without the source of the row, the built-in model's choices otherwise. How windows and\n" +
		"rules combine (some fifty numbers) was fitted on these scores. The harmless rows here include plainly harmful questions and rows full of trigger words. These are sources of one collection, and people who wrote rules had seen\n" +
		"samples of them: figures on sources of your own may be lower. Intervals are 95 % (Wilson). \"at 1 %\" is where one of a hundred of all harmless rows is flagged.\n\n![recall](SCORECARD.svg)\n\n")
	table(&b, "source", s.sources)
	fmt.Fprintf(&b, "\nThreshold configured for 1 %%: %.3f; it flags %s of these harmless rows. It is fitted on them with their sources left out of training, so this checks the\narithmetic; how it holds on the sources one by one is in the column FPR.\n\n", s.threshold, percent(s.sources.Pooled.FPR))
	s.unseen(&b)
	b.WriteString("## By kind\n\n`benign-hard` is the row for harmless texts that look like attacks.\n\n")
	table(&b, "kind", s.kinds)
	b.WriteString("\n## By language\n\nAs the rows state it; harmless and attack rows of a language come from different sources.\n\n")
	table(&b, "language", s.languages)
	fmt.Fprintf(&b, "\n## Disguises\n\nRows of dev that the built-in model judges right in clear (it was trained on them), shorter than 2,000 bytes, disguised.\nBase85, the spelling alphabet, words without vowels and texts without spaces are not undone: no cheap sign tells of them, or it takes a dictionary.\n\n| disguise | attacks caught | of | harmless flagged | of |\n|---|---|---|---|---|\n")
	for _, e := range s.evasions {
		fmt.Fprintf(&b, "| %s | %.3f | %d | %.3f | %d |\n", e.name, float64(e.caught)/float64(e.attacks), e.attacks, float64(e.wrong)/float64(e.harmless), e.harmless)
	}
	b.WriteString("\n## Overlap of evaluation rows with training rows\n\nShare of the distinct runs of five words of each source of dev that training rows have, and rows of which they have more than half: with all\n" +
		"rows of train, with those of other sources (what a model that leaves the source out can have seen at most), and with what our own grammars write.\n\n" +
		"| source | rows | train: shared | > 50 % | other sources: shared | > 50 % | grammars: shared | > 50 % |\n|---|---|---|---|---|---|---|---|\n")
	for i, o := range s.same {
		fmt.Fprintf(&b, "| %s | %d | %.3f | %d | %.3f | %d | %.3f | %d |\n", o.Source, o.Rows, o.Shared, o.Half, s.others[i].Shared, s.others[i].Half, s.grammars[i].Shared, s.grammars[i].Half)
	}
	return b.Bytes()
}

// peersMarkdown reports the detectors of others.
func (s *scorecard) peersMarkdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# The detector beside those of others\n\nWritten by `go -C benchmarks run ./detect -peers DIR`. Model `%s`, %d rows (%d attacks).\n\n", s.model, s.rows, s.attacks)
	b.WriteString("Detectors that run inside the process of their user, as they come, on the same rows, in the same run. Ours is set to flag as many of the harmless rows as the peer does, and is scored\n" +
		"by models that saw nothing of a row's source; what a peer was trained on, it does not say. `benign-hard` is harmless rows that look like attacks. Times are CPU time for a text of\n" +
		"these rows, warm, without starting or loading, the least of three passes where one is short; ours is the whole detector. The peers for Go that are known (go-promptguard, Prompt-Injection-Firewall) are not to be had from the module\n" +
		"proxy; barrikade, cyberjev, jailguard, prismguard and prompt-protect of PyPI come without all of their weights.\n\n" +
		"| peer | recall | FPR | benign-hard | ours: recall | benign-hard | µs per text | ours | times faster |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, v := range s.peers {
		fmt.Fprintf(&b, "| %s %s (%s) | %.3f | %.1f %% | %.1f %% | %.3f | %.1f %% | %.0f | %.1f | %.1f |\n", v.name, v.version, v.what, v.recall, 100*v.fpr, 100*v.hard, v.ourRecall, 100*v.ourHard, v.micros, v.ours, v.faster)
	}
	fmt.Fprintf(&b, "\nThe run fails where ours is not %d times faster than a peer of npm.\n", fasterThan)
	return b.Bytes()
}

func table(b *bytes.Buffer, what string, r eval.Report) {
	fmt.Fprintf(b, "| %s | rows | attacks | AUC | recall at 1 %% | interval | recall at 5 %% | FPR at 1 %% | at 5 %% | FPR at threshold | recall |\n|---|---|---|---|---|---|---|---|---|---|---|\n", what)
	line := func(name string, v eval.Result) {
		interval := "–"
		if v.Positives > 0 {
			k := int(math.Round(float64(v.PooledRecall["0.01"]) * float64(v.Positives)))
			w := eval.Wilson(k, v.Positives)
			interval = fmt.Sprintf("%.2f–%.2f", w[0], w[1])
		}
		fmt.Fprintf(b, "| %s | %d | %d | %s | %s | %s | %s | %s | %s | %s | %s |\n", name, v.N, v.Positives, number(v.AUC), number(v.PooledRecall["0.01"]), interval,
			number(v.PooledRecall["0.05"]), percent(v.PooledFPR["0.01"]), percent(v.PooledFPR["0.05"]), percent(v.FPR), number(v.Caught))
	}
	line(pooled, r.Pooled)
	for _, name := range slices.Sorted(maps.Keys(r.Sources)) {
		line(name, r.Sources[name])
	}
}

func number(n eval.Number) string {
	if math.IsNaN(float64(n)) {
		return "–"
	}
	return fmt.Sprintf("%.3f", n)
}

func percent(n eval.Number) string {
	if math.IsNaN(float64(n)) {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*n)
}

// svg draws two bars for each source of attacks: recall where 1 % and where 5 % of all harmless rows are flagged.
func (s *scorecard) svg() []byte {
	names := []string{pooled}
	for _, name := range slices.Sorted(maps.Keys(s.sources.Sources)) {
		if s.sources.Sources[name].Positives > 0 {
			names = append(names, name)
		}
	}
	const left, width, height = 150, 400, 34
	var b bytes.Buffer
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n", left+width+60, height*len(names)+44)
	b.WriteString("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"10\" y=\"20\">Attacks caught of sources left out of training, at 1 % (dark) and 5 % (light) of harmless rows flagged</text>\n")
	for i, name := range names {
		v := s.sources.Pooled
		if name != pooled {
			v = s.sources.Sources[name]
		}
		y := 36 + i*height
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", left-8, y+17, html.EscapeString(name))
		for k, rate := range [...]string{"0.01", "0.05"} {
			recall := float64(v.PooledRecall[rate])
			fmt.Fprintf(&b, "<rect x=\"%d\" y=\"%d\" width=\"%.0f\" height=\"12\" fill=\"%s\"/>\n", left, y+13*k, recall*width, [...]string{"#3b6ea5", "#9dbbd8"}[k])
			fmt.Fprintf(&b, "<text x=\"%.0f\" y=\"%d\" font-size=\"11\">%.2f</text>\n", left+recall*width+5, y+13*k+10, recall)
		}
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// unseen writes what is measured with nothing fitted on the source, and the harmless texts that are watched.
func (s *scorecard) unseen(b *bytes.Buffer) {
	b.WriteString("\n## With nothing fitted on the source\n\nFor each group of sources that is left out together, models, the way they combine with the rules, and thresholds all come from the other groups.\n" +
		"Recall is where 1 % and 5 % of the group's own harmless rows are flagged; the real rate is the share of them that is flagged where 1 % and 5 % of the others are.\n\n" +
		"| sources | attacks | harmless | AUC | recall at 1 % | at 5 % | real rate at 1 % | at 5 % |\n|---|---|---|---|---|---|---|---|\n")
	var real [2]float64
	all := 0
	for _, f := range s.folds {
		fmt.Fprintf(b, "| %s | %d | %d | %s | %s | %s | %.1f %% | %.1f %% |\n", strings.Join(f.sources, ", "), f.result.Positives, f.benign, number(f.result.AUC),
			number(f.result.Recall["0.01"].Recall), number(f.result.Recall["0.05"].Recall), 100*f.real["0.01"], 100*f.real["0.05"])
		real[0] += f.real["0.01"] * float64(f.benign)
		real[1] += f.real["0.05"] * float64(f.benign)
		all += f.benign
	}
	fmt.Fprintf(b, "\nOver all harmless rows the real rate is %.2f %% where 1 %% is configured, and %.2f %% where 5 %% is.\n", 100*real[0]/float64(max(all, 1)), 100*real[1]/float64(max(all, 1)))
	b.WriteString("\n## Harmless texts that are watched\n\n| texts | rows | flagged at 1 % | at 5 % |\n|---|---|---|---|\n")
	for _, n := range s.named {
		five := "–"
		if n.five >= 0 {
			five = fmt.Sprintf("%d (%.1f %%)", n.five, 100*float64(n.five)/float64(max(n.rows, 1)))
		}
		fmt.Fprintf(b, "| %s | %d | %d (%.1f %%) | %s |\n", n.what, n.rows, n.one, 100*float64(n.one)/float64(max(n.rows, 1)), five)
	}
	b.WriteString("\n")
}
