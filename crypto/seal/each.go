package seal

import (
	"context"
	"slices"
)

// smallFile is the plaintext size in bytes up to which a file is one worker's work: below it, waiting for the disk between
// files costs more than a second core gains.
const smallFile = 8 << 20

// each runs work for files 0 to len(sizes)-1 with the options it is to use: the large ones one after another, each on all
// workers, then the small ones side by side on one worker each. So no more workers run than o says. It returns the first
// error after all work has ended.
func (o options) each(ctx context.Context, sizes []int64, work func(ctx context.Context, i int, o options) error) error {
	var large, small []int
	for i, size := range sizes {
		if size > smallFile {
			large = append(large, i)
		} else {
			small = append(small, i)
		}
	}
	for _, i := range large {
		if err := work(ctx, i, o); err != nil {
			return err
		}
	}
	if len(small) == 0 {
		return ctx.Err()
	}
	slices.SortStableFunc(small, func(a, b int) int { return int(sizes[b] - sizes[a]) })
	one := o
	one.workers, one.duty = 1, 100 // the spread rests between files
	return newSpread(int64(len(small)), o).run(ctx, func(k int64) error { return work(ctx, small[k], one) })
}
