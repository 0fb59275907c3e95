package holdfast_test

import (
	"context"
	"crypto"
	"errors"
	"io/fs"
	"maps"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

func TestOpenPlainAndSealed(t *testing.T) {
	key := signtest.Key(t)
	src := publish(t, key, contents(7))
	sealed, h := sealDir(t, src, modelName, 7)
	for name, cfg := range map[string]holdfast.Config{
		"plain":  config(key, src),
		"sealed": func() holdfast.Config { c := config(key, sealed); c.Key = held{h: h}; return c }(),
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, cfg)
			load(t, c)
			if id := c.Model().Identity(); id.Name != modelName || id.Version != 7 {
				t.Errorf("got %+v", id)
			}
			if c.MBOM().Missing || c.Guard() == nil || c.Epochs() != nil {
				t.Error("a chain without bill or guard, or with epochs before Handler")
			}
			got, err := fs.ReadFile(c.Model(), weights)
			if err != nil || string(got) != contents(7)[weights] {
				t.Errorf("%v: %d bytes", err, len(got))
			}
		})
	}
}

// Change one thing of what opens, expect the sentinel of the package that decides. Each refusal comes from Open, or from
// reading the weights.
func TestEveryLinkRefuses(t *testing.T) {
	key, stranger := signtest.Key(t), signtest.Key(t)
	good := publish(t, key, contents(7))
	sealed, h := sealDir(t, good, modelName, 7)
	other, _ := sealDir(t, good, modelName, 7)
	renamed, hRenamed := sealDir(t, good, "other", 7)
	raised, hRaised := sealDir(t, good, modelName, 8)
	_, wrong := sealDir(t, good, modelName, 7)
	edited := func(name, content string) fstest.MapFS {
		m := maps.Clone(good)
		m[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o644}
		return m
	}
	signed := func(name, content string) fstest.MapFS {
		files := contents(7)
		files[name] = content
		return publish(t, key, files)
	}
	flipped := []byte(contents(7)[weights])
	flipped[len(flipped)-1] ^= 1
	unlisted := maps.Clone(good)
	unlisted["late.txt"] = &fstest.MapFile{Data: []byte("late"), Mode: 0o644}
	unlisted = signtest.Sign(t, unlisted, key)
	type change = func(*holdfast.Config)
	source := func(src fs.FS) change { return func(c *holdfast.Config) { c.Source = src } }
	sealedAs := func(src fs.FS, k seal.KeySource) change {
		return func(c *holdfast.Config) { c.Source, c.Key = src, k }
	}
	for name, c := range map[string]struct {
		change change
		want   error
	}{
		"zero config":              {func(c *holdfast.Config) { *c = holdfast.Config{} }, holdfast.ErrConfig},
		"no source":                {source(nil), holdfast.ErrConfig},
		"zero signature policy":    {func(c *holdfast.Config) { c.Signature = sign.Policy{} }, sign.ErrPolicy},
		"zero mbom policy":         {func(c *holdfast.Config) { c.MBOM = mbom.Policy{} }, mbom.ErrPolicy},
		"zero weight policy":       {func(c *holdfast.Config) { c.Weights = mbom.WeightPolicy{} }, mbom.ErrPolicy},
		"unusable guard policy":    {func(c *holdfast.Config) { c.Guard.Rules = map[string]guard.Mode{"no.such": guard.ModeOff} }, guard.ErrPolicy},
		"sealed without key":       {source(sealed), holdfast.ErrConfig},
		"plain with a key source":  {sealedAs(good, held{h: h}), holdfast.ErrConfig},
		"wrong keyset":             {sealedAs(sealed, held{h: wrong}), seal.ErrCommitment},
		"keyset of a twin":         {sealedAs(other, held{h: h}), seal.ErrCommitment},
		"sealed under other name":  {sealedAs(renamed, held{h: hRenamed}), holdfast.ErrMismatch},
		"sealed as a later one":    {sealedAs(raised, held{h: hRaised}), holdfast.ErrMismatch},
		"below the server's floor": {sealedAs(sealed, held{h, &keyrelease.Floors{MinVersion: 8}}), holdfast.ErrFloor},
		"not signed":               {source(signtest.Files(contents(7))), sign.ErrSignature},
		"signed by a stranger":     {source(publish(t, stranger, contents(7))), sign.ErrSignature},
		"older version":            {source(publish(t, key, contents(6))), sign.ErrVersion},
		"other name":               {source(signed("holdfast.json", string(signtest.Card("other", 7)))), sign.ErrPolicy},
		"altered configuration":    {source(edited("config.json", `{}`)), sign.ErrMismatch},
		"altered weights":          {source(edited(weights, string(flipped))), sign.ErrMismatch},
		"NaN in a tensor":          {source(signed(weights, safetensors(1, float32(math.NaN())))), mbom.ErrPolicy},
		"no bill of materials":     {source(signtest.Sign(t, signtest.Files(contents(7)), key)), mbom.ErrPolicy},
		"bill lacks a signed file": {source(unlisted), mbom.ErrMismatch},
		"unsafe pickle":            {source(signed("pytorch_model.bin", "\x80\x02cposix\nsystem\nX\x05\x00\x00\x00true \x85R.")), mbom.ErrPolicy},
		"weights by another name":  {source(signed("weights.dat", safetensors(1))), mbom.ErrPolicy},
		"licence":                  {source(signed("README.md", "---\nlicense: cc-by-nc-4.0\n---\n")), mbom.ErrPolicy},
		"remote code":              {source(signed("config.json", `{"auto_map":{"AutoModel":"modeling.Evil"}}`)), mbom.ErrPolicy},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(key, good)
			c.change(&cfg)
			chain, err := holdfast.Open(t.Context(), cfg)
			if err == nil {
				defer chain.Close()
				err = loadErr(chain, weights)
			} else if chain != nil {
				t.Error("a chain beside an error")
			}
			if !errors.Is(err, c.want) {
				t.Errorf("want %v, got %v", c.want, err)
			}
		})
	}
	for name, c := range map[string]change{
		"sealed":       sealedAs(sealed, held{h: h}),
		"at the floor": sealedAs(sealed, held{h, &keyrelease.Floors{MinVersion: 7}}),
		"extra file":   source(edited("extra.txt", "does not exist for the consumer")),
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(key, good)
			c(&cfg)
			load(t, open(t, cfg))
		})
	}
}

// What the operator configured is what the digest names: every policy field moves it, and nothing else does.
func TestConfigDigest(t *testing.T) {
	key := signtest.Key(t)
	src := publish(t, key, contents(7))
	base := config(key, src)
	digest := func(cfg holdfast.Config) [32]byte {
		t.Helper()
		d, err := cfg.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	want := digest(base)
	if got := open(t, base).ConfigDigest(); got != want {
		t.Error("the opened chain has another digest")
	}
	seen := map[[32]byte]string{want: "base"}
	for name, change := range map[string]func(*holdfast.Config){
		"Signature.Keys":       func(c *holdfast.Config) { c.Signature.Keys = []crypto.PublicKey{signtest.Key(t).Public()} },
		"Signature.Name":       func(c *holdfast.Config) { c.Signature.Name = "other" },
		"Signature.MinVersion": func(c *holdfast.Config) { c.Signature.MinVersion++ },
		"Signature.ModelIDs":   func(c *holdfast.Config) { c.Signature.ModelIDs = [][32]byte{{1}} },
		"Signature.AnyModel":   func(c *holdfast.Config) { c.Signature.InsecureAnyModel = true },
		"MBOM.Formats":         func(c *holdfast.Config) { c.MBOM.Formats = c.MBOM.Formats[1:] },
		"MBOM.Licences":        func(c *holdfast.Config) { c.MBOM.Licences = []string{"apache-2.0"} },
		"MBOM.AnyLicence":      func(c *holdfast.Config) { c.MBOM.InsecureAnyLicence = true },
		"MBOM.Templates":       func(c *holdfast.Config) { c.MBOM.Templates = [][32]byte{{1}} },
		"MBOM.AnyTemplate":     func(c *holdfast.Config) { c.MBOM.AnySignedTemplate = true },
		"MBOM.RemoteCode":      func(c *holdfast.Config) { c.MBOM.InsecureAllowRemoteCode = true },
		"MBOM.MissingBOM":      func(c *holdfast.Config) { c.MBOM.InsecureAllowMissingBOM = true },
		"Weights.Finite":       func(c *holdfast.Config) { c.Weights.Finite = false },
		"Weights.AbsMax":       func(c *holdfast.Config) { c.Weights.AbsMax = 10 },
		"Weights.AnyValue":     func(c *holdfast.Config) { c.Weights = mbom.WeightPolicy{InsecureAnyValue: true} },
		"Weights.Templates":    func(c *holdfast.Config) { c.Weights.Templates = [][32]byte{{1}} },
		"Weights.AnyTemplate":  func(c *holdfast.Config) { c.Weights.AnySignedTemplate = true },
		"Guard.Routes":         func(c *holdfast.Config) { c.Guard.Routes = c.Guard.Routes[1:] },
		"Guard.Limits":         func(c *holdfast.Config) { c.Guard.Limits.MaxBodyBytes++ },
		"Guard.Rules":          func(c *holdfast.Config) { c.Guard.Rules = map[string]guard.Mode{detect.RuleTags: guard.ModeOff} },
		"Guard.TrustSystem":    func(c *holdfast.Config) { c.Guard.TrustSystemRole = false },
		"Guard.Canary":         func(c *holdfast.Config) { c.Guard.Canary = []string{"canary-one"} },
		"Guard.SystemPrompts":  func(c *holdfast.Config) { c.Guard.SystemPrompts = []string{"you are the harbour master here"} },
	} {
		cfg := base
		change(&cfg)
		d := digest(cfg)
		if before, ok := seen[d]; ok {
			t.Errorf("%s has the digest of %s", name, before)
		}
		seen[d] = name
	}
	// A digest is public: the text of a canary could be searched for in it, so its number alone is in there.
	one, two := base, base
	one.Guard.Canary, two.Guard.Canary = []string{"canary-one"}, []string{"canary-two"}
	if digest(one) != digest(two) {
		t.Error("the digest depends on the text of a canary")
	}
	// A rule of a detector of one's own is part of the policy, here and in Open.
	own := base
	own.Guard.Rules = map[string]guard.Mode{"own.rule": guard.ModeMonitor}
	own.GuardOptions = []guard.Option{guard.WithDetector(silent{}, "own.rule")}
	if d := digest(own); d == want || d != open(t, own).ConfigDigest() {
		t.Error("the mode of a rule of one's own is not in the digest, or not the same")
	}
	if _, err := (holdfast.Config{Guard: guard.Policy{Limits: guard.Limits{Concurrent: -1}}}).Digest(); !errors.Is(err, guard.ErrPolicy) {
		t.Errorf("want guard.ErrPolicy, got %v", err)
	}
}

// silent is a detector that finds nothing.
type silent struct{}

func (silent) Detect(_ context.Context, _ detect.View, f []detect.Finding) ([]detect.Finding, error) {
	return f, nil
}

// counting counts how often each byte of a file is read, by whatever way.
type counting struct {
	fs.FS
	mu    sync.Mutex
	reads map[string][]int
}

func (c *counting) Open(name string) (fs.File, error) {
	f, err := c.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return &countingFile{File: f, c: c, name: name}, nil
}

type countingFile struct {
	fs.File
	c    *counting
	name string
	off  int64
}

func (f *countingFile) count(off int64, n int) {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	for len(f.c.reads[f.name]) < int(off)+n {
		f.c.reads[f.name] = append(f.c.reads[f.name], 0)
	}
	for i := range n {
		f.c.reads[f.name][int(off)+i]++
	}
}

func (f *countingFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.count(f.off, n)
	f.off += int64(n)
	return n, err
}

// From Open to the loaded engine, each byte of the weights is read once and passes the scanner once, and Open reads none.
func TestOnePass(t *testing.T) {
	key := signtest.Key(t)
	values := make([]float32, 300_000) // several chunks
	for i := range values {
		values[i] = float32(i)
	}
	files := contents(7)
	files[weights] = safetensors(values...)
	src := &counting{FS: publish(t, key, files), reads: map[string][]int{}}
	c := open(t, config(key, src))
	if n := len(src.reads[weights]); n != 0 {
		t.Errorf("Open read %d bytes of the weights", n)
	}
	load(t, c)
	if got := src.reads[weights]; len(got) != len(files[weights]) {
		t.Fatalf("%d bytes were read of %d", len(got), len(files[weights]))
	}
	for i, n := range src.reads[weights] {
		if n != 1 {
			t.Fatalf("byte %d was read %d times", i, n)
		}
	}
	// The scanner saw every element: a NaN in the last one is found, by the same pass.
	values[len(values)-1] = float32(math.Inf(1))
	files[weights] = safetensors(values...)
	src = &counting{FS: publish(t, key, files), reads: map[string][]int{}}
	err := loadErr(open(t, config(key, src)), weights)
	if e, ok := errors.AsType[*mbom.ValueError](err); !ok || e.Index != uint64(len(values)-1) {
		t.Errorf("got %v", err)
	}
	if n := src.reads[weights][len(files[weights])-1]; n != 1 {
		t.Errorf("the last byte was read %d times", n)
	}
}

// exchanged becomes another model once its first one was opened, which ends with holdfast.json.
type exchanged struct {
	first, second fs.FS
	carded, after atomic.Bool
}

func (e *exchanged) Open(name string) (fs.File, error) {
	switch name {
	case sign.CardFile:
		e.carded.Store(true)
	case sign.SignatureFile:
		e.after.Store(e.carded.Load())
	}
	if e.after.Load() {
		return e.second.Open(name)
	}
	return e.first.Open(name)
}

// A source that is exchanged between the two looks of Open, for another model that the policy accepts as well, is refused:
// the gate would have judged one model and the engine loaded the other.
func TestSourceExchangedWhileOpening(t *testing.T) {
	key := signtest.Key(t)
	src := &exchanged{first: publish(t, key, contents(7)), second: publish(t, key, contents(8))}
	if _, err := holdfast.Open(t.Context(), config(key, src)); !errors.Is(err, sign.ErrMismatch) {
		t.Errorf("want sign.ErrMismatch, got %v", err)
	}
	src = &exchanged{first: src.first, second: src.first}
	open(t, config(key, src))
}

func TestClosed(t *testing.T) {
	key := signtest.Key(t)
	sealed, h := sealDir(t, publish(t, key, contents(7)), modelName, 7)
	cfg := config(key, sealed)
	cfg.Key = held{h: h}
	c := open(t, cfg)
	load(t, c)
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Error(err)
	}
	if err := loadErr(c, weights); err == nil {
		t.Error("weights were decrypted after Close")
	}
	if _, err := c.Handler(t.Context(), newAnswer()); !errors.Is(err, holdfast.ErrConfig) {
		t.Errorf("Handler after Close: %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	key := signtest.Key(t)
	device, _ := simulated(t)
	cfg := config(key, publish(t, key, contents(7)))
	cfg.Platform = device
	c := open(t, cfg)
	load(t, c)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := loadErr(c, weights); err != nil {
				t.Error(err)
			}
			h, err := c.Handler(t.Context(), newAnswer())
			if err != nil {
				t.Error(err)
				return
			}
			if res := send(h, "POST", "/v1/chat/completions", question); res.Code != 200 {
				t.Errorf("status %d: %s", res.Code, res.Body)
			}
			if c.Epochs() == nil {
				t.Error("no epochs")
			}
		})
	}
	wg.Wait()
}

// The formula of REPORT_DATA lives in two trees, which do not know each other.
func TestReportDataAgrees(t *testing.T) {
	a, b, d := [32]byte{1}, [32]byte{2}, [32]byte{3}
	if keyrelease.ReportData(a, b, d) != reportDataOfRelease(a, b, d) {
		t.Error("crypto/keyrelease and attest compute different REPORT_DATA")
	}
	if keyrelease.ReportData(a, b, d) == keyrelease.ReportData(b, a, d) || !strings.EqualFold(keyrelease.Role, "release") {
		t.Error("REPORT_DATA does not depend on its inputs")
	}
}
