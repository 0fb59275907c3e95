//go:build interop

package tdx

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// A question is one quote with its collateral, a verdict what dcap-qvl says of it.
type (
	question struct {
		Quote      string            `json:"quote"`
		Collateral map[string]string `json:"collateral"`
		Root       string            `json:"root"` // DER in hex; "" for Intel's
		Now        int64             `json:"now"`
	}
	answer struct {
		Status     string   `json:"status"`
		Advisories []string `json:"advisories"`
		Error      string   `json:"error"`
	}
)

func dcapQVL(t *testing.T, questions []question) (out []answer) {
	t.Helper()
	dir := filepath.Join(testkit.Root(t), "internal", "interop")
	setup := exec.Command(filepath.Join(dir, "setup-dcap-qvl.sh"))
	setup.Stderr = os.Stderr
	python, err := setup.Output()
	if err != nil {
		t.Fatal(err)
	}
	var in bytes.Buffer
	for _, q := range questions {
		if err := json.NewEncoder(&in).Encode(q); err != nil {
			t.Fatal(err)
		}
	}
	judge := exec.Command(strings.TrimSpace(string(python)), filepath.Join(dir, "dcap_qvl_judges.py"))
	judge.Stdin, judge.Stderr = &in, os.Stderr
	said, err := judge.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(said) {
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	if len(out) != len(questions) {
		t.Fatalf("%d answers to %d questions", len(out), len(questions))
	}
	return out
}

// passedOn is the form in which collateral is passed on, the reverse of ParseFiles.
func passedOn(t *testing.T, f Files) map[string]string {
	t.Helper()
	part := func(doc []byte, name string) (body, signature string) {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(doc, &members); err != nil || json.Unmarshal(members["signature"], &signature) != nil {
			t.Fatal(err)
		}
		return string(members[name]), signature
	}
	out := map[string]string{
		"tcb_info_issuer_chain": string(f.TCBInfoChain), "qe_identity_issuer_chain": string(f.QEIdentityChain), "pck_crl_issuer_chain": string(f.PCKCRLChain),
		"pck_crl": hex.EncodeToString(f.PCKCRL), "root_ca_crl": hex.EncodeToString(f.RootCRL),
	}
	out["tcb_info"], out["tcb_info_signature"] = part(f.TCBInfo, "tcbInfo")
	out["qe_identity"], out["qe_identity_signature"] = part(f.QEIdentity, "enclaveIdentity")
	return out
}

// Machines of all kinds of versions: another implementation comes to the same status and advisories, and refuses what is refused here.
func TestDCAPAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 5))
	var questions []question
	var ours []verdict
	for range 400 {
		f := newFake(t)
		mostly := func(often, seldom int) int { // what is good, three times in four
			if r.IntN(4) > 0 {
				return often
			}
			return seldom
		}
		svn, pce := 1+r.IntN(5), mostly(11, 10+r.IntN(3))
		f.pck = newAuthority(t, pckName, f.ca, func(x *x509.Certificate) {
			leaf(x)
			x.ExtraExtensions = []pkix.Extension{{Id: oid(), Value: sgxExtension(t, svn, pce)}}
		})
		copy(f.body, []byte{byte(mostly(3, r.IntN(5))), byte(mostly(1, r.IntN(3))), byte(mostly(7, 4+r.IntN(4)))})
		f.qe[258] = byte(mostly(4, 2+r.IntN(3)))
		if r.IntN(3) == 0 {
			f.version = 5
		}
		switch r.IntN(12) { // what is not Intel's
		case 0:
			f.qe[128+r.IntN(32)] ^= 1
		case 1:
			f.body[64+r.IntN(48)] = 1
		case 2:
			f.qe[48] |= 2
		}
		quote, files := f.quote(t), f.files(t)
		c, err := InsecureCollateral(files, f.rootPin())
		if err != nil {
			t.Fatal(err)
		}
		q, err := ParseQuote(quote)
		if err != nil {
			t.Fatal(err)
		}
		p, err := verifyPCK(q.chain, f.rootPin(), now)
		if err != nil {
			t.Fatal(err)
		}
		ours = append(ours, c.judge(q, p))
		questions = append(questions, question{hex.EncodeToString(quote), passedOn(t, files), hex.EncodeToString(f.root.cert.Raw), now.Unix()})
	}
	seen := map[TCBStatus]int{}
	for i, a := range dcapQVL(t, questions) {
		v := ours[i]
		status := v.status
		if !v.module || !v.enclave || status == Revoked {
			status = ""
		}
		seen[status]++
		theirs := TCBStatus(a.Status)
		slices.Sort(a.Advisories)
		slices.Sort(v.advisories)
		if theirs != status || status != "" && !slices.Equal(a.Advisories, v.advisories) {
			t.Errorf("%d: %q %q here, %+v there; parts %q", i, status, v.advisories, a, v.parts)
		}
	}
	t.Log(seen)
	for _, s := range []TCBStatus{"", UpToDate, SWHardeningNeeded, ConfigurationNeeded, OutOfDate, OutOfDateConfigurationNeeded} {
		if seen[s] < 3 {
			t.Errorf("%d machines with the status %q", seen[s], s)
		}
	}
}

// The one quote with collateral of Intel's, whole and with bits that were altered: both accept and refuse the same.
func TestDCAPAgreesOnAlteredQuotes(t *testing.T) {
	quote, f := dcap(t)
	c, err := NewCollateral(f)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 3))
	at := day(2025, 7, 1)
	end := bytes.LastIndex(quote, []byte("-----BEGIN")) // it does not read the root certificate of a quote
	var questions []question
	var accepted []bool
	for i := range 400 {
		altered, when := bytes.Clone(quote), at
		switch {
		case i == 0:
		case i < 10:
			when = at.AddDate(0, i-5, 0)
		default:
			at := r.IntN(end)
			for altered[at] == '\n' { // nor does it mind other characters there in PEM
				at++
			}
			altered[at] ^= 1 << r.IntN(8)
		}
		_, err := verifyAt(t, altered, when, anyTD, c)
		accepted = append(accepted, err == nil)
		questions = append(questions, question{hex.EncodeToString(altered), passedOn(t, f), "", when.Unix()})
	}
	n := 0
	for i, a := range dcapQVL(t, questions) {
		if accepted[i] {
			n++
		}
		if accepted[i] != (a.Error == "") {
			t.Errorf("%d: accepted here %v, there %+v", i, accepted[i], a)
		}
	}
	if n == 0 || n == len(questions) {
		t.Errorf("%d of %d are accepted", n, len(questions))
	}
}
