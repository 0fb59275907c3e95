package mbom

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
)

// checkIndex refuses an index of weights ("weight_map": tensor to file) that leads a loader to a file outside the signed ones.
func checkIndex(name string, data []byte, signed map[string][]byte) error {
	files, err := indexed(data)
	if err != nil {
		return &FormatError{name, "index of weights", err}
	}
	for _, f := range files {
		if _, ok := signed[path.Join(path.Dir(name), f)]; !ok || !fs.ValidPath(f) {
			return &FormatError{name, "names a file that is not signed with the model", nil}
		}
	}
	return nil
}

var errIndex = errors.New("weight_map does not map text to text")

// indexed returns the files that every weight_map in data names. Tensor names may differ in case only, so it is no strict JSON;
// where a key occurs twice, each value counts.
func indexed(data []byte) (files []string, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, err
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		if key != "weight_map" {
			var skipped json.RawMessage
			if err := dec.Decode(&skipped); err != nil {
				return nil, err
			}
			continue
		}
		if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
			return nil, errIndex
		}
		for dec.More() {
			if _, err := dec.Token(); err != nil {
				return nil, err
			}
			tok, err := dec.Token()
			file, ok := tok.(string)
			if err != nil || !ok {
				return nil, errIndex
			}
			files = append(files, file)
		}
		if _, err := dec.Token(); err != nil {
			return nil, err
		}
	}
	return files, nil
}
