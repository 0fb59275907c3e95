//go:build interop

package interop

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// published is a copy of the repository's model, inventoried, signed and sealed by the command line.
type published struct {
	bin, public, kek, plain, sealed string
	cert, key                       string // of the server
}

func publishModel(t *testing.T) published {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	p := published{holdfast(t), at("model.pub"), at("serving.kek"), at("model"), at("model.sealed"), at("tls.pem"), at("tls.key")}
	if err := os.CopyFS(p.plain, os.DirFS(filepath.Join(testkit.Root(t), "models", "harbor-tiny"))); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"keygen", "signing", "--private-key", at("model.key"), "--public-key", p.public},
		{"keygen", "kek", "--out", p.kek},
		{"mbom", p.plain},
		{"sign", "key", "--private-key", at("model.key"), p.plain},
		{"seal", "--kek", p.kek, "--out", p.sealed, p.plain},
	} {
		if out, err := exec.Command(p.bin, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args[:2], " "), err, out)
		}
	}
	p.certificate(t)
	return p
}

// certificate makes a certificate for loopback that is its own authority.
func (p published) certificate(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "holdfast interop"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{p.cert: {Type: "CERTIFICATE", Bytes: der}, p.key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// serve runs holdfast serve until the test ends and returns its URL.
func (p published) serve(t *testing.T, args ...string) string {
	t.Helper()
	args = append([]string{"serve", "--json", "--public-key", p.public, "--name", "harbor-tiny", "--addr", "127.0.0.1:0",
		"--tls-cert", p.cert, "--tls-key", p.key}, args...)
	cmd := exec.Command(p.bin, args...)
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("holdfast serve: %v\n%s", err, log.String())
		}
	})
	var at struct{ URL string }
	if err := json.NewDecoder(out).Decode(&at); err != nil || !strings.HasPrefix(at.URL, "https://127.0.0.1:") {
		t.Fatalf("holdfast serve: %v %+v", err, at)
	}
	return at.URL
}

const chat = `{"model":"harbor-tiny","stream":true,"max_tokens":64,"temperature":0,"messages":[{"role":"user","content":"Hello."}]}`

// curl asks for a stream; it is required, as every machine that people serve on has it.
func curl(t *testing.T, ca, url string) *exec.Cmd {
	t.Helper()
	bin, err := exec.LookPath("curl")
	if err != nil {
		t.Fatalf("curl is needed (apt-get install curl): %v", err)
	}
	return exec.Command(bin, "-q", "-sS", "-N", "--fail-with-body", "--noproxy", "*", "--max-time", "60", "--cacert", ca,
		"-H", "Content-Type: application/json", "-d", chat, url+"/v1/chat/completions")
}

// TestServe has the official OpenAI client and curl chat, over TLS, with a sealed model that the command line serves.
func TestServe(t *testing.T) {
	p := publishModel(t)
	url := p.serve(t, "--kek", p.kek, p.sealed)
	t.Run("openai", func(t *testing.T) {
		out, err := exec.Command(openAIPython(t), "openai_client.py", url+"/v1", "--ca", p.cert).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var seen struct {
			Model  string `json:"model"`
			Pieces int    `json:"pieces"`
		}
		if err := json.Unmarshal(out, &seen); err != nil || seen.Model != "harbor-tiny" || seen.Pieces < 2 {
			t.Errorf("%v %s", err, out)
		}
		t.Logf("%s", out)
	})
	t.Run("curl", func(t *testing.T) {
		out, err := curl(t, p.cert, url).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if n := bytes.Count(out, []byte("data: {")); n < 3 || !bytes.HasSuffix(bytes.TrimSpace(out), []byte("data: [DONE]")) {
			t.Errorf("%d events:\n%s", n, out)
		}
	})
	t.Run("without the authority", func(t *testing.T) { // the twin: TLS is real
		other := p.recertified(t)
		if out, err := curl(t, other.cert, url).CombinedOutput(); err == nil {
			t.Errorf("curl trusts another authority:\n%s", out)
		}
	})
}

// recertified is p with another certificate.
func (p published) recertified(t *testing.T) published {
	t.Helper()
	dir := t.TempDir()
	p.cert, p.key = filepath.Join(dir, "tls.pem"), filepath.Join(dir, "tls.key")
	p.certificate(t)
	return p
}

// stepping is an upstream that sends one event and then waits until the client has shown it: with anything that gathers
// events on the way, nobody would go on.
type stepping struct {
	shown chan struct{}
}

const (
	steps    = 5
	patience = 5 * time.Second // with which either side waits for the other
)

func (s *stepping) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
	rc := http.NewResponseController(w)
	event := func(delta, finish string) {
		fmt.Fprintf(w, `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"harbor-tiny","choices":[{"index":0,"delta":%s,"finish_reason":%s}]}`+"\n\n", delta, finish)
		rc.Flush()
	}
	for i := range steps {
		event(fmt.Sprintf(`{"role":"assistant","content":"piece %d. "}`, i), "null")
		select {
		case <-s.shown:
		case <-r.Context().Done():
			return
		case <-time.After(patience):
			return
		}
	}
	event("{}", `"stop"`)
	fmt.Fprint(w, "data: [DONE]\n\n")
}

// openAIStream prints each piece of a streamed answer as it arrives.
const openAIStream = `
import ssl, sys, openai
url, ca = sys.argv[1:]
http = openai.DefaultHttpxClient(verify=ssl.create_default_context(cafile=ca), trust_env=False)
client = openai.OpenAI(base_url=url + "/v1", api_key="none", http_client=http, max_retries=0, timeout=60)
ask = {"model": "harbor-tiny", "messages": [{"role": "user", "content": "Hello."}], "stream": True}
for chunk in client.chat.completions.create(**ask):
    for choice in chunk.choices:
        if choice.delta.content:
            print(choice.delta.content, flush=True)
print("end", flush=True)
`

// TestServeDoesNotBuffer shows that each event reaches the client before the next is made, through guard, proxy and TLS.
func TestServeDoesNotBuffer(t *testing.T) {
	p := publishModel(t)
	upstream := &stepping{shown: make(chan struct{})}
	s := httptest.NewServer(upstream)
	defer s.Close()
	url := p.serve(t, "--upstream", s.URL, p.plain)
	for name, cmd := range map[string]*exec.Cmd{
		"openai": exec.Command(openAIPython(t), "-c", openAIStream, url, p.cert),
		"curl":   curl(t, p.cert, url),
	} {
		t.Run(name, func(t *testing.T) {
			var failed bytes.Buffer
			cmd.Stderr = &failed
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			seen, last := 0, ""
			for sc := bufio.NewScanner(out); sc.Scan(); {
				if strings.TrimSpace(sc.Text()) != "" {
					last = sc.Text()
				}
				if !strings.Contains(sc.Text(), fmt.Sprintf("piece %d.", seen)) {
					continue
				}
				seen++
				select {
				case upstream.shown <- struct{}{}:
				case <-time.After(patience):
					cmd.Process.Kill()
					t.Errorf("piece %d came after the upstream had ended: something gathers events", seen-1)
				}
				if t.Failed() {
					break
				}
			}
			if err := cmd.Wait(); err != nil || seen != steps || last != "end" && last != "data: [DONE]" {
				t.Errorf("%v: %d pieces one by one, then %q\n%s", err, seen, last, failed.String())
			}
		})
	}
}
