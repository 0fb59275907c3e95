package pickle

import (
	"slices"
	"strings"
)

// judge puts an import on one of three lists. Names are compared whole.
func judge(i Import) Verdict {
	switch {
	case i.Module == "?" || i.Name == "?" || strings.Contains(i.Module, "?"):
		return Dangerous
	case slices.Contains(allowed(i.Module), i.Name):
		return Clean
	case i.Module == "torch" && strings.HasSuffix(i.Name, "Storage") && !strings.Contains(i.Name, "."):
		return Clean
	case slices.Contains(dangerousModules(), top(i.Module)), slices.Contains(dangerousPackages(), i.Module):
		return Dangerous
	}
	for _, p := range dangerousPackages() {
		if strings.HasPrefix(i.Module, p+".") {
			return Dangerous
		}
	}
	return Unknown
}

func top(module string) string {
	t, _, _ := strings.Cut(module, ".")
	return t
}

// allowed lists, for a module, the names whose call builds a container or a tensor and does nothing else.
func allowed(module string) []string {
	switch module {
	case "collections":
		return []string{"OrderedDict", "defaultdict", "deque", "Counter"}
	case "__builtin__": // of Python 2, whose names the protocols 0 to 2 write
		return append(allowed("builtins"), "xrange", "unicode", "long")
	case "builtins":
		return []string{"set", "frozenset", "complex", "bytearray", "bytes", "dict", "list", "tuple", "int", "float", "bool", "str", "slice", "range"}
	case "_codecs":
		return []string{"encode"}
	case "torch":
		return []string{
			"Size", "Tensor", "device", "float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool", "half", "float", "double",
			"complex64", "complex128", "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", "strided",
		}
	case "torch._utils":
		return []string{"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_parameter"}
	case "torch.storage":
		return []string{"UntypedStorage"}
	case "torch.serialization":
		return []string{"_get_layout"}
	case "torch.nn.parameter":
		return []string{"Parameter"}
	case "numpy":
		return []string{"dtype", "ndarray"}
	case "numpy.core.multiarray", "numpy._core.multiarray":
		return []string{"_reconstruct", "scalar"}
	case "numpy.core.numeric", "numpy._core.numeric": // arrays in protocol 5
		return []string{"_frombuffer"}
	}
	return nil
}

// dangerousModules lists top-level modules that run code, reach files, processes or the network, or look up further
// names. The list only sharpens a refusal into "dangerous": what is on no list is refused as unknown.
func dangerousModules() []string {
	return []string{
		"__builtin__", "builtins", "os", "posix", "nt", "sys", "subprocess", "commands", "popen2", "pty", "shutil", "socket", "ssl",
		"requests", "aiohttp", "httplib", "http", "urllib", "urllib2", "urllib3", "ftplib", "smtplib", "telnetlib", "webbrowser", "xmlrpc",
		"runpy", "pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "importlib", "imp", "pkgutil", "code",
		"codeop", "ctypes", "cffi", "operator", "_operator", "functools", "_functools", "asyncio", "multiprocessing", "threading", "concurrent",
		"bdb", "pdb", "pydoc", "pip", "ensurepip", "venv", "idlelib", "lib2to3", "distutils", "setuptools", "timeit", "cProfile", "profile",
		"trace", "doctest", "unittest", "platform", "tempfile", "pathlib", "glob", "fileinput", "io", "_io", "inspect", "ast", "dis", "gc", "site",
		"sysconfig", "zipimport", "zipfile", "tarfile", "signal", "resource", "mmap", "msvcrt", "winreg", "_winapi", "_osx_support", "_aix_support",
		"_pyrepl", "uuid", "logging", "configparser", "sqlite3", "gopen", "fickling", "test", "antigravity", "this", "_posixsubprocess",
		"_ctypes", "_socket", "_imp", "_thread", "_frozen_importlib", "_frozen_importlib_external", "imaplib", "poplib", "nntplib", "rlcompleter",
	}
}

// dangerousPackages lists modules below packages that are not dangerous as a whole.
func dangerousPackages() []string {
	return []string{
		"torch._inductor", "torch._dynamo", "torch.serialization", "torch.hub", "torch.jit", "torch.package", "torch.distributed", "torch.utils",
		"torch.fx", "torch.testing", "torch.multiprocessing", "numpy.testing", "numpy.distutils", "numpy.f2py", "numpy.lib",
	}
}
