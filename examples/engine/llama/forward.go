package llama

import (
	"errors"
	"fmt"
	"math"
)

// ErrContext means that a sequence does not fit the session's capacity.
var ErrContext = errors.New("llama: context is full")

// ErrToken means a token id outside the vocabulary.
var ErrToken = errors.New("llama: token outside the vocabulary")

// A Session is one sequence over a model. It is not safe for concurrent use.
type Session struct {
	m        *Model
	pos, cap int
	k, v     []float32 // [layers][cap][kvHeads*headDim]
	freq     []float64 // [headDim/2]
	cos, sin []float32 // [headDim/2] of the present position

	x, norm, out  []float32 // [hidden]
	q, att        []float32 // [heads*headDim]
	gate, up      []float32 // [ffn]
	score, logits []float32 // [cap], [vocab]
}

// NewSession makes a session for at most tokens positions, which [Config.Context] bounds. Its memory is
// 8*layers*tokens*kvHeads*headDim bytes. Errors: [ErrContext].
func (m *Model) NewSession(tokens int) (*Session, error) {
	if tokens < 1 || tokens > m.Context {
		return nil, fmt.Errorf("%w: %d positions of %d", ErrContext, tokens, m.Context)
	}
	width := m.Heads * m.HeadDim
	cache := m.Layers * tokens * m.KVHeads * m.HeadDim
	f := func(n int) []float32 { return make([]float32, n) }
	s := &Session{m: m, cap: tokens, k: f(cache), v: f(cache), freq: make([]float64, m.HeadDim/2), cos: f(m.HeadDim / 2), sin: f(m.HeadDim / 2),
		x: f(m.Hidden), norm: f(m.Hidden), out: f(m.Hidden), q: f(width), att: f(width), gate: f(m.FFN), up: f(m.FFN), score: f(tokens), logits: f(m.Vocab)}
	for i := range s.freq {
		s.freq[i] = math.Pow(m.Theta, -2*float64(i)/float64(m.HeadDim))
	}
	return s, nil
}

// Pos returns the number of tokens taken so far.
func (s *Session) Pos() int { return s.pos }

// Step takes the next token. With logits it returns one score for each token of the vocabulary, valid until the next
// call; without (inside a prompt) it returns nil and saves the work. It does not allocate.
// Errors: [ErrContext], [ErrToken].
func (s *Session) Step(token int, logits bool) ([]float32, error) {
	m := s.m
	switch {
	case s.pos >= s.cap:
		return nil, ErrContext
	case token < 0 || token >= m.Vocab:
		return nil, ErrToken
	}
	for i, f := range s.freq {
		sin, cos := math.Sincos(float64(s.pos) * f)
		s.sin[i], s.cos[i] = float32(sin), float32(cos)
	}
	copy(s.x, m.embed[token*m.Hidden:(token+1)*m.Hidden])
	for l := range m.layers {
		s.attend(l)
		s.feed(&m.layers[l])
	}
	s.pos++
	if !logits {
		return nil, nil
	}
	rmsNorm(s.norm, s.x, m.norm, m.Eps)
	matmul(s.logits, m.head, s.norm)
	return s.logits, nil
}

func (s *Session) attend(l int) {
	m, w := s.m, &s.m.layers[l]
	rmsNorm(s.norm, s.x, w.attnNorm, m.Eps)
	kv := m.KVHeads * m.HeadDim
	base := l * s.cap * kv
	k, v := s.k[base+s.pos*kv:base+(s.pos+1)*kv], s.v[base+s.pos*kv:base+(s.pos+1)*kv]
	matmul(s.q, w.q, s.norm)
	matmul(k, w.k, s.norm)
	matmul(v, w.v, s.norm)
	s.rotate(s.q)
	s.rotate(k)
	scale := float32(1 / math.Sqrt(float64(m.HeadDim)))
	group := m.Heads / m.KVHeads
	for h := range m.Heads {
		q, out := s.q[h*m.HeadDim:(h+1)*m.HeadDim], s.att[h*m.HeadDim:(h+1)*m.HeadDim]
		at := base + h/group*m.HeadDim
		score := s.score[:s.pos+1]
		for t := range score {
			score[t] = scale * dot(q, s.k[at+t*kv:at+t*kv+m.HeadDim])
		}
		softmax(score)
		clear(out)
		for t, p := range score {
			axpy(out, p, s.v[at+t*kv:at+t*kv+m.HeadDim])
		}
	}
	matmul(s.out, w.o, s.att)
	axpy(s.x, 1, s.out)
}

func (s *Session) feed(w *layer) {
	rmsNorm(s.norm, s.x, w.ffnNorm, s.m.Eps)
	matmul(s.gate, w.gate, s.norm)
	matmul(s.up, w.up, s.norm)
	for i, g := range s.gate {
		s.gate[i] = g / float32(1+math.Exp(float64(-g))) * s.up[i]
	}
	matmul(s.out, w.down, s.gate)
	axpy(s.x, 1, s.out)
}

// rotate applies the rotary position embedding of the present position to each head of x.
func (s *Session) rotate(x []float32) {
	d, half := s.m.HeadDim, s.m.HeadDim/2
	for ; len(x) > 0; x = x[d:] {
		for i := range half {
			a, b := i, i+half
			if s.m.Interleaved {
				a, b = 2*i, 2*i+1
			}
			p, q := x[a], x[b]
			x[a], x[b] = p*s.cos[i]-q*s.sin[i], p*s.sin[i]+q*s.cos[i]
		}
	}
}
