package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/examples/engine"
	"github.com/holdfast-ai/holdfast/mbom"
)

// advice adds to the refusal of a model, and to a machine without evidence, what its publisher, or whoever serves it, can do about that. The error stays what it was.
func advice(err error) error {
	if errors.Is(err, attest.ErrUnavailable) {
		return fmt.Errorf("%w\n--platform needs a guest with that hardware, its driver, and configfs at /sys/kernel/config that this user may write to", err)
	}
	refusal, ok := errors.AsType[*mbom.PolicyError](err)
	if !ok {
		return err
	}
	var what string
	switch refusal.Field {
	case "InsecureAllowMissingBOM":
		what = "whoever publishes the model makes one with holdfast mbom, and signs the model again"
	case "Licences":
		what = "--licence names those that are accepted, in place of the default; --insecure-any-licence accepts all and none; " +
			"a publisher declares one before mbom and sign, at the head of README.md (license: mit between two lines ---) or in a GGUF file"
	case "Formats":
		what = "holdfast mbom lists every such file, docs/formats.md says what to publish instead; --allow-format accepts a format that is not safe"
	case "Templates":
		what = "holdfast mbom prints the digest of each chat template, for --template-sha256"
	default:
		return err
	}
	return fmt.Errorf("%w\n%s", err, what)
}

// engineAdvice adds to what the built-in engine does not run that there are others.
func engineAdvice(err error) error {
	if !errors.Is(err, engine.ErrUnsupported) && !errors.Is(err, engine.ErrFormat) && (!errors.Is(err, fs.ErrNotExist) || exitCode(err) == exitRefused) {
		return err
	}
	return fmt.Errorf("%w\nthe built-in engine runs small Llama models, in the layout of Hugging Face or as one GGUF file: --upstream guards a server that runs others", err)
}
