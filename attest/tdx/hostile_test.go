package tdx

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
)

// Each attack changes one thing of a good quote.
func TestForgedQuotes(t *testing.T) {
	extension := func(x *x509.Certificate) {
		leaf(x)
		x.ExtraExtensions = []pkix.Extension{{Id: oid(), Value: sgxExtension(t, 5, 11)}}
	}
	for name, c := range map[string]struct {
		alter func(f *fake)
		want  error
	}{
		"PCK certificate of itself":      {func(f *fake) { f.pck = newAuthority(t, pckName, nil, extension) }, attest.ErrSignature},
		"PCK certificate under the root": {func(f *fake) { f.pck = newAuthority(t, pckName, f.root, extension) }, attest.ErrSignature},
		"TCB signer as PCK":              {func(f *fake) { f.pck = newAuthority(t, signerName, f.ca, extension) }, attest.ErrSignature},
		"authority of another name": {func(f *fake) {
			f.ca = newAuthority(t, "Intel SGX PCK CA", f.root, nil)
			f.pck = newAuthority(t, pckName, f.ca, extension)
		}, attest.ErrSignature},
		"authority that is none": {func(f *fake) {
			f.ca = newAuthority(t, authorityNames[0], f.root, leaf)
			f.pck = newAuthority(t, pckName, f.ca, extension)
		}, attest.ErrSignature},
		"PCK certificate without facts": {func(f *fake) { f.pck = newAuthority(t, pckName, f.ca, leaf) }, attest.ErrFormat},
		"PCK certificate that has ended": {func(f *fake) {
			f.pck = newAuthority(t, pckName, f.ca, func(x *x509.Certificate) { extension(x); x.NotAfter = now.Add(-time.Hour) })
		}, attest.ErrSignature},
		"PCK certificate of the future": {func(f *fake) {
			f.pck = newAuthority(t, pckName, f.ca, func(x *x509.Certificate) { extension(x); x.NotBefore = now.Add(time.Hour) })
		}, attest.ErrSignature},
		"another processor's certificate": {func(f *fake) { f.pck = &authority{newAuthority(t, pckName, f.ca, extension).cert, f.pck.key} }, attest.ErrSignature},
	} {
		f := newFake(t)
		root := f.rootPin()
		c.alter(f)
		v := Verifier{Policy: anyMachine, Clock: func() time.Time { return now }, InsecureRoot: &root}
		if _, err := v.Verify(t.Context(), attest.Evidence{Kind: attest.KindSimulated, Report: f.quote(t)}, [64]byte(f.body[520:])); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Parts of one genuine quote in another.
func TestSplicedQuotes(t *testing.T) {
	a, b := newFake(t), newFake(t)
	b.root, b.ca, b.pck = a.root, a.ca, a.pck // another enclave and TD on the same processor
	first, second := a.quote(t), b.quote(t)
	start := headerSize + body10Size + 4
	qe := start + 64 + 64 + 6
	for name, part := range map[string][2]int{
		"TD":                 {headerSize, headerSize + body10Size},
		"signature":          {start, start + 64},
		"key":                {start + 64, start + 128},
		"signature and key":  {start, start + 128},
		"enclave":            {qe, qe + enclaveSize},
		"enclave's word":     {qe, qe + enclaveSize + 64},
		"signature of it":    {qe + enclaveSize, qe + enclaveSize + 64},
		"all but the TD":     {start, qe + enclaveSize + 64},
		"key and enclave":    {start + 64, qe + enclaveSize + 64},
		"authentication":     {0, 0},
		"report data beside": {0, 0},
	} {
		spliced := bytes.Clone(first)
		copy(spliced[part[0]:part[1]], second[part[0]:part[1]])
		switch name {
		case "authentication":
			spliced[qe+enclaveSize+64+2] ^= 1
		case "report data beside": // the half of the enclave's report data that must be zeros; its signature is made anew
			spliced[qe+enclaveSize-1] = 1
			s := a.pck.sign(t, spliced[qe:qe+enclaveSize])
			copy(spliced[qe+enclaveSize:], s[:])
		}
		if _, err := a.judge(t, spliced, anyMachine); !errors.Is(err, attest.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A key that is no point of the curve, vouched for by the enclave and the processor.
	bad := bytes.Clone(first)
	clear(bad[start+64 : start+128])
	sum := sha256.Sum256(append(make([]byte, 64), a.auth...))
	copy(bad[qe+320:], sum[:])
	s := a.pck.sign(t, bad[qe:qe+enclaveSize])
	copy(bad[qe+enclaveSize:], s[:])
	if _, err := a.judge(t, bad, anyMachine); !errors.Is(err, attest.ErrFormat) {
		t.Errorf("no point: %v", err)
	}
}

// Evidence of other kinds, over other data, with certificates beside it, of a simulator before Intel's root and the reverse.
func TestOtherEvidence(t *testing.T) {
	f := newFake(t)
	quote, root := f.quote(t), f.rootPin()
	data := [64]byte(f.body[520:])
	clock := func() time.Time { return now }
	simulated, real := Verifier{Policy: anyMachine, Clock: clock, InsecureRoot: &root}, Verifier{Policy: anyMachine, Clock: clock}
	for name, c := range map[string]struct {
		v    Verifier
		ev   attest.Evidence
		data [64]byte
		want error
	}{
		"other data":                 {simulated, attest.Evidence{Kind: attest.KindSimulated, Report: quote}, [64]byte{}, attest.ErrBinding},
		"kind of hardware":           {simulated, attest.Evidence{Kind: attest.KindTDX, Report: quote}, data, attest.ErrKind},
		"kind of AMD":                {simulated, attest.Evidence{Kind: attest.KindSNP, Report: quote}, data, attest.ErrKind},
		"certificates":               {simulated, attest.Evidence{Kind: attest.KindSimulated, Report: quote, Certs: [][]byte{f.pck.cert.Raw}}, data, attest.ErrFormat},
		"simulated":                  {real, attest.Evidence{Kind: attest.KindSimulated, Report: quote}, data, attest.ErrKind},
		"simulated, said to be real": {real, attest.Evidence{Kind: attest.KindTDX, Report: quote}, data, attest.ErrSignature},
		"none":                       {simulated, attest.Evidence{Kind: attest.KindSimulated}, data, attest.ErrFormat},
	} {
		if _, err := c.v.Verify(t.Context(), c.ev, c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := simulated.Verify(t.Context(), attest.Evidence{Kind: attest.KindSimulated, Report: quote}, data); err != nil {
		t.Error(err)
	}
}

// What is revoked is refused, also where no TCB is asked for.
func TestRevoked(t *testing.T) {
	for name, alter := range map[string]func(f *fake){
		"PCK certificate": func(f *fake) { f.revokedPCK = []*authority{f.signer, f.pck} },
		"its authority":   func(f *fake) { f.revokedRoot = []*authority{f.ca} },
	} {
		f := newFake(t)
		quote := f.quote(t)
		alter(f)
		c, err := InsecureCollateral(f.files(t), f.rootPin())
		if err != nil {
			if name != "its authority" || !errors.Is(err, attest.ErrSignature) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		for _, p := range []Policy{anyTD, anyMachine} {
			if _, err := f.judge(t, quote, p, c); !errors.Is(err, attest.ErrSignature) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// A good list beside it changes nothing, nor that the bad one has ended.
		f.revokedPCK = nil
		if _, err := f.judge(t, quote, anyTD, f.collateral(t), c); !errors.Is(err, attest.ErrSignature) {
			t.Errorf("%s, on one of two lists: %v", name, err)
		}
	}
	f := newFake(t)
	g := newFake(t) // whose lists say nothing of machines under another root
	g.revokedRoot, g.revokedPCK = []*authority{f.ca}, []*authority{f.pck}
	if _, err := f.judge(t, f.quote(t), anyTD, g.collateral(t), f.collateral(t)); err != nil {
		t.Errorf("by another root: %v", err)
	}
	f.revokedRoot = []*authority{f.signer}
	if _, err := InsecureCollateral(f.files(t), f.rootPin()); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("signer of the collateral: %v", err)
	}
	// The lists of a collateral for the other authority speak of the root's all the same.
	f = newFake(t)
	quote, ca := f.quote(t), f.ca
	f.ca = newAuthority(t, authorityNames[1], f.root, nil)
	f.revokedRoot = []*authority{ca}
	if _, err := f.judge(t, quote, anyMachine, f.collateral(t)); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("by the collateral of another authority: %v", err)
	}
}

// Collateral counts for its root, its kind of processor, its authority and its time, and the latest judgement counts.
func TestWhichCollateral(t *testing.T) {
	f := newFake(t)
	quote := f.quote(t)
	good := f.collateral(t)
	stranger := newFake(t).collateral(t)
	for name, alter := range map[string]func(f *fake){
		"other kind":           func(f *fake) { f.tcbInfo["fmspc"] = "90c06f000001" },
		"other PCE":            func(f *fake) { f.tcbInfo["pceId"] = "0001" },
		"ended":                func(f *fake) { f.tcbInfo["nextUpdate"] = now.Add(-time.Second) },
		"not begun":            func(f *fake) { f.tcbInfo["issueDate"] = now.Add(time.Second) },
		"enclave's part ended": func(f *fake) { f.qeIdentity["nextUpdate"] = now.Add(-time.Second) },
		"other authority":      func(f *fake) { f.ca = newAuthority(t, authorityNames[0], f.root, nil) },
		"signer ended": func(f *fake) {
			f.signer = newAuthority(t, signerName, f.root, func(x *x509.Certificate) { leaf(x); x.NotAfter = now.Add(-time.Second) })
		},
	} {
		g := newFake(t)
		g.root, g.ca, g.pck, g.signer = f.root, f.ca, f.pck, f.signer
		alter(g)
		c := g.collateral(t)
		if _, err := f.judge(t, quote, anyTD, c); !refused(err, "tdx.collateral") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := f.judge(t, quote, anyTD, nil, stranger, c, good); err != nil {
			t.Errorf("%s, with good beside it: %v", name, err)
		}
	}
	// The authority's certificate is made anew, with the same key; and by a simulator, for the key of an authority that is not its own.
	again := func(by *authority) *authority {
		g := newAuthority(t, authorityNames[0], by, func(x *x509.Certificate) { x.PublicKey = &f.ca.key.PublicKey })
		g.key = f.ca.key
		return g
	}
	for name, c := range map[string]struct {
		root *authority
		ok   bool
	}{"renewed": {f.root, true}, "by a simulator": {newFake(t).root, false}} {
		g := newFake(t)
		g.root, g.pck, g.signer = c.root, f.pck, newAuthority(t, signerName, c.root, leaf)
		g.ca = again(c.root)
		if _, err := f.judge(t, quote, anyTD, g.collateral(t)); (err == nil) != c.ok || err != nil && !refused(err, "tdx.collateral") {
			t.Errorf("authority %s: %v", name, err)
		}
	}
	// A newer list of the root's revokes whoever signed older collateral.
	g := newFake(t)
	g.root, g.ca, g.pck, g.signer = f.root, f.ca, f.pck, newAuthority(t, signerName, f.root, leaf)
	g.revokedRoot = []*authority{f.signer}
	g.tcbInfo["fmspc"] = "90c06f000001"
	if _, err := f.judge(t, quote, anyTD, good, g.collateral(t)); !refused(err, "tdx.collateral") {
		t.Errorf("signer revoked since: %v", err)
	}
	// An older judgement, which would accept, does not hide a newer one.
	g = newFake(t)
	g.root, g.ca, g.pck, g.signer = f.root, f.ca, f.pck, f.signer
	g.tcbInfo["tcbEvaluationDataNumber"] = 19
	g.tcbInfo["tcbLevels"].([]map[string]any)[0]["tcbStatus"] = "OutOfDate"
	newer := g.collateral(t)
	for _, both := range [][]*Collateral{{good, newer}, {newer, good}} {
		if _, err := f.judge(t, quote, anyTD, both...); !refused(err, "tdx.tcb") {
			t.Errorf("judged anew: %v", err)
		}
	}
}

// Fields of collateral that are missing or of other sizes, signed.
func TestSignedNonsense(t *testing.T) {
	for name, alter := range map[string]func(f *fake){
		"id":              func(f *fake) { f.tcbInfo["id"] = "SGX" },
		"version":         func(f *fake) { f.tcbInfo["version"] = 4 },
		"type":            func(f *fake) { f.tcbInfo["tcbType"] = 1 },
		"fmspc":           func(f *fake) { f.tcbInfo["fmspc"] = "90c06f" },
		"pce":             func(f *fake) { delete(f.tcbInfo, "pceId") },
		"no levels":       func(f *fake) { delete(f.tcbInfo, "tcbLevels") },
		"no end":          func(f *fake) { delete(f.tcbInfo, "nextUpdate") },
		"no begin":        func(f *fake) { delete(f.tcbInfo, "issueDate") },
		"module":          func(f *fake) { delete(f.tcbInfo, "tdxModule") },
		"line of modules": func(f *fake) { delete(f.tcbInfo["tdxModuleIdentities"].([]map[string]any)[0], "attributesMask") },
		"components": func(f *fake) {
			f.tcbInfo["tcbLevels"].([]map[string]any)[1]["tcb"].(map[string]any)["tdxtcbcomponents"] = []map[string]int{}
		},
		"version of a part": func(f *fake) {
			f.tcbInfo["tcbLevels"].([]map[string]any)[0]["tcb"].(map[string]any)["pcesvn"] = 1 << 16
		},
		"enclave of SGX":    func(f *fake) { f.qeIdentity["id"] = "QE" },
		"enclave's version": func(f *fake) { f.qeIdentity["version"] = 3 },
		"enclave's signer":  func(f *fake) { f.qeIdentity["mrsigner"] = "" },
		"enclave's mask":    func(f *fake) { f.qeIdentity["attributesMask"] = "FF" },
		"enclave's end":     func(f *fake) { delete(f.qeIdentity, "nextUpdate") },
		"enclave's misc":    func(f *fake) { f.qeIdentity["miscselectMask"] = "zz" },
	} {
		f := newFake(t)
		alter(f)
		if _, err := InsecureCollateral(f.files(t), f.rootPin()); !errors.Is(err, attest.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f := newFake(t)
	f.signer = newAuthority(t, "Intel SGX Attestation Report Signing", f.root, leaf)
	if _, err := InsecureCollateral(f.files(t), f.rootPin()); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("signed by another service: %v", err)
	}
	// Collateral of a simulator is none under Intel's root.
	if _, err := NewCollateral(newFake(t).files(t)); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("under Intel's root: %v", err)
	}
}

// Quotes that say other lengths and types than they have.
func TestMalformedQuotes(t *testing.T) {
	f := newFake(t)
	good := f.quote(t)
	le := binary.LittleEndian
	size := headerSize + body10Size
	edit := func(at int, b ...byte) []byte {
		out := bytes.Clone(good)
		copy(out[at:], b)
		return out
	}
	inner := size + 4 + 64 + 64
	for name, quote := range map[string][]byte{
		"nothing": nil, "header": good[:headerSize], "body": good[:size], "version 3": edit(0, 3), "version 6": edit(0, 6), "other key": edit(2, 3), "SGX": edit(4, 0), "other vendor": edit(12, 0),
		"signature too long": edit(size, le.AppendUint32(nil, uint32(len(good)-size-3))...), "signature too short": edit(size, le.AppendUint32(nil, uint32(len(good)-size-5))...),
		"no signature": edit(size, 0, 0, 0, 0), "huge signature": edit(size, 0xff, 0xff, 0xff, 0xff), "certification of another type": edit(inner, 5), "shorter certification": edit(inner+2, 1, 0),
		"longer authentication": edit(inner+6+enclaveSize+64, 0xff, 0xff), "other certificates": edit(inner+6+enclaveSize+64+2+len(f.auth), 3),
		"behind it": append(bytes.Clone(good), 0, 0, 1),
	} {
		if _, err := ParseQuote(quote); !errors.Is(err, attest.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range good {
		if _, err := ParseQuote(good[:i]); !errors.Is(err, attest.ErrFormat) {
			t.Fatalf("%d bytes: %v", i, err)
		}
	}
	if _, err := f.judge(t, append(bytes.Clone(good), make([]byte, 100)...), anyMachine); err != nil {
		t.Errorf("zeros behind it: %v", err)
	}
	f.version = 5
	good = f.quote(t)
	for name, quote := range map[string][]byte{"body of SGX": edit(headerSize, 1), "longer body": edit(headerSize+2, 0x49), "body of another size": edit(headerSize, 3)} {
		if _, err := ParseQuote(quote); !errors.Is(err, attest.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseQuote(f *testing.F) {
	fake := newFake(f)
	made := [][]byte{fake.quote(f)}
	fake.version = 5
	made = append(made, fake.quote(f))
	for _, q := range made {
		f.Add(q)
	}
	root := fake.rootPin()
	v := Verifier{Policy: anyMachine, Clock: func() time.Time { return now }, InsecureRoot: &root}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := ParseQuote(b)
		if err != nil {
			if !errors.Is(err, attest.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		_, err = v.Verify(t.Context(), attest.Evidence{Kind: attest.KindSimulated, Report: b}, q.ReportData)
		if err == nil && !slices.ContainsFunc(made, func(m []byte) bool { return bytes.HasPrefix(m, q.signed) }) {
			t.Fatal("accepted a quote that was not made")
		}
	})
}

func FuzzCollateral(f *testing.F) {
	fake := newFake(f)
	files := fake.files(f)
	f.Add(files.TCBInfo, files.QEIdentity, files.TCBInfoChain, files.PCKCRL, files.PCKCRLChain, files.RootCRL)
	f.Add([]byte(`{"pck_crl":"00","root_ca_crl":""}`), []byte("{}"), []byte("-----BEGIN CERTIFICATE-----"), []byte{0x30}, []byte{}, []byte{})
	root := fake.rootPin()
	f.Fuzz(func(t *testing.T, tcb, qe, chain, pckCRL, pckChain, rootCRL []byte) {
		g := Files{TCBInfo: tcb, QEIdentity: qe, TCBInfoChain: chain, QEIdentityChain: chain, PCKCRL: pckCRL, PCKCRLChain: pckChain, RootCRL: rootCRL}
		c, err := InsecureCollateral(g, root)
		if err != nil && !errors.Is(err, attest.ErrFormat) && !errors.Is(err, attest.ErrSignature) || err == nil && c.FMSPC() != [6]byte{0x90, 0xc0, 0x6f} {
			t.Fatalf("%v, %v", c, err)
		}
		if _, err := ParseFiles(tcb); err != nil && !errors.Is(err, attest.ErrFormat) {
			t.Fatal(err)
		}
	})
}
