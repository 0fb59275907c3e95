package seal

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// EncryptFrom seals size bytes of src into dst on as many goroutines as [WithWorkers] says, and returns the size of the
// sealed file in bytes. The header is written last: until EncryptFrom returns nil the file is unreadable, and the caller
// removes it on an error. Both src and dst are used from several goroutines at once, at different offsets. Each byte of src
// is read once.
// Errors: [ErrKeyset], [ErrUnsupported], [ErrTooLarge], that of ctx, and those of src and dst; [ErrSource] where src ends
// early.
func EncryptFrom(ctx context.Context, dst io.WriterAt, src io.ReaderAt, size int64, h *keyset.Handle, ad []byte, opts ...Option) (int64, error) {
	o := newOptions(opts)
	k, err := keyOf(h, o.maxSegment)
	if err != nil {
		return 0, err
	}
	defer k.dek.Destroy()
	return encryptFrom(ctx, dst, src, size, k, k.newHeader(), ad, o, nil)
}

func encryptFrom(ctx context.Context, dst io.WriterAt, src io.ReaderAt, size int64, k *key, header, ad []byte, o options, done func(bytes int64)) (int64, error) {
	s, err := k.stream(header, ad)
	if err != nil {
		return 0, err
	}
	sealed, segments, err := k.sealed(size)
	if err != nil {
		return 0, err
	}
	s.segments, s.size = segments, size

	batch := s.batch()
	sp := newSpread((segments+batch-1)/batch, o.workers)
	if done != nil {
		sp.passedTo = func(batches int64) { done(s.plainLen(0, min(batches*batch, segments))) }
	}
	// At most one worker for each goroutine is out of the channel at a time.
	free := make(chan *worker, sp.workers)
	for range sp.workers {
		free <- new(worker)
	}
	err = sp.run(ctx, func(i int64) error {
		w := <-free
		defer func() { free <- w }()
		first := i * batch
		return s.sealBatch(w, dst, src, first, min(batch, segments-first))
	})
	for range sp.workers {
		w := <-free
		clear(w.in[:cap(w.in)])
	}
	if err != nil {
		return 0, err
	}
	if _, err := dst.WriteAt(header, 0); err != nil {
		return 0, fmt.Errorf("seal: write: %w", err)
	}
	return sealed, nil
}

func (s *stream) sealBatch(w *worker, dst io.WriterAt, src io.ReaderAt, first, count int64) error {
	w.in = grow(w.in, s.plainLen(first, count))
	if err := readFull(src, w.in, s.plainStart(first)); err != nil {
		if errors.Is(err, ErrTruncated) {
			return fmt.Errorf("%w: it has shrunk", ErrSource)
		}
		return err
	}
	pt := w.in
	w.out = w.out[:0]
	for i := first; i < first+count; i++ {
		n := s.plainLen(i, 1)
		w.setNonce(s.prefix, i, i == s.segments-1)
		w.out = s.aead.Seal(w.out, w.nonce[:], pt[:n], nil)
		pt = pt[n:]
	}
	if _, err := dst.WriteAt(w.out, s.start(first)); err != nil {
		return fmt.Errorf("seal: write: %w", err)
	}
	return nil
}
