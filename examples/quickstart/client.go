package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/channel"
)

// attested returns an HTTP client whose requests only leave on connections that end in a machine policy accepts.
func attested(s *host, policy attest.Policy) (*http.Client, *channel.Transport, error) {
	t, err := channel.NewTransport(channel.Config{
		TLS: s.clientTLS(),
		Verify: func(ctx context.Context, doc []byte, challenge *[32]byte) (*attest.Statement, error) {
			return attest.VerifyChain(ctx, doc, challenge, policy)
		},
	})
	if err != nil {
		return nil, nil, err
	}
	return &http.Client{Transport: t}, t, nil
}

// relyingParty is the client's policy: which machines, models and configuration it accepts.
func (d *demo) relyingParty() attest.Policy {
	return attest.Policy{
		Verifiers:               []attest.Verifier{d.vendor.Verifier(d.machine.Policy())},
		Models:                  []attest.ModelPolicy{{ModelID: d.release.id, Name: d.release.name, MinVersion: d.release.version}},
		Configs:                 []attest.Digest{d.config},
		InsecureAcceptSimulated: true, // this demonstration has no TEE
	}
}

// checkBillOfMaterials fetches the bill of materials on an attested connection and holds it against the claims.
func checkBillOfMaterials(ctx context.Context, c *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+holdfast.PathMBOM, nil)
	if err != nil {
		return err
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return err
	}
	claimed := channel.StatementOf(res).Claims.Models[0].MBOM
	if claimed == nil || sha256.Sum256(data) != *claimed {
		return fmt.Errorf("the bill of materials is not the one in the claims")
	}
	return nil
}

// clip16 shows the beginning of a digest.
func clip16(d attest.Digest) string { return d.String()[:16] + "…" }

// indent puts an answer under its heading.
func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ")
}
