package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/attesttest"
	"github.com/holdfast-ai/holdfast/attest/channel"
	"github.com/holdfast-ai/holdfast/attest/receipt"
)

// play runs the main job once: release, serve, ask, check.
func (d *demo) play(ctx context.Context, addr string) error {
	say := d.report.say
	say("publisher   %s version %d: inventoried, signed, sealed\n            model id %s", d.release.name, d.release.version, clip16(d.release.id))

	vendor, err := attesttest.NewVendor()
	if err != nil {
		return err
	}
	d.vendor = vendor
	rand.Read(d.machine.Measurement[:])
	device, err := vendor.Device(d.machine)
	if err != nil {
		return err
	}
	d.device = device
	say("machine     *** SIMULATED TEE: no hardware stands behind the evidence below ***")

	if d.config, err = d.digest(); err != nil {
		return err
	}
	d.keys, err = startKeyServer(d.release, attest.Policy{
		Verifiers:               []attest.Verifier{vendor.Verifier(d.machine.Policy())},
		InsecureAcceptSimulated: true,
	}, d.config)
	if err != nil {
		return err
	}
	say("key server  %s, releases to measurement %x… under configuration %s", d.keys.url, d.machine.Measurement[:8], clip16(d.config))

	if addr == "" {
		addr = "127.0.0.1:0"
	}
	if d.server, err = d.start(ctx, addr); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	say("server      %s: key released, weights decrypted, verified and scanned in one pass, engine loaded", d.server.url)
	return d.converse(ctx)
}

// start opens the sealed release on the attested machine and serves it.
func (d *demo) start(ctx context.Context, addr string) (*server, error) {
	cfg := d.policy
	cfg.Platform = d.device
	cfg.Key = d.keys.guest(d.device, d.config)
	return startServer(ctx, cfg, d.release.sealed, addr)
}

// digest is the digest of what the operator configured.
func (d *demo) digest() (attest.Digest, error) {
	sum, err := d.policy.Digest()
	return attest.Digest(sum), err
}

// converse streams one answer over an attested connection and checks that everything belongs together.
func (d *demo) converse(ctx context.Context) error {
	say := d.report.say
	client, transport, err := attested(d.server.host, d.relyingParty())
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()

	body := chatBody(d.release.name, true, conversation...)
	var salt [32]byte
	rand.Read(salt[:])
	res, err := post(ctx, client, d.server.url, body, http.Header{receipt.HeaderSalt: {hex.EncodeToString(salt[:])}})
	if err != nil {
		return fmt.Errorf("chat: %w", err)
	}
	defer res.Body.Close()
	var raw strings.Builder
	answer, n, err := events(io.TeeReader(res.Body, &raw), func(string) {})
	if err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	if _, err := io.Copy(&raw, res.Body); err != nil { // trailers come after the last byte
		return err
	}
	say("client      %q\n            on a connection that ends in the attested machine; the answer came in %d events:\n%s",
		conversation[1].Content, n, indent(answer))

	st := channel.StatementOf(res)
	if st == nil {
		return errors.New("the connection has no verified statement")
	}
	m := st.Claims.Models[0]
	if m.ModelID != attest.Digest(d.release.id) || st.Claims.Config != d.config {
		return errors.New("the claims are about another model or configuration")
	}
	if err := d.checkReceipt(ctx, client, res, st, salt, body, []byte(raw.String())); err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	if err := checkBillOfMaterials(ctx, client, d.server.url); err != nil {
		return err
	}
	say("            checked together: TLS exporter, evidence, epoch %d, model %s, MBOM %s, guard %s, receipt",
		st.Claims.Epoch, clip16(m.ModelID), clip16(*m.MBOM), clip16(*st.Claims.GuardPolicy))
	return nil
}

// checkReceipt fetches the receipt of an answer and holds it against the bytes that went over the wire.
func (d *demo) checkReceipt(ctx context.Context, c *http.Client, res *http.Response, st *attest.Statement, salt [32]byte, request, response []byte) error {
	id := res.Trailer.Get(receipt.HeaderID)
	if id == "" {
		return errors.New("the answer has none")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.server.url+receipt.PathPrefix+id, nil)
	if err != nil {
		return err
	}
	got, err := c.Do(req)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	env, err := io.ReadAll(io.LimitReader(got.Body, 1<<16))
	if err != nil {
		return err
	}
	r, err := receipt.Verify(st.Key(), st.Chain, env)
	if err != nil {
		return err
	}
	if r.ModelID != st.Claims.Models[0].ModelID {
		return errors.New("it names another model")
	}
	return r.Covers(salt, request, response)
}
