package main

import (
	"crypto"
	"errors"
	"fmt"
	"io/fs"
)

// rises makes sure that what is written to a file replaces nothing else, and nothing of the same key with the same or a higher
// number: those who have that one would refuse the new one.
func rises(out string, key crypto.PublicKey, number uint64, numberOf func(envelope []byte, key crypto.PublicKey) (uint64, error)) error {
	old, err := readFile(out, maxDocument)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	was, err := numberOf(old, key)
	if err != nil {
		return fmt.Errorf("%w: %s is left as it is: %w", errUsage, out, err)
	}
	if number <= was {
		return fmt.Errorf("%w: number %d is not above %d, which %s has", errRefused, number, was, out)
	}
	return nil
}
