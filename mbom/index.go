package mbom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/mbom/format"
	"github.com/holdfast-ai/holdfast/mbom/format/safetensors"
	"github.com/holdfast-ai/holdfast/mbom/model"
)

// isIndex reports whether loaders take the file for an index of weights; model.safetensors.index.fp16.json is one too.
func isIndex(name string) bool {
	return isJSON(name) && strings.Contains(strings.ToLower(path.Base(name)), "index")
}

// An index says which file holds which tensor: {"metadata": {"total_size": 8}, "weight_map": {"tensor": "file"}}.
type index struct {
	total int64 // bytes of all tensors; -1 where it is not said
	files map[string]string
}

// checkIndex refuses an index of weights that leads a loader to a file outside the signed ones.
func checkIndex(name string, data []byte, signed map[string][]byte) error {
	i, err := parseIndex(data)
	if err != nil {
		return &FormatError{name, "index of weights", err}
	}
	for _, f := range i.files {
		if _, ok := signed[path.Join(path.Dir(name), f)]; !ok || !fs.ValidPath(f) {
			return &FormatError{name, "names a file that is not signed with the model", nil}
		}
	}
	return nil
}

var (
	errIndex = errors.New("weight_map does not map text to text")
	errTwice = errors.New("a key is there twice, or in two cases")
	errLarge = errors.New("more entries than models have")
)

// parseIndex reads an index. Tensor names may differ in case only, so it is no strict JSON; but there is one weight_map, no other
// spelling of it, and no tensor in it twice: readers would take different ones. Other files have "index" in their names too, of labels
// or tokens: they have no weight_map.
func parseIndex(data []byte) (index, error) {
	i := index{total: -1, files: map[string]string{}}
	dec := json.NewDecoder(bytes.NewReader(data))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return i, err
	}
	maps := 0
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return i, err
		}
		key, _ := tok.(string)
		if strings.EqualFold(key, "weight_map") {
			if maps++; maps > 1 || key != "weight_map" {
				return i, errTwice
			}
		}
		switch key {
		case "weight_map":
			err = i.weightMap(dec)
		case "metadata":
			var m struct {
				Total *float64 `json:"total_size"`
			}
			var raw json.RawMessage
			if err = dec.Decode(&raw); err == nil && json.Unmarshal(raw, &m) == nil && m.Total != nil && *m.Total >= 0 && *m.Total < 1<<62 {
				i.total = int64(*m.Total)
			}
		default:
			err = dec.Decode(new(json.RawMessage))
		}
		if err != nil {
			return i, err
		}
	}
	return i, nil
}

func (i *index) weightMap(dec *json.Decoder) error {
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return errIndex
	}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		tensor, _ := tok.(string)
		if tok, err = dec.Token(); err != nil {
			return err
		}
		file, ok := tok.(string)
		if !ok {
			return errIndex
		}
		if _, dup := i.files[tensor]; dup {
			return errTwice
		}
		if len(i.files) == safetensors.MaxTensors {
			return errLarge
		}
		i.files[tensor] = file
	}
	_, err := dec.Token()
	return err
}

// shards are the tensors of the safetensors files that were read, with their sizes in bytes.
type shards map[string]map[string]int64

// checkIndex holds an index against the files that it describes. A tensor that is not where the index says is an error; what is only
// beside it is a finding.
func (s shards) checkIndex(src fs.FS, name string, b *model.BOM) error {
	data, err := readFile(src, name, MaxInspected)
	if err != nil {
		return err
	}
	i, err := parseIndex(data)
	if err != nil {
		return &FormatError{name, "index of weights", err}
	}
	var total int64
	listed, complete := map[string]bool{}, len(i.files) > 0
	for tensor, file := range i.files {
		file = path.Join(path.Dir(name), file)
		listed[file] = true
		tensors, read := s[file]
		size, ok := tensors[tensor]
		switch {
		case !read:
			complete = false
		case !ok:
			return &FormatError{name, "maps a tensor to a file that lacks it", nil}
		}
		total += size
	}
	for _, file := range s.beside(name) {
		for tensor := range s[file] {
			if _, ok := i.files[tensor]; listed[file] && !ok {
				finding(b, file, "holds a tensor that the index does not list")
				break
			}
		}
		if complete && !listed[file] {
			finding(b, file, "is not in the index")
		}
	}
	if complete && i.total >= 0 && i.total != total {
		finding(b, name, fmt.Sprintf("total_size is %d, the tensors have %d bytes", i.total, total))
	}
	return nil
}

// beside returns the files in the directory of name, sorted.
func (s shards) beside(name string) []string {
	var out []string
	for file := range s {
		if path.Dir(file) == path.Dir(name) && format.ByName(file) == format.Safetensors {
			out = append(out, file)
		}
	}
	slices.Sort(out)
	return out
}
