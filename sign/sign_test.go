package sign_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/elliptic"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/manifest"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

func noise(n int) string {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

const large = 3*256<<10 + 17 // three chunks and a bit

func sample() fstest.MapFS {
	return signtest.Files(map[string]string{
		"holdfast.json":     string(signtest.Card("tiny", 7)),
		"model.safetensors": noise(large),
		"config.json":       "{}",
		"empty":             "",
		"a/b":               "1", "a-b": "2", "a.txt": "3", "with space/模型.bin": "4",
		".gitattributes/evil.py": "import os", ".holdfast/notes": "ours",
	})
}

func open(t testing.TB, src fs.FS, p sign.Policy, opts ...sign.Option) *sign.Model {
	t.Helper()
	m, err := sign.Open(t.Context(), src, p, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRoundTrip(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		t.Run(curve.Params().Name, func(t *testing.T) {
			src, key := sample(), signtest.KeyOn(t, curve)
			b, id, err := sign.Sign(t.Context(), src, key, sign.SignOptions{Subject: "tiny"})
			if err != nil {
				t.Fatal(err)
			}
			m := open(t, src, sign.Policy{Keys: []crypto.PublicKey{key.Public()}, Name: "tiny", MinVersion: 7, ModelIDs: [][32]byte{id}}, sign.WithBundle(b))
			got := m.Identity()
			if got.ModelID != id || got.Name != "tiny" || got.Version != 7 || got.Method != sign.MethodKey || m.Subject() != "tiny" {
				t.Errorf("identity %+v", got)
			}
			want := []string{"a-b", "a.txt", "a/b", "config.json", "empty", "holdfast.json", "model.safetensors", "with space/模型.bin"}
			var names []string
			for _, r := range m.Files() {
				names = append(names, r.Name)
			}
			if !slices.Equal(names, want) {
				t.Errorf("signed files %q, want %q in the order of their bytes", names, want)
			}
			for _, name := range want {
				dst := bytes.Repeat([]byte{0xaa}, len(src[name].Data)+3)
				n, err := m.ReadInto(t.Context(), name, dst)
				if err != nil || !bytes.Equal(dst[:n], src[name].Data) || n != len(src[name].Data) {
					t.Errorf("ReadInto(%q) = %d, %v", name, n, err)
				}
			}
			if err := m.VerifyAll(t.Context(), nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFileSystem holds the Model against the contract of fs.FS.
func TestFileSystem(t *testing.T) {
	key := signtest.Key(t)
	files := map[string]string{"a/b": "1", "a-b": "2", "a/c/d.txt": "3", "empty": "", "with space/模型.bin": "4"}
	m := open(t, signtest.Sign(t, signtest.Files(files), key), anyModel(key))
	if err := fstest.TestFS(m, slices.Collect(maps.Keys(files))...); err != nil {
		t.Error(err)
	}
}

// TestUnsignedDoesNotExist holds the default: what the manifest does not list cannot be seen, opened or read.
func TestUnsignedDoesNotExist(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Sign(t, sample(), key)
	src["late.py"] = &fstest.MapFile{Data: []byte("x"), Mode: 0o644}
	m := open(t, src, anyModel(key))
	for _, name := range []string{"late.py", ".gitattributes/evil.py", ".gitattributes", ".holdfast/notes", ".holdfast/model.sig", ".holdfast", "a/../a-b", "/a-b", "", "a"} {
		if _, err := m.ReadInto(t.Context(), name, make([]byte, 64)); !errors.Is(err, sign.ErrNotSigned) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ReadInto(%q): %v", name, err)
		}
		if _, err := m.ReadFile(name); err == nil {
			t.Errorf("ReadFile(%q) succeeded", name)
		}
		if name != "a" {
			if _, err := m.Stat(name); err == nil {
				t.Errorf("Stat(%q) succeeded", name)
			}
			if _, err := m.Open(name); err == nil {
				t.Errorf("Open(%q) succeeded", name)
			}
		}
	}
	if extra, err := m.Extra(t.Context()); err != nil || !slices.Equal(extra, []string{"late.py"}) {
		t.Errorf("Extra = %q, %v", extra, err)
	}
	if extra, err := m.Extra(t.Context(), "late.py"); err != nil || len(extra) != 0 {
		t.Errorf("Extra with ignore = %q, %v", extra, err)
	}
}

func anyModel(keys ...crypto.Signer) sign.Policy {
	p := sign.Policy{InsecureAnyModel: true}
	for _, k := range keys {
		p.Keys = append(p.Keys, k.Public())
	}
	return p
}

func TestTampered(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Sign(t, sample(), key)
	for _, c := range signtest.Tamper(src, "model.safetensors") {
		t.Run(c.Name, func(t *testing.T) {
			m := open(t, c.FS, anyModel(key))
			dst := bytes.Repeat([]byte{0xaa}, large+10)
			if _, err := m.ReadInto(t.Context(), c.File, dst); !errors.Is(err, c.Error) {
				t.Errorf("ReadInto: %v, want %v", err, c.Error)
			}
			if !bytes.Equal(dst, make([]byte, len(dst))) {
				t.Error("destination was not cleared")
			}
			if _, err := m.ReadFile(c.File); !errors.Is(err, c.Error) {
				t.Errorf("ReadFile: %v", err)
			}
			if _, err := m.Open(c.File); !errors.Is(err, c.Error) {
				t.Errorf("Open: %v", err)
			}
			if err := m.VerifyAll(t.Context(), nil); !errors.Is(err, c.Error) {
				t.Errorf("VerifyAll: %v", err)
			}
			if _, complete := m.Loaded(); complete {
				t.Error("counted as loaded")
			}
			if _, err := m.ReadFile("config.json"); err != nil { // the twin: nothing else is refused
				t.Error(err)
			}
		})
	}
}

// TestWholeDigestCounts signs digests that differ from the file's in one byte, at each place.
func TestWholeDigestCounts(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Files(map[string]string{"w": "weights"})
	for i := range 32 {
		r := res("w", "weights")
		r.Digest[i] ^= 0x80
		m := open(t, src, anyModel(key), sign.WithBundle(signPayload(t, key, statementOf(t, "m", []manifest.Resource{r}))))
		if _, err := m.ReadInto(t.Context(), "w", make([]byte, 7)); !errors.Is(err, sign.ErrMismatch) {
			t.Errorf("ReadInto, byte %d: %v", i, err)
		}
		if err := m.VerifyAll(t.Context(), nil); !errors.Is(err, sign.ErrMismatch) {
			t.Errorf("VerifyAll, byte %d: %v", i, err)
		}
	}
}

func TestMismatchError(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Sign(t, sample(), key)
	src["a-b"] = &fstest.MapFile{Data: []byte("!"), Mode: 0o644}
	src["a.txt"] = &fstest.MapFile{Data: []byte("!"), Mode: 0o644}
	err := open(t, src, anyModel(key)).VerifyAll(t.Context(), nil)
	var found []string
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		if mm, ok := errors.AsType[*sign.MismatchError](e); ok && len(mm.Want) == 32 && len(mm.Got) == 32 {
			found = append(found, mm.Path)
		}
	}
	if !slices.Equal(found, []string{"a-b", "a.txt"}) {
		t.Errorf("differences %q in %v", found, err)
	}
}

func TestShortDestination(t *testing.T) {
	key := signtest.Key(t)
	m := open(t, signtest.Sign(t, sample(), key), anyModel(key))
	dst := []byte{1}
	if _, err := m.ReadInto(t.Context(), "config.json", dst); err == nil || dst[0] != 0 {
		t.Errorf("%v, %v", err, dst)
	}
}

func TestMemoryLimit(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Sign(t, sample(), key)
	m := open(t, src, anyModel(key), sign.WithMemoryLimit(large-1))
	_, err := m.ReadFile("model.safetensors")
	if se, ok := errors.AsType[*sign.SizeError](err); !ok || !errors.Is(err, sign.ErrTooLarge) || se.Size != large || se.Limit != large-1 {
		t.Errorf("%v", err)
	}
	if _, err := m.ReadInto(t.Context(), "model.safetensors", make([]byte, large)); err != nil {
		t.Error("ReadInto is not limited:", err)
	}
	if _, err := open(t, src, anyModel(key), sign.WithMemoryLimit(large)).ReadFile("model.safetensors"); err != nil {
		t.Error(err)
	}
}

func TestSignRefuses(t *testing.T) {
	key := signtest.Key(t)
	for name, c := range map[string]struct {
		file string
		f    *fstest.MapFile
		want error
	}{
		"symlink":   {"link", &fstest.MapFile{Data: []byte("config.json"), Mode: fs.ModeSymlink | 0o777}, sign.ErrNotRegular},
		"pipe":      {"pipe", &fstest.MapFile{Mode: fs.ModeNamedPipe | 0o644}, sign.ErrNotRegular},
		"backslash": {`a\b`, &fstest.MapFile{Mode: 0o644}, sign.ErrFormat},
		"bad card":  {"holdfast.json", &fstest.MapFile{Data: []byte(`{"name":"a","name":"b","version":1}`), Mode: 0o644}, sign.ErrFormat},
	} {
		t.Run(name, func(t *testing.T) {
			src := sample()
			src[c.file] = c.f
			if _, _, err := sign.Sign(t.Context(), src, key, sign.SignOptions{}); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if name == "symlink" || name == "pipe" { // what is ignored need not be regular
				if _, _, err := sign.Sign(t.Context(), src, key, sign.SignOptions{IgnorePaths: []string{c.file}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	if _, _, err := sign.Sign(t.Context(), fstest.MapFS{}, key, sign.SignOptions{}); !errors.Is(err, sign.ErrFormat) {
		t.Error("empty model:", err)
	}
	if _, _, err := sign.Sign(t.Context(), sample(), nil, sign.SignOptions{}); !errors.Is(err, sign.ErrKey) {
		t.Error("no key:", err)
	}
	if _, _, err := sign.Sign(t.Context(), sample(), signtest.KeyOn(t, elliptic.P224()), sign.SignOptions{}); !errors.Is(err, sign.ErrKey) {
		t.Error("P-224:", err)
	}
	if _, _, err := sign.Sign(t.Context(), sample(), key, sign.SignOptions{IgnorePaths: []string{"../x"}}); !errors.Is(err, sign.ErrFormat) {
		t.Error("ignore path:", err)
	}
}

func TestCancel(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Sign(t, sample(), key)
	ctx, cancel := context.WithCancel(t.Context())
	m := open(t, src, anyModel(key), sign.WithTap(func(string, int64) (sign.Tap, error) { return cancelTap{cancel}, nil }))
	dst := bytes.Repeat([]byte{1}, large)
	if _, err := m.ReadInto(ctx, "model.safetensors", dst); !errors.Is(err, context.Canceled) || !bytes.Equal(dst, make([]byte, large)) {
		t.Errorf("ReadInto: %v", err)
	}
	if err := m.VerifyAll(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("VerifyAll: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	if err := m.VerifyAll(ctx, func(sign.Progress) { cancel() }); err != context.Canceled { // alone, and no file is called altered
		t.Errorf("VerifyAll while it runs: %v", err)
	}
	if _, err := m.Extra(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Extra: %v", err)
	}
	if _, _, err := sign.Sign(ctx, src, key, sign.SignOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Sign: %v", err)
	}
}

type cancelTap struct{ cancel func() }

func (c cancelTap) Write(b []byte) (int, error) { c.cancel(); return len(b), nil }
func (c cancelTap) Finish() error               { return nil }

func TestProgress(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Sign(t, sample(), key)
	var last sign.Progress
	calls := 0
	if err := open(t, src, anyModel(key)).VerifyAll(t.Context(), func(p sign.Progress) {
		calls++
		if p.Done < last.Done || p.Done > p.Total {
			t.Errorf("%+v after %+v", p, last)
		}
		last = p
	}); err != nil {
		t.Fatal(err)
	}
	if calls == 0 || last.Done != last.Total || last.Total < large {
		t.Errorf("%d calls, last %+v", calls, last)
	}
}

func TestSingleFile(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Files(map[string]string{"model.gguf": "weights"})
	b := signPayload(t, key, statementOf(t, "model.gguf", []manifest.Resource{res(".", "weights")}))
	m := open(t, src, anyModel(key), sign.WithBundle(b))
	if got, err := m.ReadFile("model.gguf"); err != nil || string(got) != "weights" || m.Files()[0].Name != "model.gguf" {
		t.Errorf("%q, %v, %v", got, err, m.Files())
	}
	for _, bad := range []string{"..", "a/b", ".", `a\b`} {
		b := signPayload(t, key, statementOf(t, bad, []manifest.Resource{res(".", "weights")}))
		if _, err := sign.Open(t.Context(), src, anyModel(key), sign.WithBundle(b)); !errors.Is(err, sign.ErrFormat) {
			t.Errorf("subject %q: %v", bad, err)
		}
	}
}

// TestShards: a model signed in shards is verified by every way out, says which range was altered, and has an identity
// of its own.
func TestShards(t *testing.T) {
	key := signtest.Key(t)
	weights := strings.Repeat("0123456789", 10)
	src := signtest.Files(map[string]string{"a:0:8": weights, "dir/b": "x", "empty": "", "holdfast.json": string(signtest.Card("tiny", 7))})
	b, id, err := sign.Sign(t.Context(), src, key, sign.SignOptions{ShardSize: 16})
	if err != nil {
		t.Fatal(err)
	}
	_, whole, err := sign.Sign(t.Context(), src, key, sign.SignOptions{})
	if err != nil || whole == id {
		t.Errorf("one identity for two methods, %v", err)
	}
	m := open(t, src, sign.Policy{Keys: []crypto.PublicKey{key.Public()}, Name: "tiny", MinVersion: 7, ModelIDs: [][32]byte{id}}, sign.WithBundle(b))
	if err := m.VerifyAll(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if got, err := m.ReadFile("a:0:8"); err != nil || string(got) != weights {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := m.ReadFile("empty"); !errors.Is(err, sign.ErrNotSigned) {
		t.Errorf("a file that shards cannot sign: %v", err)
	}
	for _, f := range m.Files() {
		if f.Algorithm != "sha256-sharded-16" || len(f.Digest) != 32 {
			t.Errorf("%+v", f)
		}
	}
	for _, tampered := range signtest.Tamper(src, "a:0:8") {
		m := open(t, tampered.FS, anyModel(key), sign.WithBundle(b))
		buf := bytes.Repeat([]byte{1}, 200)
		_, err := m.ReadInto(t.Context(), "a:0:8", buf)
		if !errors.Is(err, tampered.Error) || !bytes.Equal(buf, make([]byte, 200)) {
			t.Errorf("%s: ReadInto: %v", tampered.Name, err)
		}
		if err := m.VerifyAll(t.Context(), nil); !errors.Is(err, tampered.Error) {
			t.Errorf("%s: VerifyAll: %v", tampered.Name, err)
		}
		if me, ok := errors.AsType[*sign.MismatchError](err); tampered.Name == "flipped bit" && (!ok || me.Start != 48 || me.End != 64 || len(me.Want) != 32 || len(me.Got) != 32) {
			t.Errorf("%+v", me)
		}
	}
	if extra, err := m.Extra(t.Context()); err != nil || len(extra) != 0 {
		t.Errorf("extra %q, %v", extra, err)
	}
	src["empty"].Data = []byte("x")
	if extra, err := m.Extra(t.Context()); err != nil || len(extra) != 1 {
		t.Errorf("extra %q, %v", extra, err)
	}
	for _, size := range []int64{-1, 1<<53 + 1} {
		if _, _, err := sign.Sign(t.Context(), src, key, sign.SignOptions{ShardSize: size}); !errors.Is(err, sign.ErrFormat) {
			t.Errorf("shards of %d: %v", size, err)
		}
	}
}

// A model without anything to sign is told so, and not that a signature is malformed.
func TestNothingToSign(t *testing.T) {
	for name, tt := range map[string]struct {
		src   fstest.MapFS
		shard int64
	}{
		"empty": {fstest.MapFS{}, 0}, "ignored": {fstest.MapFS{".git/x": {}, ".holdfast/x": {}}, 0}, "shards of nothing": {fstest.MapFS{"a": {}}, 16},
	} {
		_, err := sign.Measure(t.Context(), tt.src, sign.SignOptions{ShardSize: tt.shard})
		if !errors.Is(err, sign.ErrFormat) || !strings.Contains(err.Error(), "no files to sign") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
