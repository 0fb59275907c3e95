package api

import "github.com/holdfast-ai/holdfast/internal/strictjson"

// Bounds of one message, whatever its API. What is listed of a message takes some 50 to 90 bytes a piece, and a piece may be
// a string of three: without a bound, memory would be 50 times the size of the message.
const (
	// MaxDepth is the deepest nesting of a request body: messages need 6 levels, schemas of tools some more.
	MaxDepth = 32
	maxKeys  = 1 << 14 // members of one object: schemas of tools have hundreds

	maxTexts = 1 << 16 // texts, media and names of a request: APIs take batches of 2,048
	maxParts = 1 << 17 // texts, numbers and calls of an answer: a token with five alternatives is six, so there is room for 20,000 tokens

	maxKept     = 1 << 18 // bytes of a buffer that is kept for another message
	maxKeptList = 1 << 12 // elements of a list that is
)

// limits are those of the JSON of a message of so many bytes.
func limits(size int) strictjson.Limits {
	return strictjson.Limits{MaxBytes: size, MaxDepth: MaxDepth, MaxKeys: maxKeys}
}

// emptied is a slice to be used for another message: nothing of its content is left, nor an array of more than so many elements.
func emptied[T any](s []T, most int) []T {
	clear(s)
	if cap(s) > most {
		return nil
	}
	return s[:0]
}
