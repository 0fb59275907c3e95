// Package memory is where plaintext goes when it leaves the chain: memory off Go's heap, files in memory that cannot be
// changed, directories in memory, and foreign engines that get one of them and little else.
//
// From the fastest to the slowest, take the first that the engine can use:
//
//   - [Ring], buffers that are used again and again on the way to a device: no page faults at all.
//   - [Region], one piece of memory of any size, on huge pages where there are some: for engines in this process.
//   - [NewFile], a sealed file in memory: for engines that want a path, which a child opens as /proc/self/fd/3.
//   - [Dir], a directory in memory: for engines that want names beside each other.
//
// A file and a directory exist for others only after the function that fills them has returned nil, which for
// sign.Model.ReadInto means that every byte was verified. [Engine] starts a child that gets them, under a user of its own, with
// no environment, network or TEE device of the server's, and says what it enforced; what cannot be enforced is an error
// unless it was named. [HardenProcess] does the same for the server itself, and is called by nobody but the caller.
//
// What each measure takes, and what engines ask for, is in docs/engines.md.
//
// # What it does not do
//
// It keeps plaintext from disks, core dumps, other users, other models' engines and accidents. It does not keep it from
// root of the same kernel, who reads any process's memory; against the host of a machine only a confidential machine
// helps. Memory may be swapped out unless it is locked or on a tmpfs without swap; turn swap off where models are secret.
// A sealed file cannot be overwritten when it is done with: its pages are freed, and cleared by the kernel when they are used
// again.
//
// # Elsewhere than on Linux
//
// [Region] and [Ring] take Go's heap, which is scanned, may be dumped and is freed when the collector runs; requiring more
// is [ErrUnsupported], and [Facts] say so. [NewFile], [NewDir], [Engine] and [HardenProcess] give [ErrUnsupported]: there is
// no weaker form of them that a caller might mistake for the real one.
package memory
