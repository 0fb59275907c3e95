package seal

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// EncryptFrom seals size bytes of src into dst on as many goroutines as [WithWorkers] says, and returns the size of the
// sealed file in bytes. The header is written last: until EncryptFrom returns nil the file is unreadable, and the caller
// removes it on an error. Both src and dst are used from several goroutines at once, at different offsets. Each byte of src
// is read once. With [PrivateBytes] on either side nothing is copied there; as a destination they need [SealedSize] bytes and
// must not overlap the source.
// Errors: [ErrKeyset], [ErrUnsupported], [ErrTooLarge], that of ctx, and those of src and dst; [ErrSource] where src ends
// early.
func EncryptFrom(ctx context.Context, dst io.WriterAt, src io.ReaderAt, size int64, h *keyset.Handle, ad []byte, opts ...Option) (int64, error) {
	o := newOptions(opts)
	k, err := writeKey(h, o.maxSegment)
	if err != nil {
		return 0, err
	}
	defer k.dek.Destroy()
	return encryptFrom(ctx, dst, src, size, k, ad, k.newHeader(), o, new(workerPool), nil)
}

func encryptFrom(ctx context.Context, dst io.WriterAt, src io.ReaderAt, size int64, k *key, ad, header []byte, o options, pool *workerPool, done func(bytes int64)) (int64, error) {
	s, aead, err := k.sealing(header, ad)
	if err != nil {
		return 0, err
	}
	sealed, segments, err := k.sealed(size)
	if err != nil {
		return 0, err
	}
	s.segments, s.size = segments, size

	batch := s.batch()
	sp := newSpread((segments+batch-1)/batch, o)
	sp.passedTo = func(batches int64) error {
		if done != nil {
			done(s.plainLen(0, min(batches*batch, segments)))
		}
		return nil
	}
	err = sp.run(ctx, func(i int64) error {
		w := pool.get()
		defer pool.put(w)
		first := i * batch
		return s.sealBatch(aead, w, dst, src, first, min(batch, segments-first))
	})
	if err != nil {
		return 0, err
	}
	if _, err := dst.WriteAt(header, 0); err != nil {
		return 0, fmt.Errorf("seal: write: %w", err)
	}
	return sealed, nil
}

// sealBatch seals count segments. Where source or destination are private memory, it works there without a copy.
func (s *stream) sealBatch(aead cipher.AEAD, w *worker, dst io.WriterAt, src io.ReaderAt, first, count int64) error {
	pt, err := s.plaintext(w, src, first, count)
	defer clear(w.in[:cap(w.in)])
	if err != nil {
		return err
	}
	start, size := s.start(first), int64(len(pt))+count*s.tag
	var out []byte
	mem, inPlace := dst.(PrivateBytes)
	if inPlace {
		var ok bool
		if out, ok = mem.slice(start, size); !ok {
			return fmt.Errorf("seal: %d bytes at %d of %d: %w", size, start, len(mem), io.ErrShortBuffer)
		}
		out = out[:0]
	} else {
		w.out = grow(w.out, size)
		out = w.out[:0]
	}
	for i := first; i < first+count; i++ {
		n := s.plainLen(i, 1)
		w.setNonce(s.prefix, i, i == s.segments-1)
		out = aead.Seal(out, w.nonce[:], pt[:n], nil)
		pt = pt[n:]
	}
	if inPlace {
		return nil
	}
	if _, err := dst.WriteAt(out, start); err != nil {
		return fmt.Errorf("seal: write: %w", err)
	}
	return nil
}

// plaintext returns what count segments are to hold: each byte of the source is read once, so a source that changes
// cannot have two versions of one byte sealed.
func (s *stream) plaintext(w *worker, src io.ReaderAt, first, count int64) ([]byte, error) {
	at, size := s.plainStart(first), s.plainLen(first, count)
	if mem, ok := src.(PrivateBytes); ok {
		if pt, ok := mem.slice(at, size); ok {
			return pt, nil
		}
		return nil, fmt.Errorf("%w: it has %d bytes", ErrSource, len(mem))
	}
	w.in = grow(w.in, size)
	err := readFull(src, w.in, at)
	if errors.Is(err, ErrTruncated) {
		return nil, fmt.Errorf("%w: it has shrunk", ErrSource)
	}
	return w.in, err
}
