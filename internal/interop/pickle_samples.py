"""Samples of pickles for TestPickleScanners and TestPickleWalk.

make DIR              writes harmless pickles (good_*) and ones whose load calls something (bad_*)
judge DIR             prints what picklescan, fickling and modelscan say of each, as JSON; nothing is loaded
walk FILE COUNT SEED  writes files, each after its length, that one of CPython's two unpicklers calls a command for; commands are
                      replaced by a function that notes the call
"""
import collections, glob, io, json, os, pickle, random, resource, struct, sys, warnings

warnings.simplefilter("ignore")


class Call:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


def make(directory):
    import asyncio, cProfile, functools, importlib, linecache, logging.config, operator, pdb, pydoc, runpy, shutil, subprocess, timeit, webbrowser

    import numpy as np

    def write(name, data):
        with open(os.path.join(directory, name), "wb") as f:
            f.write(data)

    bad = {
        "system": Call(os.system, "true"), "eval": Call(eval, "1"), "runpy": Call(runpy.run_path, "x"), "popen": Call(subprocess.Popen, ["true"]),
        "import": Call(importlib.import_module, "os"), "getattr": Call(getattr, "x", "upper"), "attrgetter": Call(operator.attrgetter, "a"),
        "partial": Call(functools.partial, print, 1), "browser": Call(webbrowser.open, "x"), "timeit": Call(timeit.timeit, "1"),
        "rmtree": Call(shutil.rmtree, "x"), "np.load": Call(np.load, "x"), "compile": Call(compile, "1", "a", "eval"), "pdb": Call(pdb.run, "1"),
        "pydoc": Call(pydoc.pipepager, "a", "true"), "profile": Call(cProfile.run, "1"), "asyncio": Call(asyncio.run, 1),
        "fromfile": Call(np.fromfile, "x"), "memmap": Call(np.memmap, "x"), "linecache": Call(linecache.getline, "/etc/passwd", 1),
        "open": Call(open, "/etc/passwd"), "logging": Call(logging.config.fileConfig, "x"),
    }
    good = {
        "dict": {"a": 1, "b": [1, 2.5, None, True, "x" * 5000, b"y" * 300]}, "ordered": collections.OrderedDict(a=1),
        "default": collections.defaultdict(list, {"a": [1]}), "array": np.arange(10.0), "objects": np.array(["a", 1], dtype=object),
        "scalar": np.float32(3), "bool": np.bool_(True), "complex": 1 + 2j, "set": {1, 2}, "frozenset": frozenset([1]), "slice": slice(1, 2),
        "range": range(3), "long": 10**200, "bytearray": bytearray(b"abc"), "deque": collections.deque([1]),
        "records": np.zeros(3, dtype=[("a", "f4"), ("b", "i8")]), "dates": np.array(["2020"], dtype="M8[D]"), "counter": collections.Counter("abc"),
        "order": np.asfortranarray(np.ones((3, 4))), "text": "a", "none": None, "tuple": (1, 2, (3,)), "rng": {"s": np.random.RandomState(0).get_state()},
    }
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for kind, samples in ("bad", bad), ("good", good):
            for name, value in samples.items():
                write(f"{kind}_{name}_{protocol}.pkl", pickle.dumps(value, protocol))
    for name, value in bad.items():
        np.save(os.path.join(directory, f"bad_{name}.npy"), np.array([value], dtype=object), allow_pickle=True)


def judge(directory):
    from fickling.analysis import check_safety
    from fickling.fickle import Pickled
    from modelscan.modelscan import ModelScan
    from picklescan.scanner import scan_file_path

    out, scan = {}, ModelScan()
    for path in sorted(glob.glob(os.path.join(directory, "*.pkl"))):
        with open(path, "rb") as f:
            try:
                severity = check_safety(Pickled.load(f)).severity.name
            except NotImplementedError:
                severity = "NOT_READ"
        out[os.path.basename(path)] = {
            "picklescan": bool(scan_file_path(path).issues_count), "fickling": severity, "modelscan": bool(scan.scan(path)["issues"]),
        }
    json.dump(out, sys.stdout)


called = []


class Noting:
    def find_class(self, module, name):
        if module in ("os", "posix", "builtins") and name in ("system", "exec", "eval"):
            return lambda *arguments: called.append(arguments)
        if module in ("collections", "builtins") and name in ("OrderedDict", "list", "str", "dict"):
            return getattr(__import__(module), name)
        raise pickle.UnpicklingError


class InC(Noting, pickle.Unpickler):
    pass


class InPython(Noting, pickle._Unpickler):
    pass


def runs(unpickler, data):
    called.clear()
    f = io.BytesIO(data)
    try:
        for _ in range(4):  # as torch.load reads several in a row
            unpickler(f).load()
    except Exception:
        pass
    return bool(called)


def walk(path, count, seed):
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    sys.stderr = open(os.devnull, "w")
    pick = random.Random(seed)
    number = [b"1", b"0", b"01", b"0x1f", b"0b1", b" 1", b"1 ", b"+1", b"-1", b"1_0", b"1L", b"\t1", b"1\x00x", b"\x00x", b"1\r", b"1e3", b".5", b"nan", b"+Infinity", b"1__0"]
    text = [b"'a'", b'"a"', b"'a' ", b"''", b"'\\x6f\\163'", b"'\\545xec'", b"'a'\x00", b"'\\\\'"]
    escaped = [b"os", b"\\u006fs", b"\\x", b"\\U0000006f", b"\\ud800", b"a\x00b", b""]
    name = [b"collections\nOrderedDict", b"builtins\nlist", b"builtins\nstr", b"os\r\nx", b"my-module\nf"]
    system = [
        b"cos\nsystem\n", b"S'os'\np7\n0S'system'\np8\n0g7\ng8\n\x93", b"S'os'\nS'sy\\163tem'\n\x93", b"\x8c\x02os\x8c\x06system\x93", b"Vos\nVsystem\nq\xc2\x93",
        b"cbuiltins\neval\n", b"S'\\557s'\nS'\\563ystem'\n\x93",
    ]
    ops = [
        lambda: b"I" + pick.choice(number) + b"\n", lambda: b"F" + pick.choice(number) + b"\n", lambda: b"L" + pick.choice(number) + b"\n",
        lambda: b"S" + pick.choice(text) + b"\n", lambda: b"V" + pick.choice(escaped) + b"\n", lambda: b"p" + pick.choice(number) + b"\n",
        lambda: b"g" + pick.choice(number) + b"\n", lambda: b"K" + pick.choice([b" ", b"\xc2", b"\xff"]), lambda: b"q" + pick.choice([b"\x00", b" ", b"\xc2"]),
        lambda: b"h" + pick.choice([b"\x00", b" "]), lambda: pick.choice([b"N", b"0", b"(", b"1", b"2", b".", b"R", b"b", b"o", b"\x81", b"\x92"]),
        lambda: pick.choice([b"t", b"l", b"d", b")", b"}", b"]", b"\x8f", b"a", b"s", b"u", b"e", b"\x90", b"\x91", b"\x85", b"\x86", b"\x94"]),
        lambda: b"U\x03abc", lambda: b"X\x02\x00\x00\x00os", lambda: b"\x80" + bytes([pick.randrange(7)]), lambda: b"c" + pick.choice(name) + b"\n",
        lambda: b"\x95" + struct.pack("<Q", pick.choice([0, 1, 3, 5, 10, 20, 40, 1 << 62, 0x4141414141414141])), lambda: b"P1\n", lambda: b"\x8a\x01\x05",
    ]
    calls = [lambda f: f + b"(S'x'\ntR", lambda f: f + b"S'x'\n\x85R", lambda f: b"(S'x'\nios\nsystem\n", lambda f: b"(S'x'\nios\nsystem", lambda f: b"(" + f + b"S'x'\no", lambda f: f + b")R"]
    with open(path, "wb") as out:
        while count > 0:
            data = b"".join(pick.choice(ops)() for _ in range(pick.randrange(8))) + pick.choice(calls)(pick.choice(system)) + pick.choice([b"", b".", b".xx", b"\n", b"X"])
            if pick.random() < 0.3:
                damaged = bytearray(data)
                for _ in range(pick.randrange(1, 3)):
                    damaged[pick.randrange(len(damaged))] = pick.choice([pick.randrange(256), *b"\n\r .0(NR"])
                data = bytes(damaged)
            if runs(InC, data) or runs(InPython, data):
                out.write(struct.pack("<I", len(data)) + data)
                count -= 1


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    {"make": make, "judge": judge, "walk": lambda p, n, s: walk(p, int(n), int(s))}[verb](*rest)
