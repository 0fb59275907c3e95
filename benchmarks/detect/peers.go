package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/detect/eval"
	"github.com/holdfast-ai/holdfast/guard/detect/train"
)

var (
	//go:embed peers.mjs
	nodeScript string
	//go:embed peers.py
	pythonScript string
)

// A peer is a detector of others that runs inside the process of its user. The versions are those of setup-peers.sh.
type peer struct {
	name, version, what string
	node                bool
}

var peers = [...]peer{
	{"vard", "1.2.0", "npm, patterns", true},
	{"llm_guardrail", "2.1.2", "npm, linear over TF-IDF", true},
	{"llmverify", "1.6.1", "npm, patterns", true},
	{"prompt-guardrail", "1.0.1", "PyPI, linear over TF-IDF", false},
}

// A comparison is a peer beside ours on the same rows.
type comparison struct {
	peer
	recall, fpr, hard    float64 // of the peer's own answers; hard: of harmless rows that look like attacks
	ourRecall, ourHard   float64 // at the peer's rate of false positives, by models that had not seen the source of a row
	micros, ours, faster float64 // microseconds of a text, and how many times faster ours is
}

// fasterThan is how many times faster ours must be than every peer of npm.
const fasterThan = 2

var errSlow = errors.New("a peer is too fast for ours")

// compare runs the peers installed in dir over rows. unseen are our scores of models that saw nothing of a row's source.
func compare(dir string, rows []train.Row, unseen []float64) ([]comparison, error) {
	c, err := detect.New()
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(rows))
	for i := range rows {
		texts[i] = rows[i].Text
	}
	var out []comparison
	for _, p := range peers {
		flagged, took, err := p.ask(dir, texts)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		ours, err := timeOurs(c, rows)
		if err != nil {
			return nil, err
		}
		v := comparison{peer: p, micros: took / float64(len(rows)), ours: ours / float64(len(rows))}
		v.faster = v.micros / v.ours
		v.rates(rows, flagged, unseen)
		out = append(out, v)
	}
	return out, nil
}

// ask returns what the peer flags, and the CPU time that took, in microseconds.
func (p *peer) ask(dir string, texts []string) ([]bool, float64, error) {
	in, err := json.Marshal(map[string]any{"peer": p.name, "texts": texts})
	if err != nil {
		return nil, 0, err
	}
	cmd := exec.Command("node", "--input-type=module", "--eval", nodeScript)
	if !p.node {
		cmd = exec.Command(filepath.Join(dir, "bin", "python"), "-c", pythonScript)
	}
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stderr = dir, bytes.NewReader(in), &stderr
	answer, err := cmd.Output()
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %d bytes of complaint", err, stderr.Len()) // it may quote a row
	}
	var got struct {
		Flagged []bool  `json:"flagged"`
		Micros  float64 `json:"micros"`
	}
	// A peer may print before it answers; the answer is the last line.
	answer = bytes.TrimSpace(answer)
	if err := json.Unmarshal(answer[bytes.LastIndexByte(answer, '\n')+1:], &got); err != nil {
		return nil, 0, err
	}
	if len(got.Flagged) != len(texts) {
		return nil, 0, fmt.Errorf("%d answers to %d texts", len(got.Flagged), len(texts))
	}
	return got.Flagged, got.Micros, nil
}

// timeOurs returns the CPU time of the whole detector for rows, in microseconds: the least of three passes, as for the peers that are quick.
func timeOurs(c *detect.Classifier, rows []train.Row) (float64, error) {
	var findings []detect.Finding
	least := math.Inf(1)
	for range 3 {
		start := cpuMicros()
		for i := range rows {
			var err error
			v := detect.View{Spans: []detect.Span{{Trust: rows[i].Trust(), Text: []byte(rows[i].Text)}}}
			if findings, err = c.Detect(context.Background(), v, findings[:0]); err != nil {
				return 0, err
			}
		}
		least = min(least, cpuMicros()-start)
	}
	return least, nil
}

// cpuMicros is the CPU time of the process so far: the machine may be shared.
func cpuMicros() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return math.NaN()
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e3
}

// rates compares the answers of a peer with our scores at the threshold that flags as many harmless rows.
func (v *comparison) rates(rows []train.Row, flagged []bool, unseen []float64) {
	var harmless []float64
	var attacks, hard, found, wrong, wrongHard int
	for i := range rows {
		isHard := rows[i].Kind == "benign-hard"
		switch {
		case rows[i].Label == 1:
			attacks++
			found += one(flagged[i])
		default:
			harmless = append(harmless, unseen[i])
			wrong += one(flagged[i])
			hard += one(isHard)
			wrongHard += one(isHard && flagged[i])
		}
	}
	v.recall, v.fpr, v.hard = share(found, attacks), share(wrong, len(harmless)), share(wrongHard, hard)
	threshold := eval.Threshold(harmless, v.fpr)
	found, wrongHard = 0, 0
	for i := range rows {
		if unseen[i] <= threshold {
			continue
		}
		found += one(rows[i].Label == 1)
		wrongHard += one(rows[i].Label == 0 && rows[i].Kind == "benign-hard")
	}
	v.ourRecall, v.ourHard = share(found, attacks), share(wrongHard, hard)
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func share(k, n int) float64 { return float64(k) / float64(max(n, 1)) }

// slow reports the first peer of npm that ours is not fasterThan times as fast as.
func slow(all []comparison) error {
	for _, v := range all {
		if v.node && !(v.faster >= fasterThan) {
			return fmt.Errorf("%w: %s takes %.0f µs, %.1f times ours", errSlow, v.name, v.micros, v.faster)
		}
	}
	return nil
}
