package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/attesttest"
	"github.com/holdfast-ai/holdfast/attest/channel"
	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
)

// machineAttacks are faults in what asks for the key or pretends to be the server.
func (d *demo) machineAttacks(ctx context.Context) []attack {
	return []attack{
		d.releaseAttack(ctx, "replayed evidence", keyrelease.CodeEvidence, &replayer{device: d.device}, d.config),
		d.relayedEvidence(ctx),
		d.debugMachine(ctx),
		d.releaseAttack(ctx, "changed configuration", keyrelease.CodeConfig, d.device, weaker(d.config)),
	}
}

// asType is [errors.AsType] under a name that reads well in an expectation.
func asType[E error](err error) (E, bool) { return errors.AsType[E](err) }

// releaseAttack asks the key server for the keyset from a machine with one fault; the twin is the operator's machine.
func (d *demo) releaseAttack(ctx context.Context, name string, code keyrelease.Code, device attest.Device, config attest.Digest) attack {
	ask := func(device attest.Device, config attest.Digest) error {
		_, err := d.keys.guest(device, config).Keyset(ctx, d.release.info, nil)
		return err
	}
	return attack{
		name: name, link: "crypto/keyrelease", expected: "keyrelease.ErrDenied (" + string(code) + ")",
		is: func(err error) bool {
			e, ok := asType[*keyrelease.DeniedError](err)
			return ok && e.Code == code
		},
		run: func() error {
			if r, ok := device.(*replayer); ok {
				if err := ask(r, config); err != nil { // records evidence that is accepted once
					return errors.Join(errors.New("recording failed"), err)
				}
			}
			return ask(device, config)
		},
		twin: func() error { return ask(d.device, d.config) },
	}
}

// A replayer shows the first evidence that its machine made again and again.
type replayer struct {
	device attest.Device
	once   sync.Once
	first  attest.Evidence
	err    error
}

func (r *replayer) Evidence(ctx context.Context, reportData [64]byte) (attest.Evidence, error) {
	r.once.Do(func() { r.first, r.err = r.device.Evidence(ctx, reportData) })
	return r.first, r.err
}

// weaker is the digest of some other configuration than the one the key server knows.
func weaker(d attest.Digest) attest.Digest {
	d[0] ^= 1
	return d
}

// relayedEvidence puts a proxy that ends TLS between client and server: it passes on the server's genuine evidence.
func (d *demo) relayedEvidence(ctx context.Context) attack {
	return attack{
		name: "relayed evidence on another connection", link: "attest/channel", expected: "channel.ErrBinding", is: is(channel.ErrBinding),
		run: func() error {
			relay, err := startRelay(d.server.host)
			if err != nil {
				return err
			}
			defer relay.close()
			return d.askAttested(ctx, relay, d.relyingParty())
		},
		twin: func() error { return d.askAttested(ctx, d.server.host, d.relyingParty()) },
	}
}

// startRelay serves everything that target serves, under a certificate that the client trusts as well.
func startRelay(target *host) (*host, error) {
	to, err := url.Parse(target.url)
	if err != nil {
		return nil, err
	}
	h, ln, err := newHost("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.Transport = &http.Transport{TLSClientConfig: target.clientTLS()}
	h.serve(ln, proxy)
	return h, nil
}

// debugMachine serves from a machine whose memory the host may read: the plain release, since no key server would help it.
func (d *demo) debugMachine(ctx context.Context) attack {
	serve := func(o attesttest.Options) error {
		device, err := d.vendor.Device(o)
		if err != nil {
			return err
		}
		cfg := d.policy
		cfg.Platform = device
		s, err := startServer(ctx, cfg, d.release.plain, "127.0.0.1:0")
		if err != nil {
			return errors.Join(errors.New("the server did not start"), err)
		}
		defer s.close()
		return d.askAttested(ctx, s.host, d.relyingParty())
	}
	debug := d.machine
	debug.Debug = true
	return attack{
		name: "debug TEE", link: "attest", expected: "attest.ErrPolicy (snp.debug)",
		is: func(err error) bool {
			e, ok := asType[*attest.PolicyError](err)
			return ok && e.Field == "snp.debug"
		},
		run:  func() error { return serve(debug) },
		twin: func() error { return serve(d.machine) },
	}
}

// askAttested asks one question over connections that policy accepts.
func (d *demo) askAttested(ctx context.Context, h *host, policy attest.Policy) error {
	client, transport, err := attested(h, policy)
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	_, err = ask(ctx, client, h.url, chatBody(d.release.name, false, conversation...))
	return err
}
