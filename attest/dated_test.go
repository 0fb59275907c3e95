package attest_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// Whoever may ask for a quote over a challenge of their own does not choose the time of one over the server's.
func TestNobodyDatesAQuote(t *testing.T) {
	w := newWorld(t)
	later, random := start.Add(365*24*time.Hour), attest.Digest{9}
	asked := transcript.New("holdfast/serve-challenge/v1").Bytes(random[:]).Uint64(uint64(later.Unix())).SHA256()
	doc, err := w.chain.Fresh(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(doc, &m); err != nil {
		t.Fatal(err)
	}
	m["challenge"], m["random"], m["time"] = nil, random, later
	if doc, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	w.now = later.Add(time.Hour)
	if _, err := attest.VerifyChain(t.Context(), doc, nil, w.policy); !errors.Is(err, attest.ErrBinding) {
		t.Errorf("a quote of a year ago counts as one of today: %v", err)
	}
}

// told remembers what a device was asked to report.
type told struct {
	attest.Device
	reportData [64]byte
}

func (d *told) Evidence(ctx context.Context, reportData [64]byte) (attest.Evidence, error) {
	d.reportData = reportData
	return d.Device.Evidence(ctx, reportData)
}

// REPORT_DATA of a quote over a relying party's challenge is what docs/SPEC.md section 4 says.
func TestReportDataOfFreshQuotes(t *testing.T) {
	w := newWorld(t)
	d := &told{Device: w.device}
	chain, err := attest.NewChain(t.Context(), attest.ChainConfig{Device: d, Identity: w.key, Claims: claims(), Clock: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	asked := [32]byte{42}
	if _, err := chain.Fresh(t.Context(), asked); err != nil {
		t.Fatal(err)
	}
	challenge := transcript.New("holdfast/client-challenge/v1").Bytes(asked[:]).SHA256()
	if want := attest.ReportData(attest.RoleServe, challenge, w.key.KeyHash(), nil, chain.ID()); d.reportData != want {
		t.Errorf("%x, want %x", d.reportData, want)
	}
}

// What expires does so by the calendar: the clock that Go compares by otherwise stands still while a machine sleeps.
func TestExpiryDoesNotSleep(t *testing.T) {
	w := newWorld(t)
	w.policy.Clock = time.Now
	asked := [32]byte{42}
	w.now = time.Now()
	doc, err := w.chain.Fresh(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	st, err := attest.VerifyChain(t.Context(), doc, &asked, w.policy)
	if err != nil {
		t.Fatal(err)
	}
	if st.Expires != st.Expires.Round(0) || st.Quoted != st.Quoted.Round(0) {
		t.Errorf("expires at %v", st.Expires)
	}
}
