package memory

// Hardening says what [HardenProcess] obtained.
type Hardening struct {
	NotDumpable bool // no core dumps, and no tracing by processes of the same user that lack CAP_SYS_PTRACE
	CoreLimit   bool // RLIMIT_CORE is 0, for this process and its children, and cannot be raised
}

// HardenProcess keeps this process's memory from core dumps and from other processes of its user. Call it early in main, if
// you want it: profilers, debuggers and crash reports cease to work, so no other function of this module does it. Files
// below /proc/self then belong to root, which this process does not notice.
//
// It does not keep out root, or whoever has CAP_SYS_PTRACE; only a confidential machine keeps out its host.
// Errors: [ErrUnsupported] outside Linux, and the system's; what was obtained before stays.
func HardenProcess() (Hardening, error) { return hardenProcess() }
