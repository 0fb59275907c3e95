package mbom

import (
	"fmt"
	"io"
	"math"

	"github.com/holdfast-ai/holdfast/internal/transcript"
	"github.com/holdfast-ai/holdfast/mbom/format"
)

// A WeightPolicy says what tensors may hold. Its zero value refuses every weight file: say Finite, AbsMax or
// InsecureAnyValue.
type WeightPolicy struct {
	// Finite refuses NaN and infinities in floating-point tensors.
	Finite bool
	// AbsMax refuses elements of floating-point tensors whose absolute value is larger; NaN and infinities too. 0 is no limit.
	AbsMax float64
	// InsecureAnyValue checks structure alone.
	InsecureAnyValue bool
	// Templates lists the SHA-256 digests of the chat templates that a GGUF header may hold, as [Policy].Templates does for
	// files. A GGUF file with any other template is refused.
	Templates [][32]byte
	// AnySignedTemplate accepts every chat template in a GGUF header.
	AnySignedTemplate bool
}

// A Tap inspects one file as its bytes pass, in order. An error of Write or Finish refuses the file. Finish is called once,
// after all bytes; a Tap that is dropped without Finish holds nothing that needs closing.
type Tap interface {
	io.Writer
	Finish() error
}

func (p WeightPolicy) values() bool { return p.Finite || p.AbsMax != 0 }

func (p WeightPolicy) validate() error {
	switch {
	case p.AbsMax < 0 || math.IsNaN(p.AbsMax) || math.IsInf(p.AbsMax, 0):
		return &PolicyError{Field: "AbsMax", Want: "a positive finite limit", Got: "none"}
	case !p.values() && !p.InsecureAnyValue:
		return &PolicyError{Field: "Finite", Want: "Finite, AbsMax or InsecureAnyValue", Got: "an empty weight policy"}
	case p.values() && p.InsecureAnyValue:
		return &PolicyError{Field: "InsecureAnyValue", Want: "either checks or none", Got: "both"}
	}
	return nil
}

// Digest identifies the policy; it enters the configuration digest of evidence (docs/SPEC.md section 5).
func (p WeightPolicy) Digest() [32]byte {
	t := transcript.New("holdfast/weight-policy/v1").Uint64(flag(p.Finite)).Uint64(math.Float64bits(p.AbsMax)).Uint64(flag(p.InsecureAnyValue))
	digests(t, p.Templates)
	return t.Uint64(flag(p.AnySignedTemplate)).SHA256()
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// Tap returns the check for a file of size bytes, or nil for files that are no weights by name (*.safetensors, *.gguf).
// The bytes must be exactly what the name says: a strict header, then tensors that fill the file, then nothing. Values are
// checked in F64, F32, C64, F16, BF16 and 8-bit floating-point tensors; quantised blocks are held to their sizes alone.
// Write allocates nothing once the header has passed.
//
// Errors: [ErrPolicy] where the policy is incomplete; from the Tap, [ErrFormat] and [ErrPolicy] through [*ValueError].
func (p WeightPolicy) Tap(name string, size int64) (Tap, error) {
	kind := format.ByName(name)
	if kind != format.Safetensors && kind != format.GGUF {
		return nil, nil
	}
	if err := p.validate(); err != nil {
		return nil, err
	}
	if size < 0 {
		return nil, &FormatError{Path: name, Reason: fmt.Sprintf("size of %d bytes", size)}
	}
	return newWeights(name, kind, size, p), nil
}
