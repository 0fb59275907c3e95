package sensitive_test

import (
	"fmt"

	"github.com/holdfast-ai/holdfast/guard/detect/sensitive"
)

// Numbers count with their check digits, or where a word says what they are.
func ExampleSet() {
	s, err := sensitive.New("pii.email", "pii.card", "secret.github")
	if err != nil {
		fmt.Println(err)
		return
	}
	text := []byte("Ann (ann@mail.example) paid order 4111111111111112 with 4111 1111 1111 1111.")
	found := s.Find(nil, text)
	for _, m := range found {
		fmt.Printf("%s %s\n", m.Rule, text[m.Start:m.End])
	}
	// Output:
	// pii.email ann@mail.example
	// pii.card 4111 1111 1111 1111
}
