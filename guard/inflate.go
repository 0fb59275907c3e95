package guard

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"strings"
)

// WithDecoder adds a content encoding that requests may have, for example "br" or "zstd"; open must work with little
// memory, whatever the data says. "gzip" and "identity" are known; all others are refused with status 415.
func WithDecoder(encoding string, open func(io.Reader) (io.ReadCloser, error)) Option {
	return func(o *options) {
		if o.decoders == nil {
			o.decoders = make(map[string]func(io.Reader) (io.ReadCloser, error))
		}
		o.decoders[strings.ToLower(encoding)] = open
	}
}

// decoder finds the decoder of a body, nil for none. It reports false for an encoding that is not known, and for several:
// what is stacked is made to be misread.
func (g *Guard) decoder(encodings []string) (open func(io.Reader) (io.ReadCloser, error), ok bool) {
	if len(encodings) == 0 {
		return nil, true
	}
	if len(encodings) > 1 {
		return nil, false
	}
	switch name := strings.ToLower(encodings[0]); name {
	case "identity":
		return nil, true
	case "gzip", "x-gzip":
		return gunzip, true
	default:
		open, ok = g.decoders[name]
		return open, ok
	}
}

// gunzip reads one member: what follows it is another body, or another reading of this one.
func gunzip(r io.Reader) (io.ReadCloser, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return z, nil
}

// counter counts the bytes of a compressed body and stops at the limit. It gives single bytes, so that decoders need not
// read ahead, and what stands behind the compressed data is still there.
type counter struct {
	r       *bufio.Reader
	n, most int64
}

// ReadByte implements [io.ByteReader].
func (c *counter) ReadByte() (byte, error) {
	if c.n >= c.most {
		return 0, errBodySize
	}
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

// Read implements [io.Reader].
func (c *counter) Read(p []byte) (int, error) {
	if int64(len(p)) > c.most-c.n+1 {
		p = p[:c.most-c.n+1]
	}
	n, err := c.r.Read(p)
	if c.n += int64(n); c.n > c.most {
		return 0, errBodySize
	}
	return n, err
}

// ratioFree is how many bytes any body may grow to, whatever its compressed size: prompts of one phrase repeated compress
// well.
const ratioFree = 64 << 10

var (
	errRatio  = errors.New("guard: the body grows too much")
	errBehind = errors.New("guard: bytes behind the compressed body")
)
