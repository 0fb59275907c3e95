package sign_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/manifest"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// A fixture is content of three chunks and its signatures.
type fixture struct {
	content       []byte
	files, shards []byte // bundles
	policy        sign.Policy
}

func newFixture(t testing.TB) fixture {
	key, content := signtest.Key(t), noise(testSize)
	shards, _, err := sign.Sign(t.Context(), fstest.MapFS{"w": {Data: []byte(content)}}, key, sign.SignOptions{ShardSize: testChunk - 5000})
	if err != nil {
		t.Fatal(err)
	}
	return fixture{
		content: []byte(content), policy: anyModel(key), shards: shards,
		files: signPayload(t, key, statementOf(t, "m", []manifest.Resource{res("w", content)})),
	}
}

// judge holds what a way returned against the one law: what is given as good is what was signed.
func judge(t *testing.T, at string, h *hostileFS, m *sign.Model, way string, got []byte, err error) {
	t.Helper()
	_, complete := m.Loaded()
	switch {
	case err == nil && h.lied:
		t.Fatalf("%s: altered bytes were read and nothing was said", at)
	case err == nil && releases(way) && !bytes.Equal(got, h.good):
		t.Fatalf("%s: unverified bytes returned", at)
	case err == nil && complete != counts(way):
		t.Fatalf("%s: counted as loaded: %v", at, complete)
	case err != nil && complete && way != "ReadAt twice": // which read it once
		t.Fatalf("%s: counted as loaded in spite of %v", at, err)
	case err != nil && !bytes.Contains(h.good, got):
		t.Fatalf("%s: unverified bytes returned beside %v", at, err)
	case err != nil && !h.hit:
		t.Fatalf("%s: %v without an attack", at, err)
	}
	if err != nil && !errors.Is(err, sign.ErrMismatch) && !errors.Is(err, sign.ErrMissing) && !errors.Is(err, sign.ErrNotRegular) &&
		!errors.Is(err, io.ErrShortBuffer) && !(h.kind == fillsItself && errors.Is(err, io.ErrUnexpectedEOF)) {
		t.Fatalf("%s: untyped error %v", at, err)
	}
}

// TestHostileStorage strikes with each attack before each call that is made of the source, for each way out of a Model and
// each kind of source and signature. What comes back is either what was signed or nothing.
func TestHostileStorage(t *testing.T) {
	f := newFixture(t)
	attacks := attacks(f.content)
	for _, c := range []struct {
		name    string
		kind    readKind
		bundle  []byte
		workers int
	}{
		{"file", readerAt, f.files, 1},
		{"shards", readerAt, f.shards, 1},
		{"shards, several workers", readerAt, f.shards, 3},
		{"file in order", readerOnly, f.files, 1},
		{"shards in order", readerOnly, f.shards, 1},
		{"file that fills itself", fillsItself, f.files, 1},
		{"shards that fill themselves", fillsItself, f.shards, 1},
	} {
		for way, read := range ways() {
			if c.kind != readerAt && (testing.Short() || raceDetector || strings.HasPrefix(way, "ReadAt") || way == "open twice" || way == "Verify") {
				continue // held in memory: the same as Open, and as VerifyAll
			}
			if c.workers > 1 && way != "ReadInto" && way != "ReadFile" && way != "VerifyAll" {
				continue // one worker by nature
			}
			t.Run(c.name+"/"+way, func(t *testing.T) {
				t.Parallel()
				for attack, strike := range attacks {
					if raceDetector && strings.HasPrefix(attack, "write") {
						continue // as "swap content", to the detector
					}
					refusals, passes := 0, 0
					for step, struck := 0, true; struck; step++ {
						h := newHostile(f.content, c.kind, step, strike)
						m := open(t, h, f.policy, sign.WithBundle(c.bundle), sign.WithWorkers(c.workers), sign.WithCache(testChunk))
						got, err := read(t.Context(), m)
						judge(t, fmt.Sprintf("%s, step %d", attack, step), h, m, way, got, err)
						if struck = h.hit; err == nil {
							passes++
						} else {
							refusals++
						}
					}
					if refusals == 0 || passes == 0 {
						t.Errorf("%s: %d refusals, %d passes: the attack proves nothing", attack, refusals, passes)
					}
				}
			})
		}
	}
}

// TestHostileAndBack undoes the attack later, at each later call: what was read between must not count.
func TestHostileAndBack(t *testing.T) {
	f := newFixture(t)
	all := attacks(f.content)
	for _, attack := range []string{"swap content", "write in chunk 1", "truncate", "exchange chunks", "relink"} {
		if raceDetector && attack != "truncate" {
			continue
		}
		for way, read := range ways() {
			t.Run(attack+"/"+way, func(t *testing.T) {
				t.Parallel()
				refusals := 0
				for _, bundle := range [][]byte{f.files, f.shards} {
					for step, struck := 0, true; struck; step++ {
						for undo, undone := step+1, true; undone && struck; undo++ {
							h := newHostile(f.content, readerAt, step, all[attack])
							h.undo = undo
							m := open(t, h, f.policy, sign.WithBundle(bundle), sign.WithWorkers(1))
							got, err := read(t.Context(), m)
							judge(t, fmt.Sprintf("step %d to %d", step, undo), h, m, way, got, err)
							if err != nil {
								refusals++
							}
							struck, undone = h.hit, h.calls > undo
						}
					}
				}
				if refusals == 0 {
					t.Error("the attack proves nothing")
				}
			})
		}
	}
}

// TestGrownFile: a file that grows after it was opened is refused, though its first bytes are the signed ones.
func TestGrownFile(t *testing.T) {
	f := newFixture(t)
	const firstRead = 3 // after Lstat, Open and Stat
	for kind := range fillsItself + 1 {
		h := newHostile(f.content, kind, firstRead, attacks(f.content)["append"])
		_, err := open(t, h, f.policy, sign.WithBundle(f.files)).ReadInto(t.Context(), "w", make([]byte, len(f.content)+8))
		if mm, ok := errors.AsType[*sign.MismatchError](err); !ok || !h.hit || mm.Got != nil {
			t.Errorf("ReadInto %d: %v", kind, err)
		}
		h = newHostile(f.content, kind, firstRead+1, attacks(f.content)["append"]) // Lstat once more, for the total
		if err := open(t, h, f.policy, sign.WithBundle(f.files)).VerifyAll(t.Context(), nil); !errors.Is(err, sign.ErrMismatch) || !h.hit {
			t.Errorf("VerifyAll %d: %v", kind, err)
		}
	}
}

// TestOpenedFileIsPrivate: what happens to the storage after Open does not reach a small open file.
func TestOpenedFileIsPrivate(t *testing.T) {
	key := signtest.Key(t)
	src := signtest.Sign(t, signtest.Files(map[string]string{"w": "good"}), key)
	m := open(t, src, anyModel(key))
	f, err := m.Open("w")
	if err != nil {
		t.Fatal(err)
	}
	copy(src["w"].Data, "evil")
	if got, err := io.ReadAll(f); err != nil || string(got) != "good" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := m.ReadFile("w"); !errors.Is(err, sign.ErrMismatch) {
		t.Errorf("a new read: %v", err)
	}
}
