package secret_test

import (
	"errors"
	"fmt"

	"github.com/holdfast-ai/holdfast/crypto/secret"
)

// Key bytes are used inside a function, shown by nothing, and gone after Destroy.
func ExampleBytes() {
	key := secret.New([]byte{1, 2, 3, 4})
	defer key.Destroy()
	err := key.Use(func(b []byte) error {
		fmt.Println(len(b), "bytes")
		return nil
	})
	fmt.Println(err)
	fmt.Printf("%v %x\n", key, key)
	key.Destroy()
	fmt.Println(errors.Is(key.Use(func([]byte) error { return nil }), secret.ErrDestroyed))
	// Output:
	// 4 bytes
	// <nil>
	// [secret] [secret]
	// true
}
