package sign

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"
)

// WithCosigners gives the bundles of further signers, for a policy that asks for several ([Policy].Signers). Default: the
// files in [Dir] of the source whose names end in ".sig", up to 15 in the order of their names. A bundle that does not count is passed over.
func WithCosigners(bundles ...[]byte) Option {
	return func(o *options) { o.cosigners = append([][]byte{}, bundles...) }
}

// WithDenyList gives a signed deny list ([SignDenyList]), for a policy with DenyListKeys.
func WithDenyList(envelope []byte) Option { return func(o *options) { o.denyList = envelope } }

// WithOnDenied has f called, once, when [Model.UpdateDenyList] denies a model that is open: the time to drain what serves
// it. The error unwraps to [ErrDenied].
func WithOnDenied(f func(error)) Option { return func(o *options) { o.onDenied = f } }

// evaluate runs every check of [Open] and lists them.
func evaluate(ctx context.Context, src fs.FS, p Policy, opts []Option) (*Model, *checks, error) {
	c := new(checks)
	if err := p.validate(); err != nil {
		c.add("policy", "a complete policy", err.Error(), err)
		return nil, c, err
	}
	m := newModel(src, p, opts)
	now, err := m.now()
	if err != nil {
		c.add("policy", "a time to judge at", "none", err)
		return nil, c, err
	}
	digest := p.Digest()
	c.add("policy", "a complete policy", hex.EncodeToString(digest[:]), nil)
	deny, err := p.denyList(m.opts.denyList, 0, now)
	switch {
	case err != nil:
		c.add("deny_list", "a deny list in force", err.Error(), err)
	case deny == nil:
		c.skip("deny_list", "none", "none")
	default:
		c.add("deny_list", "a deny list in force", "number "+strconv.FormatUint(deny.number, 10), nil)
	}
	m.deny = deny
	list, err := m.candidates(ctx, p.need())
	if err != nil {
		return nil, c, err
	}
	lead, err := m.trust(ctx, c, list, deny, now)
	if err != nil {
		return nil, c, err
	}
	if lead == nil {
		for _, code := range []string{"deny", "model_id", "name", "min_version"} {
			c.skip(code, "a trusted signature", "none")
		}
		return nil, c, c.err()
	}
	m.man = lead.man
	if m.man.AllowSymlinks {
		m.src = follow{m.src}
	}
	if err := deny.model(m.man); deny == nil {
		c.skip("deny", "none", "no deny list")
	} else if err != nil {
		c.add("deny", "nothing denied", err.Error(), err)
	} else {
		c.add("deny", "nothing denied", "nothing", nil)
	}
	var card *card
	if err = m.index(); err == nil {
		card, err = m.readCard(ctx)
	}
	if err == nil {
		m.judgeModel(c, p, card)
	}
	if refused := c.err(); refused != nil && !p.InsecureWarnOnly {
		return nil, c, refused
	}
	if err != nil {
		return nil, c, err
	}
	m.identify(card)
	m.checks = c.lines
	return m, c, nil
}

// now is the time by the clock. One that gives none would leave every list in force and every key in its window.
func (m *Model) now() (time.Time, error) {
	var now time.Time
	if m.opts.clock != nil {
		now = m.opts.clock()
	}
	if now.IsZero() {
		return now, &PolicyError{"Clock", "a time", "none", ErrPolicy}
	}
	return now, nil
}

// identify fills in what was verified.
func (m *Model) identify(card *card) {
	m.id = Identity{ModelID: m.man.ModelID(), RootDigest: m.man.Root}
	if len(m.signers) > 0 {
		m.id.Method, m.id.KeyFingerprint = m.signers[0].Method, m.signers[0].KeyFingerprint
	}
	if card != nil {
		m.id.Name, m.id.Version = card.Name, card.version()
	}
}

// UpdateDenyList holds an open model against a newer deny list, which must be signed as the policy says and not older than the one
// before. Where it denies the model, one of its files, or so many signers that too few are left, it returns the reason, and from
// then on every way out of the Model does; files that were opened before stay readable. See [WithOnDenied].
//
// Errors: [ErrDenied]; [ErrPolicy], [ErrVersion] and [ErrFormat] for a list that is not accepted, after which the one before
// stays in force.
func (m *Model) UpdateDenyList(envelope []byte) error {
	tell, err := m.updateDenyList(envelope)
	if tell != nil { // not under the lock: it may well ask the model something
		tell(err)
	}
	return err
}

// updateDenyList also returns whom to tell of a denial, if that was not done before.
func (m *Model) updateDenyList(envelope []byte) (tell func(error), err error) {
	m.denyMu.Lock()
	defer m.denyMu.Unlock()
	floor := uint64(0)
	if m.deny != nil {
		floor = m.deny.number
	}
	now, err := m.now()
	if err != nil {
		return nil, err
	}
	l, err := m.policy.denyList(envelope, floor, now)
	if err != nil {
		return nil, err
	}
	if l == nil {
		return nil, &PolicyError{"DenyListKeys", "keys for deny lists", "none", ErrPolicy}
	}
	if m.deny != nil && l.number == floor && l.digest != m.deny.digest {
		return nil, &PolicyError{"DenyList", "one list for each number", "two of number " + strconv.FormatUint(floor, 10), ErrPolicy}
	}
	m.deny = l
	err = l.model(m.man)
	var left []Signer
	for _, s := range m.signers {
		if bad := l.signer(&s); bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		left = append(left, s)
	}
	if l.model(m.man) == nil && distinct(left) >= m.policy.need() {
		return nil, nil
	}
	if err == nil { // a policy that only warns may have had too few signers before
		return nil, nil
	}
	if m.denied.Load() == nil && !m.policy.InsecureWarnOnly {
		m.denied.Store(&err)
	}
	tell, m.opts.onDenied = m.opts.onDenied, nil
	return tell, err
}

// notDenied fails once a deny list has denied the model.
func (m *Model) notDenied() error {
	if err := m.denied.Load(); err != nil {
		return fmt.Errorf("sign: model was denied after it was opened: %w", *err)
	}
	return nil
}

// encodeJSON writes v as JSON without escapes for HTML.
func encodeJSON(buf *bytes.Buffer, v any) error {
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
