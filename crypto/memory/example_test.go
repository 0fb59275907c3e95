package memory_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/holdfast-ai/holdfast/crypto/memory"
)

// An engine in this process gets one piece of memory on huge pages, filled in one pass: holdfast.Chain's Model().ReadInto
// reads, decrypts, verifies and scans straight into it.
func ExampleNewRegion() {
	readInto := func(dst []byte) error { copy(dst, "weights"); return nil } // chain.Model().ReadInto(ctx, name, dst)

	r, err := memory.NewRegion(7, memory.Options{Huge: memory.Try})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close() // clears it
	if err := readInto(r.Bytes()); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", r.Bytes())
	// Output: weights
}

// Weights go to a device through two buffers, which are used again and again.
func ExampleRing() {
	ring, err := memory.NewRing(2, 4, memory.Options{Huge: memory.Try, Lock: memory.Try})
	if err != nil {
		log.Fatal(err)
	}
	defer ring.Close()
	for _, part := range []string{"wei", "ghts"} {
		b, err := ring.Get(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		n := copy(b, part)        // chunk, err := stream.Next(ctx, b), of sign.Model.ProvisionalStream
		fmt.Printf("%s\n", b[:n]) // the copy to the device
		if err := ring.Put(b); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// wei
	// ghts
}

// A foreign engine gets one verified file as /proc/self/fd/3, serves on a socket of its own, and has nothing else. This
// server is no root in its container, so two measures are named that it cannot take; everything else holds, or the
// engine does not start.
func ExampleEngine() {
	ctx := context.Background()
	fill := func([]byte) error { return nil }               // chain.Model().ReadInto: see holdfast.Chain.Memfd
	model, err := memory.NewFile("model.gguf", 1<<20, fill) // nobody can change it any more
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()

	e := memory.Engine{
		Path:            "/opt/llama/llama-server",
		Args:            []string{"--model", memory.FilePath(0), "--host", "/run/engine/llama.sock"},
		Files:           []*os.File{model},
		Write:           []string{"/run/engine"},
		Network:         memory.Network{Local: true},
		Stderr:          os.Stderr,
		InsecureWithout: memory.OwnUser | memory.NoSurvivors,
	}
	p, err := e.Start(ctx)
	if unenforced, ok := errors.AsType[*memory.UnenforcedError](err); ok {
		log.Fatalf("this machine cannot confine an engine: %v", unenforced.Missing)
	}
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("engine %d runs under: %v", p.Pid(), p.Report().Enforced)
	if err := p.Wait(); err != nil {
		log.Fatal(err)
	}
}
