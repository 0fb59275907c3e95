// Command detect writes the scorecard of the detector of package guard/detect, SCORECARD.md and SCORECARD.svg, and PEERS.md where it is told where those are:
//
//	go -C benchmarks run ./detect -data DIR [-out detect] [-peers "$(sh benchmarks/detect/setup-peers.sh)"]
//
// DIR holds train.jsonl and dev.jsonl. The model is trained again with whole sources left out, so that every score is that of
// a model which saw nothing of the row's source. The rows must be those that the built-in model was made from and the left-out figures those of its
// card, or the scorecard would be of another model; whether the file came out the same, byte for byte, is reported. The run fails where a figure is worse than its
// bound (bounds.go). No output holds any text of a row.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-ai/holdfast/guard/detect/train"
)

func main() {
	data := flag.String("data", "", "folder of train.jsonl and dev.jsonl")
	out := flag.String("out", "detect", "where to write the scorecard")
	peers := flag.String("peers", "", "folder that setup-peers.sh printed: detectors of others are run on the same rows")
	flag.Parse()
	if err := run(*data, *out, *peers); err != nil {
		fmt.Fprintln(os.Stderr, "detect:", err)
		os.Exit(1)
	}
}

func run(data, out, peers string) error {
	training, err := read(filepath.Join(data, "train.jsonl"))
	if err != nil {
		return err
	}
	dev, err := read(filepath.Join(data, "dev.jsonl"))
	if err != nil {
		return err
	}
	card, err := measure(training, dev, peers)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "SCORECARD.md"), card.markdown(), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "SCORECARD.svg"), card.svg(), 0o644); err != nil {
		return err
	}
	if peers == "" {
		return card.worse()
	}
	if err := os.WriteFile(filepath.Join(out, "PEERS.md"), card.peersMarkdown(), 0o644); err != nil {
		return err
	}
	return errors.Join(card.worse(), slow(card.peers))
}

func read(path string) ([]train.Row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return train.Read(f)
}
