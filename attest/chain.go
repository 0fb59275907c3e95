package attest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-ai/holdfast/internal/dsse"
	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// MaxEpochs bounds a chain. A server that reloads more often starts a new one.
const MaxEpochs = 1024

const documentVersion = 1

// document is the wire form of a chain: what GET /.well-known/holdfast/evidence answers. Exactly one of Fresh and
// {Random, Time} says where the quote's challenge came from.
type document struct {
	Version  int        `json:"version"`
	Role     string     `json:"role"`
	Key      []byte     `json:"key"` // K, SubjectPublicKeyInfo
	Fresh    *Digest    `json:"challenge"`
	Random   *Digest    `json:"random"`
	Time     *time.Time `json:"time"`
	Evidence Evidence   `json:"evidence"`
	Epochs   [][]byte   `json:"epochs"` // DSSE envelopes, epoch 0 first
}

func serveChallenge(random Digest, at time.Time) [32]byte {
	return transcript.New("holdfast/serve-challenge/v1").Bytes(random[:]).Uint64(uint64(at.Unix())).SHA256()
}

// clientChallenge is what a quote over a relying party's challenge is made over. Bare, whoever asks could give that of a server at a time
// of their choice.
func clientChallenge(challenge [32]byte) [32]byte {
	return transcript.New("holdfast/client-challenge/v1").Bytes(challenge[:]).SHA256()
}

// errNoChain is what a zero Chain says.
var errNoChain = fmt.Errorf("%w: not a chain that NewChain made", ErrUnavailable)

// A Chain is the serving side's sequence of epochs under one key and one set of models. The zero value has no evidence. Safe for
// concurrent use.
type Chain struct {
	device Device
	key    *Identity
	clock  func() time.Time
	renew  sync.Mutex // renewals come one after the other, so that none replaces a younger quote

	mu      sync.RWMutex
	doc     document
	first   [32]byte // SHA-256 of the epoch-0 payload
	current Claims
	digest  [32]byte // SHA-256 of the current payload
	encoded []byte
}

// ChainConfig starts a chain. Device, Identity and Claims are required. Epoch and Prev of the claims are set by the chain,
// and Time where it is zero.
type ChainConfig struct {
	Device   Device
	Identity *Identity
	Claims   Claims
	Clock    func() time.Time // default time.Now
}

// NewChain signs the claims as epoch 0 and asks the device for the quote over them. Claim only models that were fully
// released to the engine. Errors: [ErrFormat] for claims that say too little, and those of the device.
func NewChain(ctx context.Context, cfg ChainConfig) (*Chain, error) {
	if cfg.Device == nil || cfg.Identity == nil || cfg.Identity.key == nil {
		return nil, fmt.Errorf("%w: a chain needs a device and an identity", ErrUnavailable)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	c := &Chain{device: cfg.Device, key: cfg.Identity, clock: cfg.Clock}
	cl := cfg.Claims
	cl.Epoch, cl.Prev = 0, nil
	payload, envelope, err := c.sign(&cl)
	if err != nil {
		return nil, err
	}
	c.first = sha256.Sum256(payload)
	c.doc = document{Version: documentVersion, Role: RoleServe, Key: cfg.Identity.spki, Epochs: [][]byte{envelope}}
	c.current, c.digest = cl, c.first
	if err := c.Renew(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Chain) sign(cl *Claims) (payload, envelope []byte, err error) {
	if cl.Time.IsZero() {
		cl.Time = c.clock()
	}
	cl.Time = cl.Time.UTC().Truncate(time.Second)
	if payload, err = cl.marshal(); err != nil {
		return nil, nil, err
	}
	// From here on the claims are what was signed, and share no memory with the caller's.
	if *cl, err = ParseClaims(payload); err != nil {
		return nil, nil, err
	}
	envelope, err = dsse.Sign(c.key, EpochPayloadType, payload)
	return payload, envelope, err
}

// quote asks the device for evidence over the chain's key, its epoch-0 claims and a challenge.
func (c *Chain) quote(ctx context.Context, challenge [32]byte) (Evidence, error) {
	rd := ReportData(RoleServe, challenge, c.key.KeyHash(), nil, c.first)
	ev, err := c.device.Evidence(ctx, rd)
	if err != nil {
		return Evidence{}, err
	}
	return ev, ev.check()
}

// Renew replaces the quote by one of the present time. Epochs stay as they are. Call it before the relying parties'
// MaxAge is over.
func (c *Chain) Renew(ctx context.Context) error {
	if c.key == nil {
		return errNoChain
	}
	c.renew.Lock()
	defer c.renew.Unlock()
	var random Digest
	if _, err := rand.Read(random[:]); err != nil {
		return err
	}
	at := c.clock().UTC().Truncate(time.Second)
	ev, err := c.quote(ctx, serveChallenge(random, at))
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	doc := c.doc
	doc.Random, doc.Time, doc.Evidence = &random, &at, ev
	return c.install(doc)
}

// install encodes and stores doc; c.mu is held.
func (c *Chain) install(doc document) error {
	b, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	if len(b) > MaxDocument { // which no relying party reads
		return fmt.Errorf("%w: document of %d bytes: it is time for a new chain", ErrFormat, len(b))
	}
	c.doc, c.encoded = doc, b
	return nil
}

// Next starts the next epoch: what changed without a new model, such as the guard's policy. The models must be those of
// the chain; another model needs a new chain with a new quote, and so does one of [MaxEpochs], or whose document would be above
// [MaxDocument]: the epoch before stays the current one then. Errors: [ErrFormat].
func (c *Chain) Next(cl Claims) error {
	if c.key == nil {
		return errNoChain
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.doc.Epochs) >= MaxEpochs {
		return fmt.Errorf("%w: chain has %d epochs", ErrFormat, len(c.doc.Epochs))
	}
	if !sameModels(cl.Models, c.current.Models) {
		return fmt.Errorf("%w: other models need a new chain", ErrFormat)
	}
	prev := Digest(c.digest)
	cl.Epoch, cl.Prev = c.current.Epoch+1, &prev
	payload, envelope, err := c.sign(&cl)
	if err != nil {
		return err
	}
	if cl.Time.Before(c.current.Time) {
		return fmt.Errorf("%w: epoch begins before the one it follows", ErrFormat)
	}
	doc := c.doc
	doc.Epochs = append(doc.Epochs[:len(doc.Epochs):len(doc.Epochs)], envelope)
	if err := c.install(doc); err != nil {
		return err
	}
	c.current, c.digest = cl, sha256.Sum256(payload)
	return nil
}

// Document returns the JSON that relying parties verify. The caller must not modify it.
func (c *Chain) Document() []byte {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.encoded
}

// Fresh makes a document whose quote is over the relying party's own challenge. Each call costs a hardware quote: put a
// rate limit before it.
func (c *Chain) Fresh(ctx context.Context, challenge [32]byte) ([]byte, error) {
	if c.key == nil {
		return nil, errNoChain
	}
	ev, err := c.quote(ctx, clientChallenge(challenge))
	if err != nil {
		return nil, err
	}
	c.mu.RLock()
	doc := c.doc
	c.mu.RUnlock()
	d := Digest(challenge)
	doc.Fresh, doc.Random, doc.Time, doc.Evidence = &d, nil, nil, ev
	return json.Marshal(doc)
}

// Identity returns the chain's key, or nil for one that [NewChain] did not make.
func (c *Chain) Identity() *Identity { return c.key }

// ID identifies the chain: SHA-256 of the epoch-0 payload.
func (c *Chain) ID() [32]byte { return c.first }

// Current returns the claims of the current epoch and the SHA-256 of their payload. The caller must not modify what the
// claims point to.
func (c *Chain) Current() (Claims, [32]byte) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.current, c.digest
}
