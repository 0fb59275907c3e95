package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/attest/attesttest"
	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// guests are the simulated machines of all scripts, of one vendor.
type guests struct {
	once   sync.Once
	vendor *attesttest.Vendor
	o      attesttest.Options
	device *attesttest.Device
	err    error
}

func (g *guests) make(ts *testscript.TestScript) {
	g.once.Do(func() {
		g.o = attesttest.Options{Measurement: [48]byte{1, 2, 3}}
		if g.vendor, g.err = attesttest.NewVendor(); g.err == nil {
			g.device, g.err = g.vendor.Device(g.o)
		}
	})
	ts.Check(g.err)
}

// keypolicy FILE SEALED MINVERSION [KEY=JSON…] writes a policy for the configuration 0101…01 and the simulated machine; a KEY
// replaces a field of the model, or with a dot before it one of the file.
func (g *guests) keypolicy(ts *testscript.TestScript, _ bool, args []string) {
	g.make(ts)
	minVersion, err := strconv.Atoi(args[2])
	ts.Check(err)
	root := g.vendor.Verifier(g.o.Policy()).InsecureRoots[0].SPKI
	model := map[string]any{
		"name": "tiny", "min_version": minVersion, "sealed": []string{ts.MkAbs(args[1])}, "configs": []string{strings.Repeat("01", 32)},
	}
	file := map[string]any{
		"version": 1, "models": []any{model}, "rules_min_version": 0,
		"machines": map[string]any{
			"products": []string{"Genoa"}, "measurements": []string{hex.EncodeToString(g.o.Measurement[:])},
			"insecure_simulated_roots": []string{hex.EncodeToString(root[:])},
		},
	}
	for _, a := range args[3:] {
		key, value, _ := strings.Cut(a, "=")
		if top, ok := strings.CutPrefix(key, "."); ok {
			file[top] = json.RawMessage(value)
		} else {
			model[key] = json.RawMessage(value)
		}
	}
	b, err := json.Marshal(file)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}

// release URL SERVERKEY SEALED CONFIGBYTE [MINVERSION [CERT]]: a guest opens a sealed directory with the keyset that the
// server releases. What it says is in the file out.
func (g *guests) release(ts *testscript.TestScript, neg bool, args []string) {
	g.make(ts)
	pub, err := bundle.ParsePublicKey([]byte(ts.ReadFile(args[1])))
	ts.Check(err)
	c := &keyrelease.Client{
		URL: args[0], HTTP: &http.Client{Transport: &http.Transport{}}, ServerKey: pub.(*ecdsa.PublicKey),
		Attest: holdfast.Attestor(g.device), Config: [32]byte{},
	}
	b, err := strconv.ParseUint(args[3], 16, 8)
	ts.Check(err)
	for i := range c.Config {
		c.Config[i] = byte(b)
	}
	if len(args) > 4 {
		c.MinVersion, err = strconv.ParseUint(args[4], 10, 64)
		ts.Check(err)
	}
	if len(args) > 5 {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(ts.ReadFile(args[5])))
		c.HTTP.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}}
	}
	root, err := os.OpenRoot(ts.MkAbs(args[2]))
	ts.Check(err)
	defer root.Close()
	f, err := seal.OpenFS(context.Background(), sign.DirFS(root), c)
	said := "opened"
	if err != nil {
		said = err.Error()
	} else {
		f.Close()
		floors, _ := c.Floors()
		said += fmt.Sprintf(" floor %d", floors.MinVersion)
	}
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(said+"\n"), 0o600))
	if (err != nil) != neg {
		ts.Fatalf("release: %s", said)
	}
}

// daemon COMMAND…: starts a command in the background until its first line with a URL, which goes to $URL. The script ends
// it with stop, which demands exit code 0 after SIGTERM.
func cmdDaemon(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command(args[0], args[1:]...)
	path, err := exec.LookPath(args[0])
	ts.Check(err)
	cmd.Path, cmd.Dir, cmd.Env = path, ts.MkAbs("."), append(os.Environ(), "HOME="+ts.Getenv("HOME"))
	errs, err := os.Create(ts.MkAbs("daemon.log"))
	ts.Check(err)
	cmd.Stderr = errs
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		errs.Close()
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if _, url, ok := strings.Cut(line, " on http"); ok {
			ts.Setenv("URL", "http"+strings.TrimSpace(url))
			break
		}
		if err != nil {
			_ = cmd.Wait()
			ts.Fatalf("daemon: %v, %v: %s", err, cmd.ProcessState, ts.ReadFile("daemon.log"))
		}
	}
	said, err := os.Create(ts.MkAbs("daemon.out"))
	ts.Check(err)
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		defer said.Close()
		_, _ = io.Copy(said, lines)
	}()
	ts.Setenv("DAEMON", strconv.Itoa(cmd.Process.Pid))
	*ts.Value(daemonKey{}).(*daemon) = daemon{cmd, copied}
}

type daemonKey struct{}

// daemon is the background command of one script.
type daemon struct {
	cmd    *exec.Cmd
	copied chan struct{} // closed once its output has been read
}

func cmdEnd(ts *testscript.TestScript, _ bool, _ []string) {
	d := ts.Value(daemonKey{}).(*daemon)
	ts.Check(d.cmd.Process.Signal(syscall.SIGTERM))
	done := make(chan error, 1)
	go func() {
		<-d.copied
		done <- d.cmd.Wait()
	}()
	select {
	case err := <-done:
		if err != nil && !errors.Is(err, os.ErrClosed) {
			ts.Fatalf("end: %v: %s", err, ts.ReadFile("daemon.log"))
		}
	case <-time.After(15 * time.Second):
		ts.Fatalf("it does not stop")
	}
}

// hup REGEXP sends SIGHUP to the daemon and waits for a new line in its log that matches.
func cmdHUP(ts *testscript.TestScript, _ bool, args []string) {
	before := len(ts.ReadFile("daemon.log"))
	ts.Check(ts.Value(daemonKey{}).(*daemon).cmd.Process.Signal(syscall.Signal(1))) // SIGHUP, which js has no name for
	want := regexp.MustCompile(args[0])
	for range 500 {
		if want.MatchString(ts.ReadFile("daemon.log")[before:]) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("the log does not say %s: %s", args[0], ts.ReadFile("daemon.log")[before:])
}

// edit FILE OLD NEW replaces one text in a file, which must have it once.
func cmdEdit(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if strings.Count(text, args[1]) != 1 {
		ts.Fatalf("%s has %q %d times", args[0], args[1], strings.Count(text, args[1]))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o644))
}

// servercert DIR makes ca.pem, and server.pem with server.key for localhost.
func cmdServerCert(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	ts.Check(err)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	secret, err := bundle.MarshalPrivateKey(key)
	ts.Check(err)
	for name, b := range map[string][]byte{"ca.pem": text, "server.pem": text, "server.key": secret} {
		ts.Check(os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
}

// Whatever a policy says, it is read or refused; a machine policy that is accepted names products and measurements.
func FuzzKeyPolicy(f *testing.F) {
	const m = "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	f.Add([]byte(`{"version":1,"machines":{"products":["Genoa"],"measurements":["` + m + `"],"min_tcb":{"Turin":{"snp":4}}},"models":[]}`))
	f.Add([]byte(`{"version":1,"models":[{"name":"m","sealed":["/nowhere"],"configs":["00"]}],"deny_list":{"number":1,"digest":""}}`))
	k, err := kek.FromKey("k", make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := parseKeyPolicy(text)
		if err != nil {
			return
		}
		for i := range p.Models {
			p.Models[i].Sealed = nil // of the machine that fuzzes
		}
		p.Machines.RevocationLists = nil // as above
		if _, err := p.server(t.Context(), k); err == nil && (len(p.Machines.Products) == 0 || len(p.Machines.Measurements) == 0) {
			t.Errorf("accepted: %q", text)
		}
	})
}

// A name that is no product, and a product without a floor, match no machine; a floor under a wrong name would not be held.
// Each was read as written and shown by nothing.
func TestMachinePolicySlips(t *testing.T) {
	m := strings.Repeat("ab", 48)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "list"), []byte("no list"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, ok := range map[string]bool{
		`"products":["Genoa"]`: true,
		`"products":["Genoa","Turin"],"min_tcb":{"Turin":{"snp":4}}`:           true,
		`"products":["Genoa"],"min_tcb":{"Turin":{"snp":4}}`:                   true,
		`"products":["Genoa"],"chip_ids":["` + strings.Repeat("01", 64) + `"]`: true,
		`"products":["Genoa"],"id_keys":["` + m + `"],"author_keys":["` + m + `"],"family_id":"` + m[:32] + `","image_id":"` + m[:32] + `","host_data":"` + m[:64] + `"`: true,
		`"products":["Genoa"],"min_mitigations":{"Turin":63},"min_tcb":{"Turin":{"snp":4}}`:                                                                              true,
		`"products":["Genoa"],"min_mitigations":{"turin":63}`:                                                                                                            false,
		`"products":["Genoa"],"vmpl":3`:                                        true,
		`"products":["Genoa"],"vmpl":4294967295`:                               false, // reports that the host asked for
		`"products":["Genoa"],"id_keys":["01"]`:                                false,
		`"products":["Genoa"],"author_keys":["01"]`:                            false,
		`"products":["Genoa"],"family_id":"01"`:                                false,
		`"products":["Genoa"],"image_id":"01"`:                                 false,
		`"products":["Genoa"],"host_data":"01"`:                                false,
		`"products":["genoa"]`:                                                 false,
		`"products":["Genoa","Milian"]`:                                        false,
		`"products":["Genoa","Turin"]`:                                         false,
		`"products":["Genoa"],"min_tcb":{"genoa":{"snp":24,"microcode":90}}`:   false,
		`"products":["Genoa"],"chip_ids":["01"]`:                               false,
		`"products":["Genoa"],"chip_ids":["` + strings.Repeat("00", 64) + `"]`: false, // the mask is no chip
		`"products":["Genoa"],"revocation_lists":["` + dir + `/none"]`:         false,
		`"products":["Genoa"],"revocation_lists":["` + dir + `/list"]`:         false,
		`"products":["Genoa"],"require_revocation_list":true`:                  false, // and no list
	} {
		p, err := parseKeyPolicy([]byte(`{"version":1,"machines":{"measurements":["` + m + `"],` + text + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Machines.policy(); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// The policy in docs/keyrelease.md is one, and says everything that a policy can say.
func TestDocumentedKeyPolicy(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "keyrelease.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```json\n")
	text, _, found := strings.Cut(text, "```")
	if !found {
		t.Fatal("no policy on the page")
	}
	p, err := parseKeyPolicy([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p.Machines.RevocationLists, p.Machines.RequireRevocationList = nil, false // there is no such file here
	if _, err := p.Machines.policy(); err != nil {
		t.Error(err)
	}
	for _, field := range fields(reflect.TypeFor[keyPolicy]()) {
		if !strings.Contains(string(page), `"`+field+`"`) && !strings.Contains(string(page), "`"+field+"`") {
			t.Errorf("%s is not on the page", field)
		}
	}
}

// fields are the JSON names of a type and of what it holds.
func fields(t reflect.Type) (out []string) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return fields(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			out = append(append(out, f.Tag.Get("json")), fields(f.Type)...)
		}
	}
	return out
}

// A min_tcb that leaves a component out, or gives nothing, would let firmware with published attacks in.
func TestMinTCBOnlyRaises(t *testing.T) {
	for text, ok := range map[string]bool{
		`{}`:                                  true,
		`{"Genoa":{"snp":23,"microcode":84}}`: true,
		`{"Genoa":{"bootloader":9,"snp":24,"microcode":90}}`: true,
		`{"Turin":{"snp":4}}`:                                true,
		`{"Genoa":{}}`:                                       false,
		`{"Genoa":{"snp":99}}`:                               false,
		`{"Genoa":{"microcode":99}}`:                         false,
		`{"Genoa":{"snp":22,"microcode":84}}`:                false,
		`{"Turin":{}}`:                                       false,
	} {
		p, err := parseKeyPolicy([]byte(`{"version":1,"machines":{"products":["Genoa"],"measurements":["` + strings.Repeat("ab", 48) + `"],"min_tcb":` + text + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Machines.policy(); (err == nil) != ok || !ok && !errors.Is(err, errUsage) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
