package api

import "github.com/holdfast-ai/holdfast/internal/strictjson"

// An Edit replaces a part of a string of a message.
type Edit struct {
	At         int // offset of the quoted string, in bytes
	Start, End int // in the decoded string, in bytes
	With       string
}

// AppendEdited appends data, which is strict JSON, with the edits carried out. They are in the order of At, then of Start,
// and do not overlap.
func AppendEdited(dst, data []byte, edits []Edit) []byte {
	from := 0
	var buf []byte
	for len(edits) > 0 {
		at := edits[0].At
		end := stringEnd(data, at)
		dst = append(dst, data[from:at]...)
		text := strictjson.AppendUnquoted(nil, data[at:end])
		buf = buf[:0]
		done := 0
		for len(edits) > 0 && edits[0].At == at {
			e := edits[0]
			start, stop := min(max(e.Start, done), len(text)), min(max(e.End, done), len(text))
			buf = append(append(buf, text[done:start]...), e.With...)
			done, edits = stop, edits[1:]
		}
		dst = strictjson.AppendQuoted(dst, append(buf, text[done:]...))
		clear(text)
		from = end
	}
	clear(buf)
	return append(dst, data[from:]...)
}

// stringEnd returns the offset behind the quoted string at off.
func stringEnd(data []byte, off int) int {
	for i := off + 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}

// A Splice replaces a part of a message, whatever it is.
type Splice struct {
	Range
	With string
}

// AppendSpliced appends data with the splices carried out, which are in order and do not overlap.
func AppendSpliced(dst, data []byte, splices []Splice) []byte {
	from := 0
	for _, s := range splices {
		dst = append(append(dst, data[from:s.Start]...), s.With...)
		from = s.End
	}
	return append(dst, data[from:]...)
}
