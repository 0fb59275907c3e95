// Package pickle finds Python pickles whatever their name, and lists what loading one would import, without loading it.
//
// A pickle is a program: loading it may call any function of any module. [Scan] walks its opcodes with a model of the
// stack and the memo, so that names put together on the stack are found too. The verdict is by default a refusal: only a
// pickle that was read to its end and imports nothing but names on a short list of tensor and container builders is
// [Clean]. A limit that is hit, or a stream that breaks, is [Incomplete], never clean. Bytes that loaders read in different
// ways, such as frames that end within an opcode, are [Dangerous], and so is a state given to an imported class itself.
//
// Three layouts are known: plain pickles (several may follow one another), the zip files of torch.save, and its older
// layout of pickles followed by raw storage.
package pickle

import (
	"bytes"
	"cmp"
	"io"
	"slices"
)

// A Verdict says what loading the file would do. The zero value is not Clean.
type Verdict int

// The verdicts, from worst to best where several streams are judged together.
const (
	Dangerous  Verdict = iota + 1 // imports code that runs commands, reaches files or the network, or cannot be named
	Unknown                       // imports names that are on no list
	Incomplete                    // could not be read to its end
	Clean                         // read to its end; imports allowed names only
)

// String returns the verdict in lower case, "none" for none.
func (v Verdict) String() string {
	switch v {
	case Dangerous:
		return "dangerous"
	case Unknown:
		return "unknown"
	case Incomplete:
		return "incomplete"
	case Clean:
		return "clean"
	}
	return "none"
}

// A Kind is the layout of a file.
type Kind string

// The layouts.
const (
	None   Kind = ""       // no pickle in it
	Plain  Kind = "pickle" // one or more pickles
	Zip    Kind = "torch"  // zip of torch.save, with pickles in it
	Legacy Kind = "torch-legacy"
)

// An Import is a global that loading the pickle would look up. "?" stands for a part that could not be resolved.
type Import struct{ Module, Name string }

// String returns module and name, joined by a dot.
func (i Import) String() string { return i.Module + "." + i.Name }

// A Report is the result of a scan.
type Report struct {
	Kind    Kind
	Verdict Verdict
	Imports []Import // sorted, without doubles; at most MaxImports
	Calls   bool     // some object is called or built
	Notes   []string // what made the verdict, in words

	storages []storage
	oddID    bool
}

// Bounds on what a scan may cost. Hitting one makes the verdict Incomplete.
const (
	MaxOps     = 50_000_000 // opcodes of one stream: a large estimator has some millions
	MaxStack   = 1_000_000  // entries of the modelled stack and of the memo
	MaxText    = 4096       // bytes of a string that is kept: longer ones name no module
	MaxImports = 10_000
	MaxStreams = 1000     // pickles that follow one another
	MaxZip     = 10_000   // entries of a zip
	MaxEntry   = 64 << 20 // bytes of one inflated pickle in a zip
	// MaxInflated bounds what is read of all entries of a zip together, in bytes.
	MaxInflated = 256 << 20
)

// Scan reads a file of size bytes. It never fails: what cannot be read makes the verdict Incomplete.
func Scan(r io.ReaderAt, size int64) Report {
	var magic [4]byte
	if size >= 4 {
		if _, err := r.ReadAt(magic[:], 0); err == nil && bytes.Equal(magic[:], []byte("PK\x03\x04")) {
			return scanZip(r, size)
		}
	}
	rep := scanStreams(io.NewSectionReader(r, 0, size), false)
	if rep.Kind != None && zipAtEnd(r, size) {
		rep.Verdict = min(rep.Verdict, Incomplete)
		rep.Notes = append(rep.Notes, "also a zip, whose directory other loaders find from the end")
	}
	return rep
}

// Detect reports whether data, the whole or the beginning of a file, is a pickle: it begins with a protocol mark, or it
// walks to a STOP as the text protocols do and does something on the way, or a later one of several in a row does, as
// torch.load reads them. Prose is not mistaken for one.
func Detect(data []byte, whole bool) bool {
	if len(data) >= 2 && data[0] == opProto && data[1] <= 5 {
		return true
	}
	if len(data) == 0 {
		return false
	}
	w := newWalker(bytes.NewReader(data))
	return w.acts(func() bool { // plain data in a text protocol
		return whole && bytes.IndexByte([]byte("(]})"), data[0]) >= 0 && len(bytes.TrimSpace(data[w.at:])) == 0
	})
}

// acts walks what may be pickles in a row and reports whether one does something. plain is asked about a first one that does not.
func (w *walker) acts(plain func() bool) bool {
	for n := 1; ; n++ {
		end := w.stream()
		for i := range w.imports {
			if dotted(i.Name) && judge(i) == Dangerous { // no module has anything under another name
				return true
			}
		}
		switch {
		case (w.calls || end == stopped) && (w.named || w.ext), w.ambiguous, end == limited, n == MaxStreams:
			return true
		case end != stopped:
			return false
		case n == 1 && plain():
			return true
		}
	}
}

// Stops reports whether a loader that took data for a pickle would come to a STOP. It finds files that are two things at
// once, even where the pickle does nothing.
func Stops(data []byte) bool {
	return newWalker(bytes.NewReader(data)).stream() == stopped
}

// scanStreams walks the pickles that follow one another in r. In torch files persistent ids name tensor storage.
func scanStreams(r io.Reader, torch bool) Report {
	w := newWalker(r)
	rep := Report{Kind: Plain}
	first, _ := w.r.Peek(1)
	marked := len(first) == 1 && first[0] == opProto
	for n := 0; ; n++ {
		end := w.stream()
		if n == 0 && end == stopped && w.legacyMagic {
			rep.Kind = Legacy
		}
		if end == stopped && n+1 < MaxStreams {
			if w.more() {
				continue
			}
			break
		}
		if rep.Kind == Legacy && n >= legacyStreams && end == broke {
			break // raw storage follows the pickles
		}
		if n == 0 && !marked && len(w.imports) == 0 && !w.calls && !w.ambiguous {
			rep.Kind, w.persistent = None, false
		}
		w.broken = true
		w.note("a stream breaks off or a limit was hit")
		break
	}
	w.persistent = w.persistent && !torch && rep.Kind != Legacy
	return w.report(rep)
}

// legacyStreams is the number of pickles in the older torch layout: magic number, protocol, system, object, storage keys.
const legacyStreams = 5

func (w *walker) report(rep Report) Report {
	rep.Calls, rep.Notes, rep.storages, rep.oddID = w.calls, w.notes, w.storages, w.oddID
	rep.Verdict = Clean
	if w.broken {
		rep.Verdict = Incomplete
	}
	worse := func(v Verdict, note string) {
		rep.Verdict = min(rep.Verdict, v)
		rep.Notes = append(rep.Notes, note)
	}
	if w.ambiguous {
		worse(Dangerous, "loaders read it in different ways")
	}
	if w.changes {
		worse(Dangerous, "an imported class or function is changed")
	}
	if w.ext {
		worse(Unknown, "names come from the loader's extension registry")
	}
	if w.persistent {
		worse(Unknown, "objects come from the loader's persistent ids")
	}
	for _, i := range slices.SortedFunc(keys(w.imports), compare) {
		rep.Imports = append(rep.Imports, i)
		switch v := judge(i); v {
		case Dangerous, Unknown:
			worse(v, v.String()+" import "+i.String())
		}
	}
	return rep
}

func compare(a, b Import) int {
	return cmp.Or(cmp.Compare(a.Module, b.Module), cmp.Compare(a.Name, b.Name))
}

func keys(m map[Import]bool) func(func(Import) bool) {
	return func(yield func(Import) bool) {
		for i := range m {
			if !yield(i) {
				return
			}
		}
	}
}
