package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/holdfast-ai/holdfast/guard/tensor"
	"github.com/holdfast-ai/holdfast/guard/tensor/drift"
	"github.com/holdfast-ai/holdfast/guard/tensor/similar"
)

// lab holds the model and the images: those that calibrate, those that measure false alarms, those that are attacked.
type lab struct {
	net       *network
	calibrate []image
	benign    []image
	targets   []int
	test      *set
}

func newLab(n *network, test *set, images int) *lab {
	l := &lab{net: n, test: test, calibrate: test.images[:4000], benign: test.images[4000:8000]}
	for i := 8000; i < 10_000 && len(l.targets) < images; i++ {
		if n.class(&test.images[i]) == test.labels[i] {
			l.targets = append(l.targets, i)
		}
	}
	return l
}

func view(x *image) tensor.View {
	b := make([]byte, 0, 4*pixels)
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return tensor.View{Name: "image", DType: tensor.F32, Shape: []int64{1, side, side}, Data: b}
}

var spec = tensor.Spec{
	Name: "image", DTypes: []tensor.DType{tensor.F32}, Dims: []tensor.Range{{Min: 1, Max: 1}, {Min: side, Max: side}, {Min: side, Max: side}},
	MaxElements: pixels, Values: &tensor.Span{Min: 0, Max: 1},
}

// window is the number of inputs that drift compares at a time.
const window = 100

// single attacks with the gradient: one input is enough.
func (l *lab) single(out *bytes.Buffer) error {
	base, err := profile(l.calibrate)
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(2, 2))
	fmt.Fprintf(out, "## Single inputs (white box)\n\nThe attacker has the model. \"Success\" is the share of images whose class changes; \"spec\" the share of successful inputs that a\n"+
		"spec with shape, dtype and values from 0 to 1 refuses; \"drift\" whether a window of %d inputs that are all of this kind is an alarm at the default\nlimits, and \"half\" one where every other input is.\n\n", window)
	fmt.Fprintln(out, "| input | success | spec | drift | half |\n|---|---|---|---|---|")
	for _, a := range []struct {
		name string
		make func(x *image, label int) image
	}{
		{"benign", func(x *image, _ int) image { return *x }},
		{"uniform noise 0.1 (benign)", func(x *image, _ int) image { return noisy(x, 0.1, r) }},
		{"values to 255 (a broken client)", func(x *image, _ int) image {
			a := *x
			for i := range a {
				a[i] *= 255
			}
			return a
		}},
		{"FGSM 0.1", func(x *image, c int) image { return l.net.pgd(x, c, 0.1, 1) }},
		{"PGD-40 0.1", func(x *image, c int) image { return l.net.pgd(x, c, 0.1, 40) }},
		{"PGD-40 0.03", func(x *image, c int) image { return l.net.pgd(x, c, 0.03, 40) }},
		{"**adaptive** PGD-40 0.1: pixel grid, mean and norm kept", func(x *image, c int) image { return l.net.adaptive(x, c, 0.1, 40) }},
		{"**adaptive** PGD-40 0.03", func(x *image, c int) image { return l.net.adaptive(x, c, 0.03, 40) }},
	} {
		if err := l.row(out, base, a.name, a.make); err != nil {
			return err
		}
	}
	alarms, windows := 0, 0
	for c := range slices.Chunk(l.benign, window) {
		p, err := profile(c)
		if err != nil {
			return err
		}
		rep, err := drift.Compare(base, p)
		if err != nil {
			return err
		}
		if windows++; rep.Drifted(drift.Limits{}) {
			alarms++
		}
	}
	fmt.Fprintf(out, "\nFalse alarms: spec 0 of %d images; drift %d of %d benign windows.\n\n", len(l.benign), alarms, windows)
	for i := range l.benign {
		if err := spec.Check(view(&l.benign[i])); err != nil {
			return fmt.Errorf("a benign image is refused: %w", err)
		}
	}
	return nil
}

func profile(images []image) (*drift.Profile, error) {
	p, err := drift.NewProfile(1)
	for i := 0; i < len(images) && err == nil; i++ {
		err = p.Observe(view(&images[i]), 0)
	}
	return p, err
}

func (l *lab) row(out *bytes.Buffer, base *drift.Profile, name string, attack func(*image, int) image) error {
	var all, half []image
	won, refused := 0, 0
	for _, i := range l.targets {
		x, label := l.test.images[i], l.test.labels[i]
		a := attack(&x, label)
		all = append(all, a)
		if len(half)%2 == 0 {
			half = append(half, a)
		} else {
			half = append(half, x)
		}
		if l.net.class(&a) != label {
			won++
			if spec.Check(view(&a)) != nil {
				refused++
			}
		}
	}
	fmt.Fprintf(out, "| %s | %s | %s |", name, percent(won, len(all)), percent(refused, won))
	for _, images := range [][]image{all, half} {
		p, err := profile(images[:min(window, len(images))])
		if err != nil {
			return err
		}
		rep, err := drift.Compare(base, p)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, " %s |", map[bool]string{true: "alarm", false: "-"}[rep.Drifted(drift.Limits{})])
	}
	fmt.Fprintln(out)
	return nil
}

func percent(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(n)/float64(of))
}

// series attacks by queries alone, past a detector that has seen benign traffic.
func (l *lab) series(out *bytes.Buffer, queries int) error {
	c := similar.Config{Shape: []int64{1, side, side}, Rows: 1, Columns: 2, Max: 1, History: 5000}
	var views []tensor.View
	for i := range l.calibrate {
		views = append(views, view(&l.calibrate[i]))
	}
	const rate = 0.001
	distance, err := similar.Calibrate(c, views, rate)
	if err != nil {
		return err
	}
	c.Distance = distance
	d, err := similar.New(c)
	if err != nil {
		return err
	}
	exact, near := 0, 0
	for i := range l.benign {
		s, err := d.Observe(view(&l.benign[i]))
		if err != nil {
			return err
		}
		if s.Exact {
			exact++
		}
		if s.Near {
			near++
		}
	}
	fmt.Fprintf(out, "## Series of queries (black box)\n\nSquare attack, largest change 0.08, %d queries. A series is detected when one of its queries is; \"undetected\" is the share of\n"+
		"images where the attack succeeds and no query was noticed before.\n\n", queries)
	fmt.Fprintf(out, "False alarms among %d different benign images: window hashes %.2f %%, block means %.2f %% (calibrated to %.1f %%).\n\n",
		len(l.benign), 100*float64(exact)/float64(len(l.benign)), 100*float64(near)/float64(len(l.benign)), 100*rate)
	fmt.Fprintln(out, "| each query | success | window hashes: detected, median query | block means: detected, median query | undetected by both |\n|---|---|---|---|---|")
	for _, v := range []struct {
		name   string
		change func(*image, *rand.Rand) image
	}{
		{"plain", func(x *image, _ *rand.Rand) image { return *x }},
		{"**adaptive**: + noise 0.05", func(x *image, r *rand.Rand) image { return noisy(x, 0.05, r) }},
		{"**adaptive**: + noise 0.1", func(x *image, r *rand.Rand) image { return noisy(x, 0.1, r) }},
		{"**adaptive**: + noise 0.2", func(x *image, r *rand.Rand) image { return noisy(x, 0.2, r) }},
		{"**adaptive**: + low-frequency 0.1", func(x *image, r *rand.Rand) image { return blurred(x, 0.1, r) }},
		{"**adaptive**: + low-frequency 0.2", func(x *image, r *rand.Rand) image { return blurred(x, 0.2, r) }},
	} {
		if err := l.queries(out, c, v.name, queries, v.change); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) queries(out *bytes.Buffer, c similar.Config, name string, queries int, change func(*image, *rand.Rand) image) error {
	won, unseen := 0, 0
	var exact, near []int // first query that was noticed, of each series that was
	for _, i := range l.targets {
		d, err := similar.New(c)
		if err != nil {
			return err
		}
		for k := range 500 { // what other clients asked before
			if _, err := d.Observe(view(&l.benign[(i+k)%len(l.benign)])); err != nil {
				return err
			}
		}
		r := rand.New(rand.NewPCG(3, uint64(i)))
		n, byExact, byNear := 0, 0, 0
		var failed error
		at := l.net.square(&l.test.images[i], l.test.labels[i], 0.08, queries, r, func(q image) image {
			q = change(&q, r)
			n++
			if byExact > 0 && byNear > 0 {
				return q
			}
			s, err := d.Observe(view(&q))
			if err != nil {
				failed = err
			}
			if s.Exact && byExact == 0 {
				byExact = n
			}
			if s.Near && byNear == 0 {
				byNear = n
			}
			return q
		})
		if failed != nil {
			return failed
		}
		if byExact > 0 {
			exact = append(exact, byExact)
		}
		if byNear > 0 {
			near = append(near, byNear)
		}
		if at > 0 {
			if won++; byExact == 0 && byNear == 0 {
				unseen++
			}
		}
	}
	fmt.Fprintf(out, "| %s | %s | %s | %s | %s |\n", name, percent(won, len(l.targets)), detected(exact, len(l.targets)), detected(near, len(l.targets)), percent(unseen, len(l.targets)))
	return nil
}

func detected(first []int, of int) string {
	if len(first) == 0 {
		return "0 %, -"
	}
	slices.Sort(first)
	return fmt.Sprintf("%s, %d", percent(len(first), of), first[len(first)/2])
}
