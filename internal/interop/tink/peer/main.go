// Peer seals and opens files with google/tink/go. It reads a JSON document from standard input:
//
//	{"keyset": path of a cleartext JSON keyset, "jobs": [{"op": "seal" | "open", "ad": base64, "in": path, "out": path}, …]}
//
// and ends with status 1 at the first job that fails.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/google/tink/go/insecurecleartextkeyset"
	"github.com/google/tink/go/keyset"
	"github.com/google/tink/go/streamingaead"
	"github.com/google/tink/go/tink"
)

type job struct {
	Op      string `json:"op"`
	AD      []byte `json:"ad"`
	In, Out string
}

func main() {
	if err := run(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(r io.Reader) error {
	var doc struct {
		Keyset string
		Jobs   []job
	}
	if err := json.NewDecoder(r).Decode(&doc); err != nil {
		return err
	}
	f, err := os.Open(doc.Keyset)
	if err != nil {
		return err
	}
	defer f.Close()
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(f))
	if err != nil {
		return err
	}
	a, err := streamingaead.New(h)
	if err != nil {
		return err
	}
	for _, j := range doc.Jobs {
		if err := j.run(a); err != nil {
			return fmt.Errorf("%s %s: %w", j.Op, j.In, err)
		}
	}
	return nil
}

func (j job) run(a tink.StreamingAEAD) error {
	in, err := os.Open(j.In)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(j.Out)
	if err != nil {
		return err
	}
	defer out.Close()
	switch j.Op {
	case "open":
		r, err := a.NewDecryptingReader(in, j.AD)
		if err != nil {
			return err
		}
		if _, err := io.Copy(out, r); err != nil {
			return err
		}
	case "seal":
		w, err := a.NewEncryptingWriter(out, j.AD)
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, in); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
	default:
		return fmt.Errorf("unknown operation")
	}
	return out.Close()
}
