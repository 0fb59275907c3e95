// Command adversarial measures what the tensor checks catch of adversarial inputs, and what they miss, on Fashion-MNIST
// (Debian's package dataset-fashion-mnist), and writes the tables of docs/adversarial.md:
//
//	go -C benchmarks run ./adversarial [-data DIR] [-out FILE] [-images N] [-queries N]
//
// It trains a small network, attacks it with the gradient and by queries alone, and counts at false-positive rates that are
// measured on images that took no part. Every random choice is seeded: two runs print the same rates.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
)

func main() {
	dir := flag.String("data", "/usr/share/datasets/fashion-mnist", "where the four files of the dataset are")
	out := flag.String("out", "", "file to write; standard output if empty")
	images := flag.Int("images", 120, "images to attack")
	queries := flag.Int("queries", 1500, "queries of an attack without gradients")
	flag.Parse()
	if err := run(*dir, *out, *images, *queries); err != nil {
		fmt.Fprintln(os.Stderr, "adversarial:", err)
		os.Exit(1)
	}
}

const intro = `# What the tensor checks catch of adversarial inputs, and what they miss

Made by ` + "`go -C benchmarks run ./adversarial -out ../docs/adversarial.md`" + ` on Fashion-MNIST. In short: malformed and broken inputs are
caught; a small perturbation made with the model at hand is a valid input and is not; a search by queries alone is noticed early
unless the attacker adds enough noise or low-frequency change to each query, which costs success. So drift and similarity are
signals for operators, never a verdict on one request, and the model's own robustness is the only defence of the first kind.

`

func run(dir, out string, images, queries int) error {
	train, test, err := load(dir)
	if err != nil {
		return err
	}
	net := newNetwork(1)
	net.train(train, 6)
	l := newLab(net, test, images)
	var b bytes.Buffer
	b.WriteString(intro)
	fmt.Fprintf(&b, "Network 784-128-10, %.1f %% of the test images right. %d images that it gets right are attacked.\n\n", 100*net.accuracy(test), len(l.targets))
	if err := l.single(&b); err != nil {
		return err
	}
	if err := l.series(&b, queries); err != nil {
		return err
	}
	if out == "" {
		_, err = os.Stdout.Write(b.Bytes())
		return err
	}
	return os.WriteFile(out, b.Bytes(), 0o644)
}
