package api

import (
	"bytes"
	"strconv"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

func (w *walker) bias(key []byte) error {
	if len(key) == 0 || len(key) > 10 || len(bytes.Trim(key, "0123456789")) != 0 {
		return refuse("logit_bias", "token id")
	}
	if w.o.Vocabulary > 0 {
		if id, err := strconv.ParseInt(string(key), 10, 64); err != nil || id >= w.o.Vocabulary {
			return refuse("logit_bias", "token id")
		}
	}
	w.r.Params.LogitBias++
	return nil
}

// toolType allows definitions of functions. Those that a backend runs by itself reach places the guard does not see.
func (w *walker) toolType(k strictjson.Kind, raw []byte) error {
	if k == strictjson.Null {
		return nil
	}
	if k == strictjson.String {
		switch string(w.r.text(raw)) {
		case "function", "custom":
			return nil
		}
	}
	return refuse("tools.type", "not a function")
}

// id records a token id.
func (w *walker) id(f *frame, raw []byte) error {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < 0 || w.o.Vocabulary > 0 && n >= w.o.Vocabulary {
		return refuse(f.field.name, "token id")
	}
	if f.field.take == asPrompt {
		if !w.o.TokenIDs {
			return refuse(f.field.name, "cannot be inspected")
		}
		w.r.ids = append(w.r.ids, n)
	}
	return nil
}

// media records a string that is media, or refers to it.
func (w *walker) media(fd *field, raw []byte, off int) error {
	if !w.o.Media {
		return refuse(fd.name, "cannot be inspected")
	}
	m := Media{Offset: off, Kind: "image"}
	if fd.take == asURL {
		m.URL = w.r.text(raw)
	} else {
		m.Base64 = w.r.text(raw)
	}
	w.r.Media = append(w.r.Media, m)
	return nil
}

// member reads a known member that is no array or object.
func (w *walker) member(f *frame, k strictjson.Kind, raw []byte, off int) error {
	fd := f.field
	if k == strictjson.Null {
		if f.shape.isNeeded(fd.name) {
			return refuse(f.shape.path(fd.name), "required")
		}
		return nil
	}
	switch fd.take {
	case asHidden:
		return refuse(f.shape.path(fd.name), "cannot be inspected")
	case asFalse:
		if k != strictjson.Bool || raw[0] != 'f' {
			return refuse(f.shape.path(fd.name), "cannot be inspected")
		}
		return nil
	case asDisabled:
		if k != strictjson.String || string(w.r.text(raw)) != "disabled" {
			return refuse(f.shape.path(fd.name), "cannot be inspected")
		}
		return nil
	case asScalar:
		return w.scalar(f, k, raw)
	case asFlag:
		if k == strictjson.Bool {
			return nil
		}
	case asText, asGrammar:
		if k == strictjson.String {
			if fd.take == asGrammar {
				w.r.grammars = append(w.r.grammars, grammar{name: fd.name, from: off, to: off + len(raw)})
			}
			role, trust := w.voice(f)
			w.r.span(role, trust, raw, off)
		}
		return nil
	}
	if k != strictjson.String {
		return refuse(f.shape.path(fd.name), "type")
	}
	role, trust := w.voice(f)
	switch fd.take {
	case asString, asContent:
		w.r.span(role, trust, raw, off)
		if fd.into != nil && fd.into.turn { // "input": "…" is one turn
			w.r.Params.Messages++
		}
	case asPrompt:
		w.r.span(role, trust, raw, off)
		w.prompt()
	case asStops:
		w.r.span(role, detect.TrustUser, raw, off)
		w.r.Params.Stop++
	case asModel:
		w.r.Params.Model = string(w.r.text(raw))
	case asRole:
		return w.setRole(f, w.r.text(raw))
	case asType:
		return w.setType(f, w.r.text(raw))
	case asArguments:
		w.args = append(w.args, argument{span: len(w.r.Spans), off: off})
		w.r.span(role, trust, raw, off)
	case asURL, asBase64:
		return w.media(fd, raw, off)
	case asSource:
		w.r.span(role, trust, raw, off)
		if w.o.Media {
			return w.media(fd, raw, off)
		}
	case asMediaType:
		f.mtype = string(w.r.text(raw))
	default:
		return refuse(f.shape.path(fd.name), "type")
	}
	return nil
}

// scalar stores a field of Params.
func (w *walker) scalar(f *frame, k strictjson.Kind, raw []byte) error {
	fd, p := f.field, &w.r.Params
	want := strictjson.Number
	if fd.bool != nil {
		want = strictjson.Bool
	}
	if k != want {
		return refuse(f.shape.path(fd.name), "type")
	}
	var err error
	switch {
	case fd.bool != nil:
		*fd.bool(p) = (raw[0] == 't') != fd.not
	case fd.int != nil: // 1e3 and 2.0 are integers to some decoders and errors to others
		*fd.int(p), err = strconv.ParseInt(string(raw), 10, 64)
	default:
		*fd.float(p), err = strconv.ParseFloat(string(raw), 64)
	}
	if err != nil {
		return refuse(f.shape.path(fd.name), "number")
	}
	return nil
}

// maxNumber bounds a number, in bytes: decoders of whole numbers of any length take the square of it.
const maxNumber = 100

// finite reports whether decoders read a number alike: what no double holds is infinite to some (Python), and an error to others.
func finite(raw []byte) bool {
	if len(raw) > maxNumber {
		return false
	}
	for _, c := range raw {
		if c|0x20 == 'e' {
			_, err := strconv.ParseFloat(string(raw), 64)
			return err == nil
		}
	}
	return true
}

// plainString reports whether a quoted string holds no escape.
func plainString(raw []byte) bool { return bytes.IndexByte(raw, '\\') < 0 }
