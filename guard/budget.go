package guard

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/holdfast-ai/holdfast/guard/limit"
)

// subject says whose budgets a request is charged to. Names are hashed before they are kept. The route is the policy's: by
// the path a caller would have a budget for each name of a model that it makes up, and fill the store with them.
func (g *Guard) subject(r *Request, route string, key [32]byte) limit.Subject {
	s := limit.Subject{Key: string(key[:]), Route: r.Method + " " + route}
	if r.Tenant != "" {
		tenant := g.hash("tenant:" + r.Tenant)
		s.Tenant = string(tenant[:])
	}
	return s
}

// caller names who sends the request: by [WithCaller], else who was authenticated, else the host of the connection.
func (t *Transaction) caller(r *Request) string {
	switch {
	case t.g.caller != nil:
		return t.g.caller(r)
	case r.Caller != "":
		return "caller:" + r.Caller
	}
	return remoteHost(r, t.pol.Limits.IPv6Prefix)
}

// reserve takes what the request may use at most off all budgets.
func (t *Transaction) reserve(in, out int64) *Rejection {
	price, rej := t.price()
	if rej != nil {
		return rej
	}
	b, err := t.pol.limiter.Reserve(t.ctx, t.subject, limit.Use{Tokens: in + out, Cost: price.Cost(in, out)})
	if err != nil {
		return exhausted(err)
	}
	t.budgets = b
	l := t.pol.Limits
	until, err := t.g.store.Reserve(t.ctx, t.subject.Key, in+out, limit.Budget{
		Tokens: l.KeyTokens, Window: time.Duration(l.KeyWindowSeconds) * time.Second,
	})
	if err != nil {
		if cancelErr := b.Cancel(t.ctx); cancelErr != nil {
			t.unsettled()
		}
		return exhausted(err)
	}
	t.reserved, t.granted, t.until = in+out, out, until
	return nil
}

// price finds what tokens of the model cost. A model without a price is refused where a budget counts cost.
func (t *Transaction) price() (limit.Price, *Rejection) {
	p, ok := t.pol.Prices[t.st.request.Params.Model]
	if !ok {
		p, ok = t.pol.Prices["*"]
	}
	if !ok && t.pol.counts(limit.Cost) {
		return p, refuse("model", "has no price")
	}
	return p, nil
}

func (p *pinned) counts(u limit.Unit) bool {
	for _, r := range p.Budgets {
		if r.Unit == u {
			return true
		}
	}
	return false
}

func exhausted(err error) *Rejection {
	if x, ok := errors.AsType[*limit.ExhaustedError](err); ok {
		return &Rejection{Code: CodeLimit, Status: http.StatusTooManyRequests, RetryAfter: x.RetryAfter, Err: err}
	}
	return internal(err)
}

// moreTokens is how many tokens an answer may be beyond what is taken off the budgets: a store may be far away.
const moreTokens = 64

// more takes what a stream has generated beyond its reservation, or ends it: not all servers know every bound that a request can set, and without one some
// go on for ever.
func (t *Transaction) more() *Rejection {
	n := t.output() - t.granted
	if n < moreTokens || t.reserved == 0 {
		return nil
	}
	t.granted += n
	price, _ := t.price()
	if err := t.budgets.More(t.ctx, limit.Use{Tokens: n, Cost: price.Cost(0, n)}); err != nil {
		return exhausted(err)
	}
	l := t.pol.Limits
	if _, err := t.g.store.Reserve(t.ctx, t.subject.Key, n, limit.Budget{Tokens: l.KeyTokens, Window: time.Duration(l.KeyWindowSeconds) * time.Second}); err != nil {
		return exhausted(err)
	}
	t.taken += n
	return nil
}

// longWait is from when on a proxy that does not get an answer has waited for one: no connection takes as long to be made, or refused.
const longWait = time.Minute

// known reports whether the answer tells what was used. Of one that nobody waited for, or that was refused before its usage was read, nobody knows.
func (t *Transaction) known() bool {
	switch {
	case t.reported > 0:
		return true
	case t.stream: // its text does, unless much of what is generated is not in it
		p := &t.st.request.Params
		return !p.IgnoreEOS && !p.OmitReasoning
	case t.phase < responding:
		return false
	case t.gaveUp || !t.ok && t.denied == nil && t.ctx.Err() != nil: // what a proxy says in the place of an answer for which it, or the caller, waits no more
		return false
	case !t.ok:
		return true
	}
	return t.phase == ended && t.denied == nil && (len(t.st.body) > 0 || t.ctx.Err() == nil) // else the engine gave up
}

// settle gives back what was reserved and not used, or takes what was used beyond. A request used what it might where nobody knows what it used.
func (t *Transaction) settle() {
	if t.reserved == 0 {
		_ = t.budgets.Cancel(context.WithoutCancel(t.ctx)) // where a store failed half-way
		return
	}
	in, out := t.sum.Input, t.sum.Output
	if !t.known() {
		out = max(out, t.reserved-in)
	}
	in = max(in, t.prompted) // templates, images, and a tokenizer of its own: what a server says is more than an estimate
	t.sum.Input = in
	ctx := context.WithoutCancel(t.ctx)
	price, _ := t.price()
	if t.budgets.Settle(ctx, limit.Use{Tokens: in + out, Cost: price.Cost(in, out)}) != nil ||
		t.g.store.Return(ctx, t.subject.Key, t.reserved+t.taken-in-out, t.until) != nil {
		t.unsettled() // the reservation stays: on the safe side
	}
	t.reserved = 0
}

func (t *Transaction) unsettled() {
	t.g.log.LogAttrs(t.ctx, slog.LevelError, "guard: budget not settled")
}
