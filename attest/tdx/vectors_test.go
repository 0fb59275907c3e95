package tdx

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 12, 0, 0, 0, time.UTC) }

func vector(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(testkit.Vectors(t, append([]string{"attest"}, strings.Split(path, "/")...)...))
	if err != nil {
		t.Fatal(err)
	}
	if path == "go-tdx-guest/spr-v4/quote.bin" { // a line for tests stands behind it
		b = b[:bytes.Index(b, []byte("\nextra bytes"))]
	}
	if strings.HasSuffix(path, ".hex") {
		text := strings.TrimPrefix(strings.TrimSpace(string(b)), "0x")
		if b, err = hex.DecodeString(text); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return b
}

// genuine are quotes that hardware made, with what SOURCES.md says of them.
var genuine = []struct {
	path    string
	version uint16
	fmspc   string
	at      time.Time
	fails   []string // checks that fail where any TD and any TCB is accepted
}{
	{"dcap-qvl/tdx-v4/quote.bin", 4, "b0c06f000000", day(2025, 7, 1), nil},
	{"go-tdx-guest/spr-v4/quote.bin", 4, "50806f000000", day(2023, 7, 1), []string{"tdx.sept_ve_disable"}},
	{"go-tdx-guest/v5/quote.bin", 5, "90c06f000000", day(2026, 2, 10), nil},
	{"go-tdx-guest/ccel/quote.bin", 4, "00806f050000", day(2025, 7, 1), nil},
	{"trustee/tdx/debug-td-v4.bin", 4, "50806f000000", day(2025, 7, 1), []string{"tdx.debug"}},
	{"trustee/tdx/quote-v5.bin", 5, "90c06f000000", day(2025, 7, 1), []string{"tdx.service_td"}},
	{"trustee/tdx/quote-v4.bin", 4, "00a06d080000", day(2025, 7, 1), nil},
	{"openpcc/gcp-tdx/quote.bin", 4, "00806f050000", day(2025, 7, 1), nil},
	{"dcap-qvl/tdx-other/quote-from-tappd.hex", 4, "b0c06f000000", day(2025, 7, 1), nil},
	{"dcap-qvl/tdx-other/tdx-quote.hex", 4, "b0c06f000000", day(2025, 7, 1), nil},
}

var anyMachine = Policy{InsecureSkipMeasurement: true, InsecureSkipTCB: true}

func verifyAt(t testing.TB, quote []byte, at time.Time, p Policy, c ...*Collateral) (*attest.Result, error) {
	t.Helper()
	var data [64]byte
	if q, err := ParseQuote(quote); err == nil {
		data = q.ReportData
	}
	v := Verifier{Policy: p, Clock: func() time.Time { return at }, Collateral: c}
	return v.Verify(t.Context(), attest.Evidence{Kind: attest.KindTDX, Report: quote}, data)
}

func TestGenuineQuotes(t *testing.T) {
	for _, g := range genuine {
		quote := vector(t, g.path)
		r, err := verifyAt(t, quote, g.at, anyMachine)
		var fails []string
		for _, c := range attest.Explain(nil, err) {
			if c.Status == attest.Fail {
				fails = append(fails, c.Code)
			}
		}
		if !slices.Equal(fails, g.fails) || (err != nil) != (len(g.fails) > 0) {
			t.Errorf("%s: %v", g.path, err)
			continue
		}
		q, err := ParseQuote(quote)
		if err != nil || q.Version != g.version {
			t.Errorf("%s: version %d, %v", g.path, q.Version, err)
		}
		if r != nil && (r.Product != "TDX "+g.fmspc || r.Simulated || r.Kind != attest.KindTDX || r.Identity != q.Identity() || len(r.ChipID) != 16) {
			t.Errorf("%s: %+v", g.path, r)
		}
		if _, err := verifyAt(t, quote, g.at.AddDate(-5, 0, 0), anyMachine); !errors.Is(err, attest.ErrSignature) {
			t.Errorf("%s: five years earlier: %v", g.path, err)
		}
		if _, err := verifyAt(t, quote, g.at, Policy{}); !errors.Is(err, attest.ErrPolicy) {
			t.Errorf("%s: under the zero policy: %v", g.path, err)
		}
	}
}

func dcap(t testing.TB) (quote []byte, f Files) {
	t.Helper()
	f, err := ParseFiles(vector(t, "dcap-qvl/tdx-v4/collateral.json"))
	if err != nil {
		t.Fatal(err)
	}
	return vector(t, "dcap-qvl/tdx-v4/quote.bin"), f
}

func measured(t testing.TB, quote []byte) Policy {
	t.Helper()
	q, err := ParseQuote(quote)
	if err != nil {
		t.Fatal(err)
	}
	m := Measurement{MRTD: q.MRTD}
	for i := range q.RTMR {
		m.RTMR[i] = &q.RTMR[i]
	}
	return Policy{Measurements: []Measurement{m}}
}

// The one quote with all of its collateral: valid within its month, refused before and behind it.
func TestQuoteWithCollateral(t *testing.T) {
	quote, f := dcap(t)
	c, err := NewCollateral(f)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.FMSPC(); got != [6]byte{0xb0, 0xc0, 0x6f} || !c.Expires().Equal(time.Date(2025, 7, 19, 10, 0, 35, 0, time.UTC)) {
		t.Errorf("collateral of %x to %v", got, c.Expires())
	}
	p := measured(t, quote)
	p.MinEvaluation = 17
	r, err := verifyAt(t, quote, day(2025, 7, 1), p, c)
	if err != nil || r.TCB != "UpToDate, module 1.6, PCE 11" {
		t.Errorf("%+v, %v", r, err)
	}
	for _, at := range []time.Time{day(2025, 6, 18), day(2025, 7, 20)} {
		if _, err := verifyAt(t, quote, at, p, c); !refused(err, "tdx.collateral") {
			t.Errorf("at %v: %v", at, err)
		}
	}
	p.MinEvaluation = 18
	if _, err := verifyAt(t, quote, day(2025, 7, 1), p, c); !refused(err, "tdx.evaluation") {
		t.Errorf("rolled back: %v", err)
	}
	// Collateral of another kind of processor says nothing.
	if _, err := verifyAt(t, vector(t, "trustee/tdx/quote-v4.bin"), day(2025, 7, 1), anyTD, c); !refused(err, "tdx.collateral") {
		t.Errorf("of another FMSPC: %v", err)
	}
}

var anyTD = Policy{InsecureSkipMeasurement: true}

func refused(err error, code string) bool {
	r, ok := errors.AsType[*attest.Refused](err)
	return ok && slices.ContainsFunc(r.Checks, func(c attest.Check) bool { return c.Code == code && c.Status == attest.Fail })
}

// Every bit of what is signed counts.
func TestEveryBitOfAQuoteCounts(t *testing.T) {
	quote := vector(t, "dcap-qvl/tdx-v4/quote.bin")
	q, err := ParseQuote(quote)
	if err != nil {
		t.Fatal(err)
	}
	end := headerSize + body10Size + 4 + 64 + 64 + 6 + enclaveSize + 64 + 2 + len(q.enclave.auth) // then the PEM begins
	step := 1
	if testing.Short() {
		step = 7
	}
	for i := 0; i < end; i += step {
		altered := bytes.Clone(quote)
		altered[i] ^= 1 << (i % 8)
		if _, err := verifyAt(t, altered, day(2025, 7, 1), anyMachine); err == nil {
			t.Errorf("byte %d altered: accepted", i)
		}
	}
}

// A quote of SGX, and its collateral, are no TD's.
func TestSGXIsNotTDX(t *testing.T) {
	if _, err := verifyAt(t, vector(t, "dcap-qvl/sgx/quote.bin"), day(2025, 7, 1), anyMachine); !errors.Is(err, attest.ErrFormat) {
		t.Errorf("quote: %v", err)
	}
	f, err := ParseFiles(vector(t, "dcap-qvl/sgx/collateral.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewCollateral(f); !errors.Is(err, attest.ErrFormat) {
		t.Errorf("collateral: %v", err)
	}
	_, tdxFiles := dcap(t)
	f.TCBInfo, f.TCBInfoChain = tdxFiles.TCBInfo, tdxFiles.TCBInfoChain
	if _, err := NewCollateral(f); !errors.Is(err, attest.ErrFormat) {
		t.Errorf("identity of SGX's enclave: %v", err)
	}
}

// Answers of the service as they are, and an issuer from elsewhere.
func TestServiceAnswers(t *testing.T) {
	_, f := dcap(t)
	f.TCBInfo, f.QEIdentity = vector(t, "go-tdx-guest/collateral/tcbinfo.json"), vector(t, "go-tdx-guest/collateral/qeidentity.json")
	f.PCKCRL, f.RootCRL = vector(t, "go-tdx-guest/collateral/pck.crl"), vector(t, "go-tdx-guest/collateral/root.crl")
	c, err := NewCollateral(f)
	if err != nil {
		t.Fatal(err)
	}
	// It ended in 2023, and its issuer here is of a later year.
	if _, err = verifyAt(t, vector(t, "go-tdx-guest/spr-v4/quote.bin"), day(2023, 7, 1), anyTD, c); !refused(err, "tdx.collateral") {
		t.Errorf("at 2023-07-01: %v", err)
	}
	f.TCBInfo = vector(t, "go-tdx-guest/v5/tcbinfo.json")
	if c, err = NewCollateral(f); err != nil || c.FMSPC() != [6]byte{0x90, 0xc0, 0x6f} {
		t.Errorf("TCB info for version 5: %v", err)
	}
}

// Whatever is altered in collateral, it does not verify.
func TestAlteredCollateral(t *testing.T) {
	quote, f := dcap(t)
	edit := func(b []byte, old, by string) []byte {
		out := bytes.Replace(b, []byte(old), []byte(by), 1)
		if bytes.Equal(out, b) {
			t.Fatalf("%q is not there", old)
		}
		return out
	}
	flip := func(b []byte) []byte {
		out := bytes.Clone(b)
		out[len(out)-10] ^= 1
		return out
	}
	for name, alter := range map[string]func(*Files){
		"status":               func(f *Files) { f.TCBInfo = edit(f.TCBInfo, `"OutOfDate"`, `"UpToDate"`) },
		"date":                 func(f *Files) { f.TCBInfo = edit(f.TCBInfo, "2025-07-19", "2035-07-19") },
		"space":                func(f *Files) { f.TCBInfo = edit(f.TCBInfo, `"version":`, `"version": `) },
		"enclave":              func(f *Files) { f.QEIdentity = edit(f.QEIdentity, `"isvsvn":4`, `"isvsvn":0`) },
		"no signature":         func(f *Files) { f.TCBInfo = edit(f.TCBInfo, `"signature"`, `"signatures"`) },
		"one for the other":    func(f *Files) { f.QEIdentity = f.TCBInfo },
		"PCK list":             func(f *Files) { f.PCKCRL = flip(f.PCKCRL) },
		"root's list":          func(f *Files) { f.RootCRL = flip(f.RootCRL) },
		"root's list as PCK's": func(f *Files) { f.PCKCRL = f.RootCRL },
		"PCK list as root's":   func(f *Files) { f.RootCRL = f.PCKCRL },
		"no lists":             func(f *Files) { f.PCKCRL, f.RootCRL = nil, nil },
		"signer as authority":  func(f *Files) { f.PCKCRLChain = f.TCBInfoChain },
		"authority as signer":  func(f *Files) { f.TCBInfoChain = f.PCKCRLChain },
		"no issuer":            func(f *Files) { f.TCBInfoChain = nil },
		"text behind":          func(f *Files) { f.TCBInfoChain = append(bytes.Clone(f.TCBInfoChain), "more"...) },
		"root first": func(f *Files) {
			first, rest := pem.Decode(f.TCBInfoChain)
			f.TCBInfoChain = append(bytes.TrimLeft(rest, "\n"), pem.EncodeToMemory(first)...)
		},
	} {
		g := f
		alter(&g)
		if c, err := NewCollateral(g); err == nil || !errors.Is(err, attest.ErrSignature) && !errors.Is(err, attest.ErrFormat) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	if _, err := verifyAt(t, quote, day(2025, 7, 1), measured(t, quote), nil, new(Collateral)); !refused(err, "tdx.collateral") {
		t.Errorf("no collateral: %v", err)
	}
}

// What passes on collateral may be anything.
func TestMalformedFiles(t *testing.T) {
	good := map[string]string{}
	if err := json.Unmarshal(vector(t, "dcap-qvl/tdx-v4/collateral.json"), &good); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{", "[]", `{"pck_crl":"0"}`, `{"root_ca_crl":"zz"}`, `{"tcb_info":1}`} {
		if _, err := ParseFiles([]byte(text)); !errors.Is(err, attest.ErrFormat) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for name := range good {
		bad := map[string]string{}
		for k, v := range good {
			if k != name {
				bad[k] = v
			}
		}
		b, err := json.Marshal(bad)
		if err != nil {
			t.Fatal(err)
		}
		f, err := ParseFiles(b)
		if err == nil {
			_, err = NewCollateral(f)
		}
		if !errors.Is(err, attest.ErrFormat) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}
