package sign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

var (
	// ErrProvisional: Commit was called before all bytes were read.
	ErrProvisional = errors.New("sign: not read to the end")
	// errAborted is what a stream says after Abort.
	errAborted = errors.New("sign: stream was aborted")
)

// A ProvisionalStream hands out the bytes of a file before they are verified, for those who move them on at once, usually to
// a GPU, and can throw away what was moved. Nothing made of the bytes may be used before Commit returned nil; where it
// does not, the caller discards all of it.
//
//	s, err := model.ProvisionalStream(ctx, "model.safetensors")
//	defer s.Abort()
//	for {
//		chunk, err := s.Next(ctx, staging)
//		if err == io.EOF {
//			break
//		}
//		upload(chunk.Offset, chunk.Bytes) // to memory that nothing reads yet
//	}
//	proof, err := s.Commit()
//	tensors := use(proof) // takes a Committed, so that there is no way round Commit
//
// It is for one goroutine.
type ProvisionalStream struct {
	m    *Model
	f    *file
	src  fs.File // nil once it is closed
	in   inOrder
	p    pass
	size int64
	err  error // why nothing can be read or committed any more
	done bool  // the end was seen
}

// A ProvisionalChunk is bytes that nobody has verified yet. They may be the attacker's.
type ProvisionalChunk struct {
	Offset int64  // in the file, in bytes
	Bytes  []byte // a prefix of the buffer that the caller gave
}

// A Committed says that the bytes which a [ProvisionalStream] handed out were those that were signed. Only its Commit makes
// one; the zero value says nothing and has no name.
type Committed struct {
	name string
	size int64
}

// Name is the name of the file.
func (c Committed) Name() string { return c.name }

// Size is its size in bytes.
func (c Committed) Size() int64 { return c.size }

// ProvisionalStream opens a file to be read once, from start to end. The caller must Abort the stream, also after a Commit.
// Errors: [ErrNotSigned], [ErrMissing], [ErrNotRegular], [ErrMismatch] for a size that is not the signed one, [ErrTap], and
// faults of the source.
func (m *Model) ProvisionalStream(ctx context.Context, name string) (*ProvisionalStream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, src, size, err := m.openName(name)
	if err != nil {
		return nil, err
	}
	taps, err := m.taps(name, size)
	if err != nil {
		src.Close()
		return nil, err
	}
	return &ProvisionalStream{m: m, f: f, src: src, in: newInOrder(src), p: m.pass(f, taps), size: size}, nil
}

// Size is the length of the stream in bytes, which is provisional too where the size of the file is not signed.
func (s *ProvisionalStream) Size() int64 { return s.size }

// Next reads the next bytes into buf, which must not be empty, and hashes them there: up to len(buf), and less only at the
// end of the file. Nobody but the caller may write to buf. Whatever Next returns, buf may hold bytes of the attacker.
// Cancellation of ctx is seen within 256 KiB.
// Errors: [io.EOF] at the end, [ErrMismatch] where the file is longer or shorter than it was, ctx's, and faults of the source.
// After any other error than io.EOF the stream is aborted and gives that error again.
func (s *ProvisionalStream) Next(ctx context.Context, buf []byte) (ProvisionalChunk, error) {
	if s.err != nil {
		return ProvisionalChunk{}, s.err
	}
	if s.done {
		return ProvisionalChunk{}, io.EOF
	}
	if len(buf) == 0 {
		return ProvisionalChunk{}, fmt.Errorf("sign: %q: %w", s.f.name, io.ErrShortBuffer)
	}
	whole := false
	defer func() {
		if !whole { // a tap panicked, and did not see everything
			s.fail(errAborted)
		}
	}()
	start := s.in.off
	end := min(s.size, start+int64(len(buf)))
	err := s.p.read(ctx, &s.in, end, func(off int64, n int) []byte { return buf[off-start:][:n] })
	whole = true
	if err == nil && end == s.size && start == end {
		if err = s.in.nothingFollows(); err == nil {
			s.done = true
			return ProvisionalChunk{}, io.EOF
		}
	}
	if err != nil {
		s.fail(fault(s.f, err))
		return ProvisionalChunk{}, s.err
	}
	return ProvisionalChunk{start, buf[:end-start]}, nil
}

// Commit decides: only where all bytes were read, up to io.EOF, and are those that were signed, and no tap refuses them, it
// returns a Committed and the file counts as released. Else the stream is aborted, and what was made of it must be discarded.
// Errors: [ErrMismatch], [ErrTap], [ErrProvisional], [ErrDenied], and the error that aborted the stream.
func (s *ProvisionalStream) Commit() (Committed, error) {
	if s.err != nil {
		return Committed{}, s.err
	}
	if !s.done {
		s.fail(fmt.Errorf("%w (%q: %d of %d bytes)", ErrProvisional, s.f.name, s.in.off, s.size))
		return Committed{}, s.err
	}
	defer s.fail(errAborted) // a second Commit, and a tap that panics
	err := s.p.finish(s.f)
	if err == nil {
		err = s.m.notDenied() // meanwhile
	}
	if err != nil {
		s.fail(err)
		return Committed{}, err
	}
	s.m.release(s.f.name)
	return Committed{s.f.name, s.size}, nil
}

// Abort closes the stream: nothing of it counts, unless it was committed before. Calling it again, or after Commit, is
// harmless.
func (s *ProvisionalStream) Abort() { s.fail(errAborted) }

// fail closes the stream for the first reason that there is.
func (s *ProvisionalStream) fail(err error) {
	if s.err == nil {
		s.err = err
	}
	if s.src != nil {
		s.src.Close()
		s.src = nil
	}
}
