package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/holdfast-ai/holdfast/examples/engine/refuse"
)

// hfFile is tokenizer.json. Keys that are not here are refused.
type hfFile struct {
	Version       string  `json:"version"`
	Truncation    any     `json:"truncation"`
	Padding       any     `json:"padding"`
	Added         []added `json:"added_tokens"`
	Normalizer    any     `json:"normalizer"`
	PreTokenizer  any     `json:"pre_tokenizer"`
	PostProcessor any     `json:"post_processor"`
	Decoder       any     `json:"decoder"`
	Model         struct {
		Type         string            `json:"type"`
		Dropout      any               `json:"dropout"`
		Unk          *string           `json:"unk_token"`
		Prefix       any               `json:"continuing_subword_prefix"`
		Suffix       any               `json:"end_of_word_suffix"`
		FuseUnk      bool              `json:"fuse_unk"`
		ByteFallback bool              `json:"byte_fallback"`
		IgnoreMerges bool              `json:"ignore_merges"`
		Vocab        map[string]int    `json:"vocab"`
		Merges       []json.RawMessage `json:"merges"`
	} `json:"model"`
}

type added struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// ParseHF reads a Hugging Face tokenizer.json. eos names the special token that ends a text, "" if none.
// Errors: [refuse.ErrFormat]; [refuse.ErrUnsupported] for any pipeline but the two of the package comment.
func ParseHF(data []byte, eos string) (*Tokenizer, error) {
	var f hfFile
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		if strings.Contains(err.Error(), "unknown field") {
			return nil, refuse.Unsupported("tokenizer.json", err.Error())
		}
		return nil, refuse.Format("tokenizer.json", "is not JSON of the expected types")
	}
	if d.More() {
		return nil, refuse.Format("tokenizer.json", "has bytes after the object")
	}
	t := &Tokenizer{bos: -1, eos: -1}
	if err := t.pipeline(&f); err != nil {
		return nil, err
	}
	if err := t.vocabulary(&f); err != nil {
		return nil, err
	}
	if err := t.mergeList(f.Model.Merges); err != nil {
		return nil, err
	}
	if err := t.beginning(f.PostProcessor); err != nil {
		return nil, err
	}
	if id, ok := t.special[eos]; ok {
		t.eos = id
	} else if eos != "" {
		return nil, refuse.Format("eos_token", "is no special token of tokenizer.json")
	}
	return t.finish("tokenizer.json")
}

// pipeline recognises the two forms by their exact description.
func (t *Tokenizer) pipeline(f *hfFile) error {
	const (
		spNormal = `{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}`
		spDecode = `{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}`
		byteForm = `{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}`
	)
	m := &f.Model
	switch {
	case m.Type != "BPE":
		return refuse.Unsupported("tokenizer model", m.Type)
	case m.Dropout != nil || m.IgnoreMerges || !empty(m.Prefix) || !empty(m.Suffix):
		return refuse.Unsupported("tokenizer model", "dropout, ignore_merges or subword affixes")
	case f.Truncation != nil || f.Padding != nil:
		return refuse.Unsupported("tokenizer", "truncation or padding")
	case f.Normalizer == nil && is(f.PreTokenizer, byteForm) && kind(f.Decoder) == "ByteLevel" && !m.ByteFallback:
		t.byteLevel = true
	case is(f.Normalizer, spNormal) && f.PreTokenizer == nil && is(f.Decoder, spDecode) && m.ByteFallback:
		t.prefix = true
	default:
		return refuse.Unsupported("tokenizer pipeline", fmt.Sprintf("normalizer %s, pre_tokenizer %s, decoder %s", kind(f.Normalizer), kind(f.PreTokenizer), kind(f.Decoder)))
	}
	return nil
}

func (t *Tokenizer) vocabulary(f *hfFile) error {
	bad := func(reason string) error { return refuse.Format("tokenizer.json vocabulary", reason) }
	t.special = make(map[string]int, len(f.Added))
	size := len(f.Model.Vocab)
	for _, a := range f.Added {
		if !a.Special || a.SingleWord || a.LStrip || a.RStrip || a.Normalized {
			return refuse.Unsupported("added token", "that is not plainly special")
		}
		id, known := f.Model.Vocab[a.Content]
		switch _, dup := t.special[a.Content]; {
		case dup || a.Content == "":
			return bad("added token is empty or occurs twice")
		case known && id != a.ID:
			return bad("added token with two ids")
		case !known:
			size++
		}
		t.special[a.Content] = a.ID
	}
	if size == 0 || size > maxTokens {
		return bad("size is out of range")
	}
	t.raw = make([]string, size)
	taken := make([]bool, size)
	place := func(id int) error {
		if id < 0 || id >= size || taken[id] {
			return bad("ids are not 0 to n-1, each once")
		}
		taken[id] = true
		return nil
	}
	for _, id := range t.special {
		if err := place(id); err != nil {
			return err
		}
	}
	t.ordinary = make(ordinary, size)
	t.clearBytes()
	for token, id := range f.Model.Vocab {
		if _, special := t.special[token]; special {
			continue
		}
		if err := place(id); err != nil {
			return err
		}
		if err := t.add(token, id); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tokenizer) clearBytes() {
	for b := range t.bytes {
		t.bytes[b] = -1
	}
}

// add enters a token that is not special: byte tokens can be reached as bytes alone, never by their spelling.
func (t *Tokenizer) add(token string, id int) error {
	if t.byteLevel {
		raw, ok := unletter(token)
		if !ok || token == "" {
			return refuse.Format("tokenizer vocabulary", "token outside the byte-level letters")
		}
		t.raw[id] = raw
	} else if b, ok := byteToken(token); ok {
		t.bytes[b], t.raw[id] = id, string([]byte{b})
		return nil
	} else {
		t.raw[id] = strings.ReplaceAll(token, space, " ")
	}
	t.ordinary[token] = id
	return nil
}

// byteToken reads the spelling of a byte token, "<0x0A>".
func byteToken(s string) (byte, bool) {
	var b byte
	if len(s) != 6 || !strings.HasPrefix(s, "<0x") || s[5] != '>' {
		return 0, false
	}
	for _, c := range []byte(s[3:5]) {
		i := strings.IndexByte("0123456789ABCDEF", c)
		if i < 0 {
			return 0, false
		}
		b = b<<4 | byte(i)
	}
	return b, true
}

// mergeList reads "a b" or ["a", "b"], best first.
func (t *Tokenizer) mergeList(list []json.RawMessage) error {
	t.merges = make(map[pair]to, len(list))
	for rank, raw := range list {
		var two []string
		var one string
		if json.Unmarshal(raw, &one) == nil {
			two = strings.Split(one, " ")
		} else if json.Unmarshal(raw, &two) != nil {
			two = nil
		}
		if err := t.merge(rank, two); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tokenizer) merge(rank int, two []string) error {
	if len(two) != 2 || rank >= 1<<24 { // ranks are compared as float32
		return refuse.Format("tokenizer merges", "entry is not two tokens")
	}
	a, okA := t.ordinary[two[0]]
	b, okB := t.ordinary[two[1]]
	id, ok := t.ordinary[two[0]+two[1]]
	if !okA || !okB || !ok { // also where a merge would make a special token out of text
		return refuse.Format("tokenizer merges", "entry joins or makes no ordinary token")
	}
	p := pair{int32(a), int32(b)}
	if _, dup := t.merges[p]; dup {
		return refuse.Format("tokenizer merges", "entry twice")
	}
	t.merges[p] = to{rank: int32(rank), id: int32(id)}
	return nil
}

// beginning reads the post-processor: none, or one special token before the text.
func (t *Tokenizer) beginning(v any) error {
	if v == nil {
		return nil
	}
	m, _ := v.(map[string]any)
	single, _ := m["single"].([]any)
	if m["type"] == "TemplateProcessing" && len(single) == 2 && is(single[1], `{"Sequence":{"id":"A","type_id":0}}`) {
		first, _ := single[0].(map[string]any)
		token, _ := first["SpecialToken"].(map[string]any)
		name, _ := token["id"].(string)
		if id, ok := t.special[name]; ok && len(first) == 1 {
			t.bos, t.addBOS = id, true
			return nil
		}
	}
	return refuse.Unsupported("tokenizer post_processor", kind(v))
}

func is(v any, want string) bool {
	var w any
	return json.Unmarshal([]byte(want), &w) == nil && reflect.DeepEqual(v, w)
}

func kind(v any) string {
	m, _ := v.(map[string]any)
	s, _ := m["type"].(string)
	return s
}

func empty(v any) bool { return v == nil || v == "" }
