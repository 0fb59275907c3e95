package transcript

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// decode is the plain reader of SPEC section 1. It exists to show that an encoding has exactly one list of fields.
func decode(b []byte) ([][]byte, error) {
	var out [][]byte
	for len(b) > 0 {
		switch {
		case b[0] == 0:
			out, b = append(out, nil), b[1:]
		case b[0] == 1 && len(b) >= 9 && uint64(len(b)-9) >= binary.BigEndian.Uint64(b[1:9]):
			n := 9 + binary.BigEndian.Uint64(b[1:9])
			out, b = append(out, slices.Clip(b[9:n])), b[n:]
		default:
			return nil, errors.New("not a transcript")
		}
	}
	return out, nil
}

func encode(fields [][]byte) []byte {
	t := New("holdfast/test/v1")
	for _, f := range fields {
		t.Optional(f)
	}
	return t.Encoding()
}

// same tells absent (nil) and empty apart.
func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

func genFields() *rapid.Generator[[][]byte] {
	// Bytes 0 and 1 and runs of zeros look like tags and lengths: the adversarial alphabet for this encoding.
	field := rapid.OneOf(
		rapid.Just([]byte(nil)),
		rapid.Just([]byte{}),
		rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 9}), 0, 24),
	)
	return rapid.SliceOfN(field, 0, 6)
}

func TestTwoListsNeverEncodeEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genFields().Draw(t, "a"), genFields().Draw(t, "b")
		if rapid.Bool().Draw(t, "resplit") && len(a) > 1 && a[0] != nil && a[1] != nil {
			// The classic confusion: the same bytes, cut elsewhere.
			all := slices.Concat(a[0], a[1])
			cut := rapid.IntRange(0, len(all)).Draw(t, "cut")
			b = append([][]byte{all[:cut:cut], all[cut:]}, a[2:]...)
		}
		equal := slices.EqualFunc(a, b, same)
		if got := bytes.Equal(encode(a), encode(b)); got != equal {
			t.Fatalf("lists equal: %v, encodings equal: %v\n%x\n%x", equal, got, a, b)
		}
	})
}

func TestEncodingDecodesToItsFields(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := append([][]byte{[]byte("holdfast/test/v1")}, genFields().Draw(t, "fields")...)
		got, err := decode(encode(want[1:]))
		if err != nil || !slices.EqualFunc(got, want, same) {
			t.Fatalf("got %x, %v; want %x", got, err, want)
		}
	})
}

// No encoding is a proper prefix of another with the same label and a different last field: contexts may be extended
// only by whole fields.
func TestPrefixIsWholeFields(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fields := genFields().Draw(t, "fields")
		enc := encode(fields)
		cut := rapid.IntRange(0, len(enc)).Draw(t, "cut")
		got, err := decode(enc[:cut])
		if err != nil {
			return
		}
		want := append([][]byte{[]byte("holdfast/test/v1")}, fields...)
		if len(got) > len(want) || !slices.EqualFunc(got, want[:len(got)], same) {
			t.Fatalf("prefix %x reads as %x", enc[:cut], got)
		}
	})
}

// The methods that take different types agree with the general one.
func TestFieldKinds(t *testing.T) {
	a := New("l").String("x").Uint64(258).Absent().Optional(nil).Optional([]byte{}).Bytes(nil).Encoding()
	b := New("l").Bytes([]byte("x")).Bytes([]byte{0, 0, 0, 0, 0, 0, 1, 2}).Optional(nil).Absent().Bytes([]byte{}).String("").Encoding()
	if !bytes.Equal(a, b) {
		t.Fatalf("%x\n%x", a, b)
	}
}

func TestKeyHashBindsTheSuite(t *testing.T) {
	key := []byte("key")
	if KeyHash(SuiteECDSAP256, key) == KeyHash(SuiteMLKEM768X25519, key) {
		t.Fatal("one hash for two suites")
	}
	// Moving bytes from the suite to the key must not give the same hash.
	if KeyHash("ab", []byte("c")) == KeyHash("a", []byte("bc")) {
		t.Fatal("the boundary between suite and key is not bound")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(New("holdfast/test/v1").String("a").Uint64(1).Absent().Encoding())
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		fields, err := decode(b)
		if err != nil || len(fields) == 0 || fields[0] == nil {
			return
		}
		tr := New(string(fields[0]))
		for _, x := range fields[1:] {
			tr.Optional(x)
		}
		if !bytes.Equal(tr.Encoding(), b) {
			t.Fatalf("%x is read as fields whose encoding is %x", b, tr.Encoding())
		}
	})
}
