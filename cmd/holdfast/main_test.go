package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/holdfast-ai/holdfast/sign/bundle"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"holdfast": main})
}

func TestScripts(t *testing.T) {
	g := new(guests)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[daemonKey{}] = new(daemon)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"model": cmdModel, "code": cmdCode, "certs": cmdCerts, "onejson": cmdOneJSON, "flip": cmdFlip,
			"big": cmdBig, "interrupted": cmdInterrupted, "mode": cmdMode, "escape": cmdEscape,
			"keypolicy": g.keypolicy, "attestation": g.attestation, "release": g.release, "daemon": cmdDaemon, "end": cmdEnd,
			"edit": cmdEdit, "hup": cmdHUP, "policy": cmdPolicy, "sameid": cmdSameID, "servercert": cmdServerCert, "store": cmdStore,
			"denypolicy": cmdDenyPolicy, "denymodel": cmdDenyModel, "samedigest": cmdSameDigest,
			"upstream": cmdUpstream, "ask": cmdAsk,
		},
	})
}

// model DIR VERSION writes a small model.
func cmdModel(ts *testscript.TestScript, _ bool, args []string) {
	header := []byte(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`)
	weights := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	weights = append(weights, make([]byte, 8)...)
	dir := ts.MkAbs(args[0])
	for name, data := range map[string][]byte{
		"holdfast.json":     []byte(`{"name":"tiny","version":` + args[1] + `}`),
		"config.json":       []byte(`{"architectures":["LlamaForCausalLM"],"model_type":"llama"}`),
		"model.safetensors": weights,
		"README.md":         []byte("---\nlicense: apache-2.0\n---\n# Tiny\n"),
		"sub/notes.txt":     []byte("notes\n"),
	} {
		name = filepath.Join(dir, name)
		ts.Check(os.MkdirAll(filepath.Dir(name), 0o755))
		ts.Check(os.WriteFile(name, data, 0o644))
	}
}

// code N COMMAND… runs a command that must exit with N and not hang. Its output is in the files out and err.
func cmdCode(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := err.(*exec.ExitError); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%v exits with %d, want %d", args[1:], got, want)
	}
}

// certs DIR makes ca.pem, leaf.pem (for release@example.org) and leaf.key.
func cmdCerts(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	write := func(name string, data []byte) { ts.Check(os.WriteFile(filepath.Join(dir, name), data, 0o600)) }
	ca, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	leaf, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	end := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "release"}, EmailAddresses: []string{"release@example.org"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		NotBefore: root.NotBefore, NotAfter: root.NotAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, ca.Public(), ca)
	ts.Check(err)
	write("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	der, err = x509.CreateCertificate(rand.Reader, end, root, leaf.Public(), ca)
	ts.Check(err)
	write("leaf.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	text, err := bundle.MarshalPrivateKey(leaf)
	ts.Check(err)
	write("leaf.key", text)
}

// onejson FIELD [VALUE]: the last stdout is exactly one JSON document that has FIELD, as VALUE.
func cmdOneJSON(ts *testscript.TestScript, _ bool, args []string) {
	dec := json.NewDecoder(bytes.NewReader([]byte(ts.ReadFile("stdout"))))
	var doc map[string]any
	ts.Check(dec.Decode(&doc))
	if err := dec.Decode(new(any)); err != io.EOF {
		ts.Fatalf("more than one document on stdout (%v)", err)
	}
	v, ok := doc[args[0]]
	text, err := json.Marshal(v)
	ts.Check(err)
	if !ok || len(args) > 1 && string(text) != args[1] {
		ts.Fatalf("field %s is %s", args[0], text)
	}
}

// flip FILE changes the last byte of a file.
func cmdFlip(ts *testscript.TestScript, _ bool, args []string) {
	data := []byte(ts.ReadFile(args[0]))
	data[len(data)-1] ^= 1
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o644))
}

// big FILE SIZE sets the size of a file, cutting it or adding a hole.
func cmdBig(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY|os.O_CREATE, 0o644)
	ts.Check(err)
	ts.Check(f.Truncate(n))
	ts.Check(f.Close())
}

// mode FILE OCTAL compares permissions.
func cmdMode(ts *testscript.TestScript, _ bool, args []string) {
	fi, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := strconv.FormatInt(int64(fi.Mode().Perm()), 8); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}

// escape DIR adds a file whose name clears a terminal and forges a line.
func cmdEscape(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), "evil\x1b[2J\nverified"), nil, 0o644))
}
