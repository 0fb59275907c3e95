package sign

import (
	"context"
	"io/fs"
)

// fillShards fills dst from src by its shards, with several workers or several lanes of one, and shows the taps of p the shards in order
// as they are complete. It accepts the file or says why not. No worker is left when it returns or panics.
func (m *Model) fillShards(ctx context.Context, p *pass, src fs.File, f *file, dst []byte) error {
	ctx, cancel := context.WithCancel(ctx)
	n := len(f.Shards)
	ended := make(chan int, n)
	t := &target{name: f.name, size: int64(len(dst)), parts: n, opened: true, lent: true, f: src,
		out: &hashed{size: int64(len(dst)), sums: make([][]byte, n)}, ended: func(part int) { ended <- part }}
	s := newSchedule(form{algorithm: f.Algorithm, shardSize: f.ShardSize})
	s.dst, s.onPanic = dst, cancel
	s.add(t)
	workers := s.start(ctx, m.opts.effort)
	defer workers.Wait() // they write to dst
	defer cancel()

	complete := make([]bool, n)
	next := 0 // shard for the taps
	for range n {
		select {
		case part := <-ended:
			complete[part] = true
		case <-ctx.Done():
			workers.Wait()
			s.rethrow()
			return in(f.name, ctx.Err())
		}
		for ; next < n && complete[next]; next++ {
			for b := dst[f.Shards[next].Start:f.Shards[next].End]; len(b) > 0; {
				k := min(len(b), chunk)
				p.tap(b[:k])
				b = b[k:]
			}
		}
	}
	workers.Wait()
	s.rethrow()
	if t.out.err != nil {
		return fault(f, t.out.err)
	}
	if err := f.check(t.out.sums); err != nil {
		return err
	}
	return p.finishTaps(f)
}
