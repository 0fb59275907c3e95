package seal_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"runtime"
	"testing"
	"testing/iotest"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/streamingaead"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

var classes = map[string]error{
	"auth": seal.ErrAuth, "truncated": seal.ErrTruncated, "format": seal.ErrFormat, "commitment": seal.ErrCommitment,
	"keyset": seal.ErrKeyset, "unsupported": seal.ErrUnsupported, "too large": seal.ErrTooLarge, "source": seal.ErrSource,
	"timeout": iotest.ErrTimeout, "cancelled": context.Canceled, "aborted": seal.ErrAborted,
}

// classOf is the one class that an error belongs to.
func classOf(t *testing.T, err error) string {
	t.Helper()
	found := ""
	for name, target := range classes {
		if errors.Is(err, target) {
			if found != "" {
				t.Errorf("%v is %s and %s", err, found, name)
			}
			found = name
		}
	}
	return found
}

// TestErrorClasses: everything that can be wrong with a file has one class, the same through every entrance, and a fault of
// the disk or of the caller is never taken for an attack, nor the reverse.
func TestErrorClasses(t *testing.T) {
	const segment = 64
	key := pattern("key", 32)
	h := keysetOf(t, key, 32, segment, aesgcmhkdf.SHA256)
	ad, pt := []byte("ad"), pattern("plain", 130)
	ct := sealBytes(t, h, ad, pt)
	sibling := sealBytes(t, h, ad, pt)
	if len(ct) <= 3*segment || len(ct)%segment == 0 {
		t.Fatalf("%d bytes", len(ct))
	}
	flipped := func(at int) []byte { b := bytes.Clone(ct); b[at] ^= 1; return b }
	lastFlag := func(forge bool) []byte { return seal.ForgeLast(t, h, ad, pt, forge) }
	for name, c := range map[string]struct {
		file  []byte
		class string
	}{
		"as sealed":                           {ct, ""},
		"length byte of the header":           {flipped(0), "format"},
		"salt":                                {flipped(1), "auth"},
		"nonce prefix":                        {flipped(39), "auth"},
		"first segment":                       {flipped(41), "auth"},
		"tag of the first segment":            {flipped(segment - 1), "auth"},
		"middle segment":                      {flipped(segment + 1), "auth"},
		"tag of a middle segment":             {flipped(2*segment - 1), "auth"},
		"last segment":                        {flipped(3*segment + 1), "auth"},
		"last tag":                            {flipped(len(ct) - 1), "auth"},
		"nothing":                             {nil, "truncated"},
		"part of a header":                    {ct[:39], "truncated"},
		"header only":                         {ct[:40], "truncated"},
		"first segment with 15 bytes":         {ct[:55], "truncated"},
		"cut one byte after a segment":        {ct[:2*segment+1], "truncated"},
		"last segment with 15 bytes":          {ct[:2*segment+15], "truncated"},
		"cut between two segments":            {ct[:2*segment], "truncated"},
		"cut one byte before a segment's end": {ct[:2*segment-1], "auth"}, // nothing tells it from an altered last segment
		"one byte too many":                   {append(bytes.Clone(ct), 0), "auth"},
		"a segment too many":                  {append(bytes.Clone(ct), ct[3*segment:]...), "auth"},
		"two segments swapped":                {join(ct[:segment], ct[2*segment:3*segment], ct[segment:2*segment], ct[3*segment:]), "auth"},
		"a segment twice":                     {join(ct[:2*segment], ct[segment:]), "auth"},
		"a segment of a sibling":              {join(ct[:segment], sibling[segment:2*segment], ct[2*segment:]), "auth"},
		"a header of a sibling":               {join(sibling[:40], ct[40:]), "auth"},
		"a last segment that says it is not":  {lastFlag(false), "truncated"},
		"a middle segment that says it is":    {lastFlag(true), "auth"},
		"an empty segment after a full one":   {seal.WithEmptyLast(t, h, ad, pattern("p", 3*48-40)), ""}, // Tink accepts it
	} {
		for entrance, read := range readers {
			if entrance == "tink-go" {
				continue
			}
			got, err := read(t, h, ad, c.file)
			if class := classOf(t, err); class != c.class || (err == nil) != (c.class == "") {
				t.Errorf("%s by %s: %v is %q, want %q", name, entrance, err, class, c.class)
			}
			if err != nil && !bytes.Equal(got, make([]byte, len(got))) {
				t.Errorf("%s by %s: plaintext with %v", name, entrance, err)
			}
		}
	}
	for name, c := range map[string]struct {
		h     *keyset.Handle
		ad    string
		class string
	}{
		"other associated data":    {h, "da", "auth"},
		"none":                     {h, "", "auth"},
		"other key":                {keysetOf(t, pattern("other", 32), 32, segment, aesgcmhkdf.SHA256), "ad", "auth"},
		"larger segments":          {keysetOf(t, key, 32, segment+1, aesgcmhkdf.SHA256), "ad", "auth"},
		"smaller derived key":      {keysetOf(t, key, 16, segment, aesgcmhkdf.SHA256), "ad", "format"},
		"other hash":               {keysetOf(t, key, 32, segment, aesgcmhkdf.SHA1), "ad", "auth"},
		"segments of 2^31-1":       {keysetOf(t, key, 32, math.MaxInt32, aesgcmhkdf.SHA256), "ad", "too large"},
		"no keyset":                {nil, "ad", "keyset"},
		"one segment holds it all": {keysetOf(t, key, 32, 1<<20, aesgcmhkdf.SHA256), "ad", "auth"},
	} {
		for entrance, read := range readers {
			if entrance == "tink-go" {
				continue
			}
			if _, err := read(t, c.h, []byte(c.ad), ct); classOf(t, err) != c.class {
				t.Errorf("%s by %s: %v, want %q", name, entrance, err, c.class)
			}
		}
	}
}

// The output prefix of a keyset changes nothing on disk.
func TestOutputPrefix(t *testing.T) {
	for _, prefix := range []tinkpb.OutputPrefixType{
		tinkpb.OutputPrefixType_RAW, tinkpb.OutputPrefixType_TINK, tinkpb.OutputPrefixType_CRUNCHY, tinkpb.OutputPrefixType_LEGACY,
	} {
		template := streamingaead.AES256GCMHKDF4KBKeyTemplate()
		template.OutputPrefixType = prefix
		h, err := keyset.NewHandle(template)
		if err != nil {
			t.Fatal(err)
		}
		pt := pattern("p", 5000)
		for w, write := range writers {
			for r, read := range readers {
				if got, err := read(t, h, nil, write(t, h, nil, pt)); err != nil || !bytes.Equal(got, pt) {
					t.Errorf("%v: %s -> %s: %v", prefix, w, r, err)
				}
			}
		}
	}
}

// oddReader is a source that keeps to the letter of io.ReaderAt: it returns EOF with the last bytes, or a short read.
type oddReader struct {
	io.ReaderAt
	size  int64
	short bool
}

func (o oddReader) ReadAt(p []byte, off int64) (int, error) {
	if o.short && len(p) > 1 {
		n, _ := o.ReaderAt.ReadAt(p[:len(p)-1], off)
		return n, iotest.ErrTimeout
	}
	n, err := o.ReaderAt.ReadAt(p, off)
	if err == nil && off+int64(n) == o.size {
		err = io.EOF
	}
	return n, err
}

func TestOddSources(t *testing.T) {
	h := newKeyset(t, 4096)
	pt := pattern("p", 20_000)
	ct := sealBytes(t, h, nil, pt)
	r, err := seal.NewReaderAt(oddReader{bytes.NewReader(ct), int64(len(ct)), false}, int64(len(ct)), h, nil)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]byte, len(pt))
	if err := r.ReadAllInto(t.Context(), dst, nil); err != nil || !bytes.Equal(dst, pt) {
		t.Errorf("EOF with the last bytes: %v", err)
	}
	if _, err := seal.NewReaderAt(oddReader{bytes.NewReader(ct), int64(len(ct)), true}, int64(len(ct)), h, nil); classOf(t, err) != "timeout" {
		t.Errorf("short reads: %v", err)
	}
	if _, err := seal.EncryptFrom(t.Context(), new(memFile), oddReader{bytes.NewReader(pt), 0, true}, int64(len(pt)), h, nil); classOf(t, err) != "timeout" {
		t.Errorf("sealing from short reads: %v", err)
	}
	p, err := seal.NewProvisionalReader(io.MultiReader(bytes.NewReader(ct[:9000]), iotest.ErrReader(iotest.ErrTimeout)), h, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a stream whose place is lost stays failed, with its own error
		if _, err := io.ReadAll(p); classOf(t, err) != "timeout" {
			t.Errorf("a pipe that fails: %v", err)
		}
	}
	if _, err := seal.NewProvisionalReader(iotest.ErrReader(iotest.ErrTimeout), h, nil); classOf(t, err) != "timeout" {
		t.Errorf("a pipe that fails at once: %v", err)
	}
	_ = p.Close()
	if _, err := p.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("after Close: %v", err)
	}
}

// failingSink refuses what it is given.
type failingSink struct {
	sink
	panics bool
}

func (s *failingSink) Provisional(int64, []byte) error {
	if s.panics {
		panic("sink")
	}
	return iotest.ErrTimeout
}

// A consumer that fails ends the call with its own error; the sink is told, and the reader is as good as before.
func TestFailingConsumers(t *testing.T) {
	h := newKeyset(t, 4096)
	pt := pattern("p", 500_000)
	ct := sealBytes(t, h, nil, pt)
	before := runtime.NumGoroutine()
	r, err := seal.NewReaderAt(bytes.NewReader(ct), int64(len(ct)), h, nil, seal.WithWorkers(3))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.CopyTo(t.Context(), &failingWriter{left: 200_000}); classOf(t, err) != "timeout" || n > 200_000 {
		t.Errorf("CopyTo: %d, %v", n, err)
	}
	if _, err := r.CopyTo(t.Context(), shortWriter{}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("CopyTo a writer that writes less: %v", err)
	}
	var s failingSink
	if err := r.ProvisionalStream(t.Context(), &s); classOf(t, err) != "timeout" || s.aborts != 1 || s.commits != 0 {
		t.Errorf("ProvisionalStream: %v, %d aborts, %d commits", err, s.aborts, s.commits)
	}
	s = failingSink{panics: true}
	func() {
		defer func() {
			if got := recover(); got != "sink" || s.aborts != 1 {
				t.Errorf("recovered %v, %d aborts", got, s.aborts)
			}
		}()
		_ = r.ProvisionalStream(t.Context(), &s)
	}()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var whole sink
	if err := r.ProvisionalStream(ctx, &whole); classOf(t, err) != "cancelled" || whole.aborts != 1 {
		t.Errorf("cancelled: %v, %d aborts", err, whole.aborts)
	}
	if _, err := r.CopyTo(ctx, io.Discard); classOf(t, err) != "cancelled" {
		t.Errorf("cancelled: %v", err)
	}
	whole = sink{}
	if err := r.ProvisionalStream(t.Context(), &whole); err != nil || !bytes.Equal(whole.b, pt) || whole.commits != 1 {
		t.Errorf("afterwards: %v", err)
	}
	for start := time.Now(); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Since(start) > 5*time.Second {
			t.Fatalf("%d goroutines more than before", runtime.NumGoroutine()-before)
		}
	}
}

type shortWriter struct{}

func (shortWriter) Write(p []byte) (int, error) { return len(p) - 1, nil }

// A failure that was seen stays: through every method, also for bytes that a reader holds already.
func TestFailureIsSticky(t *testing.T) {
	h := newKeyset(t, 4096)
	ct := sealBytes(t, h, nil, pattern("p", 20_000))
	r, err := seal.NewReader(bytes.NewReader(ct), int64(len(ct)), h, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	ct[9000] ^= 1
	_, first := r.ReadAt(make([]byte, 1), 8500)
	ct[9000] ^= 1
	if s, ok := errors.AsType[*seal.SegmentError](first); !ok || s.Segment != 2 {
		t.Errorf("%v does not name segment 2", first)
	}
	var s sink
	_, read := r.Read(make([]byte, 10)) // of the first segment, which was authentic
	_, wrote := r.WriteTo(io.Discard)
	_, copied := r.CopyTo(t.Context(), io.Discard)
	all := r.ReadAllInto(t.Context(), make([]byte, r.Size()), nil)
	stream := r.ProvisionalStream(t.Context(), &s)
	for name, err := range map[string]error{"Read": read, "WriteTo": wrote, "CopyTo": copied, "ReadAllInto": all, "ProvisionalStream": stream} {
		if err != first { // the very same error
			t.Errorf("%s after %v: %v", name, first, err)
		}
	}
	if s.aborts != 1 || len(s.b) > 0 {
		t.Errorf("the sink got %d bytes and %d aborts", len(s.b), s.aborts)
	}
}
