package keyrelease

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// A Rate lets Burst happen at once and then one more every Every. The zero value stands for the default.
type Rate struct {
	Every time.Duration
	Burst int
}

// Defaults of [ServerConfig]: a release takes two requests, and a hundred machines behind one address may start together.
const (
	defaultAddressEvery = 50 * time.Millisecond
	defaultAddressBurst = 256
	// One machine is the host of many guests, each of which loads a few models when it starts.
	defaultMachineEvery = time.Second
	defaultMachineBurst = 64
)

func (r Rate) or(every time.Duration, burst int) (Rate, error) {
	if r == (Rate{}) {
		return Rate{every, burst}, nil
	}
	if r.Every <= 0 || r.Burst < 1 {
		return r, fmt.Errorf("%w: %d at once and one every %v", ErrConfig, r.Burst, r.Every)
	}
	return r, nil
}

// maxBuckets bounds the memory of a limiter: addresses are the attacker's to choose. The ones past it share a bucket.
const maxBuckets = 1 << 16

// limiter is one token bucket for each key.
type limiter struct {
	rate Rate
	most int // buckets

	mu      sync.Mutex
	buckets map[string]bucket
	swept   time.Time
}

type bucket struct {
	full   time.Time // when it will be full again
	turned bool      // the last request was turned away
}

func newLimiter(r Rate) *limiter {
	return &limiter{rate: r, most: maxBuckets, buckets: map[string]bucket{}}
}

// allow takes one token of a key, or says how long it takes until there is one, and whether this is the first request that
// was turned away since one was not.
func (l *limiter) allow(key string, now time.Time) (wait time.Duration, first, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.buckets[key]; !known && len(l.buckets) >= l.most {
		l.sweep(now)
		if len(l.buckets) >= l.most {
			key = "" // the shared one, which no key is called
		}
	}
	b := l.buckets[key]
	if b.full.Before(now) {
		b.full = now
	}
	over := b.full.Add(l.rate.Every).Sub(now) - time.Duration(l.rate.Burst)*l.rate.Every
	ok, first = over <= 0, over > 0 && !b.turned
	b.turned = !ok
	if ok {
		b.full = b.full.Add(l.rate.Every)
	}
	l.buckets[key] = b
	return over, first, ok
}

// sweep forgets the buckets that are full, which is what an unknown key has. It looks through them once a second at most,
// so that a flood of keys does not pay for a sweep each.
func (l *limiter) sweep(now time.Time) {
	if now.Sub(l.swept).Abs() < time.Second {
		return
	}
	l.swept = now
	for key, b := range l.buckets {
		if !b.full.After(now) {
			delete(l.buckets, key)
		}
	}
}

// remote is what requests of one peer have in common: an IPv4 address or the /64 of an IPv6 one, whose owner has all of it.
func remote(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return "unknown"
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return "unknown"
	}
	return p.String()
}
