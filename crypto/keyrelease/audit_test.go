package keyrelease

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// memory is a journal that can be told to fail.
type memory struct {
	mu   sync.Mutex
	all  []Decision
	fail error
}

func (m *memory) Record(_ context.Context, d Decision) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil {
		m.all = append(m.all, d)
	}
	return m.fail
}

// Every decision has its line, with what was asked and by which machine; claims appear only where the evidence covers them.
func TestEveryDecisionIsRecorded(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(w *world)
		outcome string
		code    Code
		claims  bool
	}{
		"released":         {func(*world) {}, Released, "", true},
		"other evidence":   {func(w *world) { w.client.Attest = vendor("other").attest }, Denied, CodeEvidence, false},
		"other config":     {func(w *world) { w.client.Config[0]++ }, Denied, CodeConfig, true},
		"other suite":      {func(w *world) { w.between = rewrite("/v1/release", func(r *releaseRequest) { r.Suite = "x" }) }, Denied, CodeSuite, false},
		"other token":      {func(w *world) { w.between = rewrite("/v1/release", func(r *releaseRequest) { r.Token[9]++ }) }, Denied, CodeChallenge, false},
		"malformed claims": {func(w *world) { w.between = rewrite("/v1/release", func(r *releaseRequest) { r.Claims = nil }) }, Malformed, "", false},
		"malformed message": {func(w *world) {
			w.between = func(p string, b []byte) []byte {
				if p == "/v1/release" {
					return []byte("{")
				}
				return b
			}
		}, Malformed, "", false},
		"verifier down": {func(w *world) {
			w.config.Verify = func(context.Context, []byte, [64]byte) (Machine, error) { return Machine{}, ErrUnavailable }
		}, Failed, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			w, j := newWorld(t), &memory{}
			w.config.Journal = j
			c.change(w)
			w.start(t)
			_, _ = w.client.Keyset(t.Context(), w.info, nil)
			if len(j.all) != 1 {
				t.Fatalf("%d records", len(j.all))
			}
			d := j.all[0]
			if d.Outcome != c.outcome || d.Code != c.code || !d.Time.Equal(w.now) || d.Remote != "127.0.0.1" {
				t.Errorf("got %+v", d)
			}
			if got := d.Model == "tiny" && d.Config != "" && d.Seal != "" && d.Commitment != "" && d.Machine != nil && d.Machine.Chip == "chip 1"; got != c.claims {
				t.Errorf("claims are there: %v, want %v: %+v", got, c.claims, d)
			}
			if (d.Version == 7) != (name == "released") && c.code == "" {
				t.Errorf("version %d", d.Version)
			}
			if !strings.Contains(w.log.String(), "keyrelease: "+c.outcome) {
				t.Errorf("log: %s", w.log)
			}
		})
	}
}

// What cannot be written down is not released; a refusal stays one.
func TestNoReleaseWithoutRecord(t *testing.T) {
	w := newWorld(t)
	w.config.Journal = &memory{fail: errors.New("disk full")}
	var answer []byte
	w.after = func(_ string, b []byte) []byte { answer = b; return b }
	w.start(t)
	if h, err := w.client.Keyset(t.Context(), w.info, nil); !errors.Is(err, ErrUnavailable) || h != nil {
		t.Errorf("released without a record: %v", err)
	}
	if bytes.Contains(answer, []byte("sealed")) {
		t.Errorf("the answer went out: %s", answer)
	}
	w.client.Config[0]++
	if _, err := w.client.Keyset(t.Context(), w.info, nil); !code(CodeConfig)(err) {
		t.Errorf("refusal: %v", err)
	}
	if !strings.Contains(w.log.String(), "disk full") {
		t.Error("the log does not say why")
	}
}

func TestFileJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	j, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.config.Journal = j
	w.start(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			c := &Client{URL: w.client.URL, HTTP: w.client.HTTP, ServerKey: w.client.ServerKey, Attest: w.client.Attest,
				Config: w.client.Config, DenyList: w.client.DenyList, RulesVersion: 11}
			if _, err := c.Keyset(t.Context(), w.info, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Record(t.Context(), Decision{}); err == nil {
		t.Error("recorded in a closed file")
	}
	if fi, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	// A crash cuts the last line; what comes after it is on a line of its own.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(`{"time":"20`)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if j, err = OpenJournal(path); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := j.Record(t.Context(), Decision{Time: time.Unix(9, 0).UTC(), Outcome: Released, Remote: "192.0.2.9"}); err != nil {
			t.Fatal(err)
		}
	}
	j.Close()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole, cut := 0, 0
	for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
		var d Decision
		if err := strictjson.Unmarshal(sc.Bytes(), &d, strictjson.Limits{}); err != nil {
			cut++
		} else if d.Outcome == Released {
			whole++
		}
	}
	if whole != 6 || cut != 1 {
		t.Errorf("%d lines and %d cut ones: %s", whole, cut, b)
	}
	if _, err := OpenJournal(t.TempDir()); err == nil {
		t.Error("opened a directory")
	}
}

// The file of a release holds no secret either, and names enough to find it again.
func TestJournalLine(t *testing.T) {
	d := Decision{Outcome: Released, Model: "tiny", Machine: &Machine{Kind: "fake", Claims: map[string]string{"measurement": "aa"}}}
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"time":"0001-01-01T00:00:00Z","outcome":"released","remote":"","model":"tiny","machine":{"kind":"fake","evidence":"","claims":{"measurement":"aa"}}}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}
