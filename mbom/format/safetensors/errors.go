package safetensors

import (
	"errors"
	"fmt"
)

// ErrFormat means that the bytes are no strict safetensors file. Every error of the format is a [*FormatError] that
// unwraps to it.
var ErrFormat = errors.New("safetensors: malformed file")

// A Rule is one requirement of the format; the numbers follow the order of the package comment.
type Rule int

// The rules, in the order in which the package comment explains them.
const (
	RuleMinimum   Rule = 1  // at least 8 bytes
	RuleHeaderCap Rule = 2  // header within the cap
	RuleHeaderEnd Rule = 3  // header inside the file
	RuleUTF8      Rule = 4  // header is UTF-8
	RuleJSON      Rule = 5  // header is JSON
	RuleOrder     Rule = 6  // tensors leave no hole and do not overlap
	RuleOverflow  Rule = 7  // sizes do not overflow and make whole bytes
	RuleSize      Rule = 8  // a tensor's range has the size of its shape
	RuleFileSize  Rule = 9  // no missing and no trailing bytes
	RuleBrace     Rule = 10 // the header begins with {
	RulePadding   Rule = 11 // only spaces follow the object
	RuleDuplicate Rule = 12 // no key twice
	RuleEntry     Rule = 13 // exactly dtype, shape and data_offsets, plain integers
	RuleMetadata  Rule = 14 // __metadata__ maps text to text
	RuleName      Rule = 15 // names without control characters, of bounded length
	RuleRank      Rule = 16 // bounded rank
	RuleCount     Rule = 17 // bounded number of tensors
)

// A FormatError says which rule a file breaks and where. It unwraps to [ErrFormat].
type FormatError struct {
	Rule   Rule
	Tensor string // name of the tensor, "" where none is concerned
	Offset int64  // in bytes from the start of the file
	Reason string
}

// Error says what is malformed, where, and by which rule.
func (e *FormatError) Error() string {
	if e.Tensor != "" {
		return fmt.Sprintf("%v: %s (tensor %q, rule %d)", ErrFormat, e.Reason, e.Tensor, e.Rule)
	}
	return fmt.Sprintf("%v: %s (byte %d, rule %d)", ErrFormat, e.Reason, e.Offset, e.Rule)
}

// Unwrap returns [ErrFormat].
func (e *FormatError) Unwrap() error { return ErrFormat }
