package channel_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/attesttest"
	"github.com/holdfast-ai/holdfast/attest/channel"
)

// A client that sends nothing before it knows that its own connection ends in an attested machine.
func ExampleTransport() {
	ctx := context.Background()
	vendor, err := attesttest.NewVendor() // a simulated one
	if err != nil {
		fmt.Println(err)
		return
	}
	device, err := vendor.Device(attesttest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := attest.NewIdentity()
	if err != nil {
		fmt.Println(err)
		return
	}
	chain, err := attest.NewChain(ctx, attest.ChainConfig{Device: device, Identity: key, Claims: attest.Claims{
		Config: attest.Digest{7}, Models: []attest.Model{{ModelID: attest.Digest{1}, Name: "harbor-tiny", Version: 7, Loaded: attest.Digest{2}}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	exchange, err := channel.NewServer(chain)
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/.well-known/holdfast/", exchange)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "Good evening.") })
	server := httptest.NewTLSServer(mux)
	defer server.Close()

	policy := attest.Policy{
		Verifiers: []attest.Verifier{vendor.Verifier(attesttest.Options{}.Policy())},
		Configs:   []attest.Digest{{7}}, Models: []attest.ModelPolicy{{Name: "harbor-tiny", MinVersion: 7}}, InsecureAcceptSimulated: true,
	}
	transport, err := channel.NewTransport(channel.Config{
		TLS: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs},
		Verify: func(ctx context.Context, document []byte, challenge *[32]byte) (*attest.Statement, error) {
			return attest.VerifyChain(ctx, document, challenge, policy)
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	response, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	fmt.Println(string(text), err, "from the attested key:", channel.StatementOf(response).KeyHash() == key.KeyHash())
	// Output:
	// Good evening. <nil> from the attested key: true
}
