//go:build !noasm

package detect

import (
	"bytes"
	"runtime/debug"
	"syscall"
	"testing"
	"unsafe"
)

// fenced returns n bytes of memory, in front of which and behind which no byte may be read: the end is flush with a page, and with front the beginning.
func fenced(t *testing.T, n int, front bool) []byte {
	t.Helper()
	page := syscall.Getpagesize()
	inner := (n + page - 1) / page * page
	all, err := syscall.Mmap(-1, 0, inner+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(all); err != nil {
			t.Error(err)
		}
	})
	for _, p := range [][]byte{all[:page], all[page+inner:]} {
		if err := syscall.Mprotect(p, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	if front {
		return all[page : page+n : page+n]
	}
	return all[page+inner-n : page+inner : page+inner]
}

// faultless reports an access outside of the pages as a failure of the test.
func faultless(t *testing.T, what string, n int, f func()) {
	t.Helper()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			t.Fatalf("%s of %d: %v", what, n, r)
		}
	}()
	f()
}

// longestFenced is more than two of the longest steps and blocks.
const longestFenced = 300

// No assembly reads or writes in front of what it is given or behind it, whatever the length.
func TestAssemblyStaysInside(t *testing.T) {
	texts := map[string][]byte{
		"prose": bytes.Repeat([]byte("The quick brown fox ate 42 of them and said so. "), 8), "letters": bytes.Repeat([]byte("abcdefgh"), 40),
		"spaces": bytes.Repeat([]byte("a  b"), 80), "others": bytes.Repeat([]byte("caf\u00e9, \u65e5\u672c "), 30), "no UTF-8": bytes.Repeat([]byte{0xe3, 0x81}, 160),
	}
	for _, front := range [...]bool{false, true} {
		text, lowered := fenced(t, longestFenced, front), fenced(t, longestFenced, front)
		part := func(b []byte, n int) []byte {
			if front {
				return b[:n:n]
			}
			return b[len(b)-n:]
		}
		for name, s := range texts {
			for n := range longestFenced + 1 {
				in, out := part(text, n), part(lowered, n)
				copy(in, s)
				faultless(t, name+", lower case", n, func() { lowerMany(out, in, false, true) })
				for _, set := range []*byteSet{letterSet, signSet, breakSet, wideSet} {
					faultless(t, name+", mask", n, func() { set.mask(in) })
				}
				faultless(t, name+", words that may be broken", n, func() { breakMasks(in) })
				faultless(t, name+", letters", n, func() { letterMask(in) })
				var x features
				faultless(t, name+", units", n, func() { x.plain(in, maxUnits, 1) })
			}
		}
	}
}

// The same of what is behind the units of a block, the n-grams and the table, which never stand at the end of a page by themselves.
func TestLookUpsStayInside(t *testing.T) {
	if !assembly || !wideBytes {
		t.Skip("no assembly on this processor")
	}
	entries := (*table)(unsafe.Pointer(unsafe.SliceData(fenced(t, int(unsafe.Sizeof(table{})), false))))
	for _, front := range [...]bool{false, true} {
		memory, text := fenced(t, 4*longestFenced, front), bytes.Repeat([]byte{'x'}, longestFenced)
		behind := fenced(t, 8*longestFenced, front)
		for n := 1; n <= longestFenced; n++ {
			at := 0
			if !front {
				at = len(memory) - 4*n
			}
			grams := unsafe.Slice((*uint32)(unsafe.Pointer(&memory[at])), n)
			for i := range grams {
				grams[i] = [...]uint32{0, 1 << 31, 1<<32 - 1}[i%3] // up to the last entry
			}
			faultless(t, "n-grams", n, func() { visitHashes(entries, 0, &grams[0], n) })
			if !front {
				at = len(memory) - 2*(n+1)
			}
			units := unsafe.Slice((*uint16)(unsafe.Pointer(&memory[at])), n+1) // the last of the block before, and n
			to := 0
			if !front {
				to = len(behind) - 8*n
			}
			faultless(t, "units", n, func() {
				visitUnits(entries, 0, &units[1], n, 0, (*uint32)(unsafe.Pointer(&behind[to])))
			})
			if eights := n / 4; n%4 == 0 { // entries of n units
				var out sum
				faultless(t, "entries", n, func() { sumEntries((*uint32)(unsafe.Pointer(&behind[to])), eights, maxWeight, &out) })
			}
			chunks := (n + 1) / 16
			if chunks == 0 {
				continue
			}
			if !front {
				at = len(memory) - 32*chunks
			}
			out := unsafe.Slice((*uint16)(unsafe.Pointer(&memory[at])), 16*chunks)
			faultless(t, "chunks", chunks, func() { unitsOf(&out[0], &text[0], chunks) })
		}
	}
}

// Texts at the end of a page are judged as those that have memory behind them.
func TestTextsAtTheEndOfAPage(t *testing.T) {
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	memory := fenced(t, longestFenced, false)
	for name, s := range hostileTexts(longestFenced) {
		for n := 0; n <= min(len(s), longestFenced); n += 7 {
			in := memory[len(memory)-n:]
			copy(in, s)
			var got Score
			faultless(t, name, n, func() { got = c.Score(in, TrustNone) })
			if want := c.Score(bytes.Clone(in), TrustNone); got != want {
				t.Fatalf("%s of %d: %+v, want %+v", name, n, got, want)
			}
		}
	}
}
