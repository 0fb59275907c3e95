package detect

// A reading that drops or replaces what stands in a normal form writes it anew, over itself.

// rewrite empties t and returns the normal form that it had, and the first place of it for keep. Both share their memory: what is written never goes beyond
// what was read.
func (t *Text) rewrite() (norm []byte, k int) {
	norm = t.Norm
	t.old = append(t.old[:0], t.from...)
	t.from, t.Norm = t.from[:0], norm[:0]
	return norm, 0
}

// keep appends norm[i:j] with its offsets, of which old[k] or a later one holds at i.
func (t *Text) keep(norm []byte, i, j, k int) int {
	for i < j {
		for k+1 < len(t.old) && int(t.old[k+1].norm) <= i {
			k++
		}
		to := j
		if k+1 < len(t.old) {
			to = min(to, int(t.old[k+1].norm))
		}
		if len(t.old) > 0 {
			t.mark(int(t.old[k].orig) + i - int(t.old[k].norm))
		}
		t.Norm = append(t.Norm, norm[i:to]...)
		i = to
	}
	return k
}

// put appends c for what stood at norm[i], as keep does.
func (t *Text) put(c byte, i, k int) int {
	for k+1 < len(t.old) && int(t.old[k+1].norm) <= i {
		k++
	}
	if len(t.old) > 0 {
		t.mark(int(t.old[k].orig) + i - int(t.old[k].norm))
	}
	t.Norm = append(t.Norm, c)
	return k
}
