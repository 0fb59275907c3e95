package receipt_test

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/receipt"
)

// An auditor who holds the salt of an exchange checks what was asked and answered. K and the chain come from a verified statement
// ([attest.Statement]); [Handler] makes receipts as a server answers.
func ExampleVerify() {
	k, err := attest.NewIdentity()
	if err != nil {
		fmt.Println(err)
		return
	}
	salt, chain := [32]byte{1}, attest.Digest{2}
	envelope, err := receipt.Sign(k, receipt.Receipt{
		Chain: chain, ModelID: attest.Digest{3}, Request: receipt.MAC(salt, []byte("question")), Response: receipt.MAC(salt, []byte("answer")),
		Complete: true, Seq: 1, Time: time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := receipt.Verify(k.Public().(*ecdsa.PublicKey), chain, envelope)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("receipt", r.Seq, r.Covers(salt, []byte("question"), []byte("answer")))
	fmt.Println("of another answer:", errors.Is(r.Covers(salt, []byte("question"), []byte("other")), receipt.ErrMismatch))
	// Output:
	// receipt 1 <nil>
	// of another answer: true
}
