package main

import (
	"errors"
	"slices"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/crypto/kek"
	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/oci"
)

const (
	exitRefused = 1
	exitUsage   = 2
)

// errUsage marks errors of the command line itself; errRefused those of checks that only the command line makes.
var (
	errUsage   = errors.New("usage")
	errRefused = errors.New("refused")
)

// exitCode tells a check that refused from everything else. A file that was signed and is missing is a refusal, though it
// is also a missing file, so the checks are asked first.
func exitCode(err error) int {
	refused := slices.ContainsFunc([]error{
		errRefused,
		sign.ErrSignature, sign.ErrPolicy, sign.ErrMismatch, sign.ErrMissing, sign.ErrNotRegular, sign.ErrTap,
		sign.ErrFormat, sign.ErrUnsupported, sign.ErrTooLarge, sign.ErrArchive, oci.ErrLayout, oci.ErrDigest, oci.ErrUnsupported,
		seal.ErrAuth, seal.ErrTruncated, seal.ErrFormat, seal.ErrCommitment, seal.ErrKeyset, seal.ErrUnsupported, seal.ErrTooLarge,
		seal.ErrSource, kek.ErrNoWrap, kek.ErrUnwrap, kek.ErrFormat,
		attest.ErrFormat, attest.ErrKind, attest.ErrSignature, attest.ErrBinding, attest.ErrPolicy,
		mbom.ErrPolicy, mbom.ErrFormat, mbom.ErrMismatch, detect.ErrModel,
		keyrelease.ErrDenied, keyrelease.ErrServer, keyrelease.ErrVersion, keyrelease.ErrFloor, holdfast.ErrFloor, holdfast.ErrMismatch,
	}, func(target error) bool { return errors.Is(err, target) })
	if refused && !errors.Is(err, errUsage) {
		return exitRefused
	}
	return exitUsage
}
