package sign_test

import (
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

const companionShard = 1 << 20

// companions signs a model of one large file twice: in whole files, and in shards.
func companions(t *testing.T) (fstest.MapFS, sign.Policy) {
	t.Helper()
	key := signtest.Key(t)
	files := signtest.Sign(t, signtest.Files(map[string]string{"config.json": "{}", "w": strings.Repeat("weights ", 1<<20)}), key)
	b, _, err := sign.Sign(t.Context(), files, key, sign.SignOptions{ShardSize: companionShard})
	if err != nil {
		t.Fatal(err)
	}
	files[sign.ShardSignatureFile] = &fstest.MapFile{Data: b}
	return files, anyModel(key)
}

// counted counts the bytes of w that are read.
type counted struct {
	fstest.MapFS
	read *atomic.Int64
}

type countedFile struct {
	fs.File
	read *atomic.Int64
}

func (c counted) Open(name string) (fs.File, error) {
	f, err := c.MapFS.Open(name)
	if err != nil || name != "w" {
		return f, err
	}
	return countedFile{f, c.read}, nil
}

func (f countedFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.File.(interface {
		ReadAt([]byte, int64) (int, error)
	}).ReadAt(b, off)
	f.read.Add(int64(n))
	return n, err
}

func TestShardCompanion(t *testing.T) {
	files, p := companions(t)
	var ids [2][32]byte
	for i, opts := range [][]sign.Option{nil, {sign.WithShards()}} {
		src := counted{files, new(atomic.Int64)}
		m, err := sign.Open(t.Context(), src, p, opts...)
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = m.Identity().ModelID
		f, err := m.Open("w")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var b [8]byte
		if _, err := f.(interface {
			ReadAt([]byte, int64) (int, error)
		}).ReadAt(b[:], 5*companionShard); err != nil || string(b[:]) != "weights " {
			t.Fatalf("%q, %v", b, err)
		}
		if n := src.read.Load(); (n < 3*companionShard) != (len(opts) > 0) {
			t.Errorf("with %d options, %d bytes were read for one place", len(opts), n)
		}
		if err := m.VerifyAll(t.Context(), nil); err != nil {
			t.Error(err)
		}
		if extra, err := m.Extra(t.Context()); err != nil || len(extra) > 0 {
			t.Errorf("%q, %v", extra, err)
		}
	}
	if ids[0] == ids[1] {
		t.Error("two manifests have one identity")
	}
	pinned := p
	pinned.InsecureAnyModel, pinned.ModelIDs = false, [][32]byte{ids[0]}
	if _, err := sign.Open(t.Context(), files, pinned, sign.WithShards()); !errors.Is(err, sign.ErrPolicy) {
		t.Errorf("pinned to the first: %v", err)
	}
}

// The storage chooses whether a companion is there, and nothing else.
func TestShardCompanionIsJudged(t *testing.T) {
	stranger, _ := companions(t)
	for name, c := range map[string]struct {
		data []byte // nil: there is none
		want error
	}{
		"none":          {nil, nil},
		"broken":        {[]byte("{}"), sign.ErrFormat},
		"of a stranger": {stranger[sign.ShardSignatureFile].Data, sign.ErrSignature},
	} {
		files, p := companions(t)
		delete(files, sign.ShardSignatureFile)
		if c.data != nil {
			files[sign.ShardSignatureFile] = &fstest.MapFile{Data: c.data}
		}
		if _, err := sign.Open(t.Context(), files, p, sign.WithShards()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	files, p := companions(t)
	files["w"].Data[5*companionShard] ^= 1
	m, err := sign.Open(t.Context(), files, p, sign.WithShards())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.ReadFile("w"); !errors.Is(err, sign.ErrMismatch) {
		t.Error(err)
	}
}
