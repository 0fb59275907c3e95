// Package sevguest lets google/go-sev-guest read SEV-SNP reports, for machines where its ioctl backend is wanted (kernels
// before 6.7), and uses its verifier as an oracle in tests. Verification is package snp's own.
//
// Programs that import go-sev-guest's client get its flags on flag.CommandLine, and its device throttles itself: prefer
// [snp.Device] where configfs-tsm exists.
package sevguest
