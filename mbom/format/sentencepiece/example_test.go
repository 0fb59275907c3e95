package sentencepiece_test

import (
	"errors"
	"fmt"

	"github.com/holdfast-ai/holdfast/mbom/format/sentencepiece"
)

// Bytes that are no tokenizer of SentencePiece are refused.
func ExampleCheck() {
	fmt.Println(errors.Is(sentencepiece.Check([]byte("#!/bin/sh")), sentencepiece.ErrFormat))
	// Output:
	// true
}
