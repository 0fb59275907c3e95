package api

import (
	"bytes"
	"math"
	"slices"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// A Channel names a text that grows over the events of a stream, for example the content of choice 1 or the arguments
// of its second tool call. The zero value stands for a string that is complete in itself.
type Channel struct {
	Choice int64  // "index" of the choice or output item, or its position where it has none; -1 outside of them
	Call   int64  // the same of the tool call, content block or part; -1 outside of them
	Field  uint64 // hash of what the text is: member names, type of the event
	Args   bool   // the text is the arguments of a tool call, in JSON
}

// Of reports whether the channel belongs to e.
func (c Channel) Of(e End) bool {
	return (e.Choice < 0 || e.Choice == c.Choice) && (e.Call < 0 || e.Call == c.Call)
}

// A Piece is one string, or one member name, of an answer.
type Piece struct {
	Channel Channel
	Offset  int    // of the quoted string in what was parsed, in bytes
	Text    []byte // decoded
	Name    bool   // a member name: it cannot be redacted
}

// End says that texts are complete: those of one choice, of one part, or (-1) of any.
type End struct{ Choice, Call int64 }

// A Range is a part of what was parsed, in bytes.
type Range struct{ Start, End int }

// A Vector is one embedding.
type Vector struct {
	Offset int
	Len    int
	Norm   float64 // Euclidean; NaN or infinite if an element is not finite as a float32
}

// Usage is what an upstream reports, in tokens; -1 where absent.
type Usage struct{ Input, Output int64 }

// Answer is what [Dialect.Answer] read: a whole answer or the payload of one event. It is reused.
type Answer struct {
	Pieces   []Piece
	Usage    Usage
	Ends     []End
	Last     bool    // the stream is over
	Failed   bool    // the upstream reports an error
	Blocks   bool    // texts may go on in other blocks of the stream: clients join them
	Event    []byte  // name that the event has by its content, nil for none; valid until the next call
	Sequence int64   // number of the event where the API numbers them
	Logprobs []Range // numbers that are log probabilities
	Drop     []Range // arrays that give texts away in another form, or the model: bytes of tokens, token ids, logits
	TopMost  int     // alternatives listed for one token, at most
	Vectors  []Vector
	Calls    []Call
	Tensors  []Tensor

	json     strictjson.Walker
	arena    []byte
	stack    [MaxDepth + 1]level
	depth    int
	elements []int64 // index of each choice and tool call
	owners   []owner // of each piece
	shape    *answerShape
	kind     []byte // top-level type
	choice   int64  // of the whole event
	call     int64
	finish   []owner // choices that end
	sum      float64
	data     []byte
	object   Range // arguments that are an object, of the call that is open
}

// Call is one tool call, or the name that begins one in a stream.
type Call struct {
	Choice, Call int64 // as in [Channel]
	Name         []byte
	Args         []byte // where they come at once, and in no text that grows; else nil
	Other        bool   // Name is the kind of a call whose arguments are in a form of their own: a shell command, say

	owner owner
	item  int64
}

// Clear overwrites what was decoded, so that pooled memory holds no completion, and gives up what is too large to be kept.
func (a *Answer) Clear() { a.clear(maxKept, maxKeptList) }

// clear keeps buffers of so many bytes, and lists of so many elements. The events of one stream are much alike: what one needed, the
// next needs too, and memory that is made anew for each is several times what is used.
func (a *Answer) clear(buffer, list int) {
	a.arena, a.Pieces, a.owners = emptied(a.arena, buffer), emptied(a.Pieces, list), emptied(a.owners, list)
	a.Ends, a.finish, a.elements = emptied(a.Ends, list), emptied(a.finish, list), emptied(a.elements, list)
	a.Logprobs, a.Drop, a.Vectors = emptied(a.Logprobs, list), emptied(a.Drop, list), emptied(a.Vectors, list)
	a.Calls, a.Tensors = emptied(a.Calls, list), emptied(a.Tensors, list)
	a.kind, a.data, a.object = nil, nil, Range{}
	a.Usage, a.Last, a.Failed, a.Event, a.Sequence, a.TopMost = Usage{-1, -1}, false, false, nil, 0, 0
	a.depth, a.choice, a.call, a.shape, a.Blocks = 0, -1, -1, nil, false
}

// large is the size of a message, in bytes, from which on its texts are counted before they are listed: a list that grows leaves
// several times its own size behind.
const large = 16 << 10

func (a *Answer) walkJSON(data []byte, s *answerShape) error {
	a.clear(math.MaxInt, math.MaxInt)
	if len(data) > large {
		n := min(bytes.Count(data, []byte{'"'})/2, maxParts)
		a.Pieces, a.owners = slices.Grow(a.Pieces, n), slices.Grow(a.owners, n)
	}
	a.shape, a.data = s, data
	a.stack[0] = level{owner: owner{-1, -1}}
	if cap(a.arena) < len(data) {
		a.arena = make([]byte, 0, len(data))
	}
	if err := a.json.Walk(data, limits(len(data)), (*answerWalker)(a)); err != nil {
		return err
	}
	a.resolve()
	return nil
}

// resolve fills in what is known only when all is read.
func (a *Answer) resolve() {
	if a.shape.event != nil {
		a.shape.event(a, a.kind)
	}
	a.Blocks = a.shape.blocks && len(a.Event) > 0
	for i := range a.Pieces {
		if c := &a.Pieces[i].Channel; c.Field != 0 {
			c.Choice, c.Call = a.index(a.owners[i].choice, a.choice), a.index(a.owners[i].call, a.call)
			if a.shape.blocks && !a.Blocks && !c.Args {
				c.Call = -1 // clients join the blocks of a whole answer
			}
		}
	}
	for i := range a.Calls {
		c := &a.Calls[i]
		if c.Choice, c.Call = a.index(c.owner.choice, a.choice), a.index(c.owner.call, a.call); c.item > 0 {
			c.Choice = c.item - 1
		}
	}
	for _, o := range a.finish {
		a.Ends = append(a.Ends, End{a.index(o.choice, -1), -1})
	}
}

func (a *Answer) index(element int, none int64) int64 {
	if element < 0 {
		return none
	}
	return a.elements[element]
}

// infinite marks an embedding that no float32 holds.
func infinite(v float64) bool { return math.IsNaN(v) || math.Abs(v) > math.MaxFloat32 }
