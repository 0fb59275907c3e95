package sign

import (
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/holdfast-ai/holdfast/sign/digest"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// A schedule hands out files, and shards of files, to workers that hash them. The shards of a file are handed out one
// after the other, so few files are open at a time, and each is opened once.
type schedule struct {
	src   fs.FS
	form  form
	tally tally
	out   []hashed
	dst   []byte // where the bytes of the one file go; nil: each lane has a chunk of its own

	mu      sync.Mutex
	queue   []*target // from next on: not handed out completely
	next    int
	part    int // of queue[next]
	waiting int // workers that have not asked for work yet
}

// A target is one file to hash.
type target struct {
	name   string
	size   int64 // that it should have
	signed bool  // else size is a guess until the file is open
	parts  int   // in which it is handed out
	out    *hashed

	mu     sync.Mutex
	opened bool
	lent   bool // opened by somebody who closes it
	f      fs.File
	whole  bool           // the source cannot be read at offsets: whoever opened it reads all of it
	left   int            // parts that were not finished
	ended  func(part int) // if not nil, is called when a part is finished, good or not
}

// A lane is one stream of bytes that a worker hashes.
type lane struct {
	t    *target // nil: free
	part int     // of t, or whole
	sum  *digest.Stream
	in   inOrder
	end  int64
	buf  []byte
}

const whole = -1

// Which lane of a worker asks for work.
const (
	alone  = false // its first: a worker without work is always worth feeding
	beside = true  // its second: not before every worker could have something
)

// fill gives a free lane something to do, or reports that there is nothing for it.
func (s *schedule) fill(l *lane, second bool) bool {
	for {
		t, part := s.take(second)
		if t == nil {
			return false
		}
		if s.open(l, t, part) {
			return true
		}
	}
}

// started counts a worker that asked for work.
func (s *schedule) started() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
}

func (s *schedule) take(second bool) (*target, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if second && s.waiting > 0 || s.next == len(s.queue) {
		return nil, 0
	}
	t, part := s.queue[s.next], s.part
	if s.part++; s.part == t.parts {
		s.next, s.part = s.next+1, 0
	}
	return t, part
}

// open sets the lane to a part of t. It reports false where that needs no work.
func (s *schedule) open(l *lane, t *target, part int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := !t.opened
	if first {
		t.opened = true
		t.f, t.out.size, t.out.err = s.openFile(t)
		if t.out.err == nil {
			_, random := t.f.(io.ReaderAt)
			t.whole = t.parts == 1 || !random
		}
	}
	if t.out.err != nil || t.whole && !first {
		t.finish(part)
		return false
	}
	if l.buf == nil && s.dst == nil {
		l.buf = make([]byte, chunk)
	}
	l.t, l.part, l.in, l.end = t, part, newInOrder(t.f), t.out.size
	if t.whole {
		l.part = whole
		l.sum = digest.New(s.form.algorithm, s.form.shardSize)
		return true
	}
	if t.out.sums == nil {
		t.out.sums = make([][]byte, t.parts)
	}
	l.in.off = int64(part) * s.form.shardSize
	l.end = min(l.in.off+s.form.shardSize, l.end)
	l.sum = digest.New(s.form.algorithm, 0)
	return true
}

func (s *schedule) openFile(t *target) (fs.File, int64, error) {
	f, size, err := openRegular(s.src, t.name)
	if err != nil {
		return nil, 0, err
	}
	switch {
	case (t.signed || t.parts > 1) && size != t.size:
		err = errLength
	case s.form.shardSize > 0 && shards(size, s.form.shardSize) > manifest.MaxResources:
		err = fmt.Errorf("%w (%q: more than %d shards)", ErrFormat, t.name, manifest.MaxResources)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, size, nil
}

// read returns the lane's next bytes, or none once there are no more, and the lane is free again.
func (s *schedule) read(l *lane) []byte {
	if l.t == nil {
		return nil
	}
	if l.in.off < l.end {
		b := l.buf
		if s.dst != nil {
			b = s.dst[l.in.off:]
		}
		b = b[:min(l.end-l.in.off, chunk)]
		if err := l.in.fill(b); err != nil {
			s.end(l, nil, err)
			return nil
		}
		return b
	}
	var err error
	if l.part == whole || l.part == l.t.parts-1 {
		err = l.in.nothingFollows()
	}
	s.end(l, l.sum.Sums(), err)
	return nil
}

// end records the outcome of a lane and frees it.
func (s *schedule) end(l *lane, sums [][]byte, err error) {
	t := l.t
	t.mu.Lock()
	switch {
	case t.out.err != nil:
	case err != nil:
		t.out.err = err
	case l.part == whole:
		t.out.sums = sums
	default:
		t.out.sums[l.part] = sums[0]
	}
	t.finish(l.part)
	t.mu.Unlock()
	*l = lane{buf: l.buf}
}

// finish counts one part as done, and closes the file after the last.
func (t *target) finish(part int) {
	if t.left--; t.left == 0 {
		t.close()
	}
	if t.ended != nil {
		t.ended(part)
	}
}

func (t *target) close() {
	if t.f != nil && !t.lent {
		t.f.Close()
	}
	t.f = nil
}
