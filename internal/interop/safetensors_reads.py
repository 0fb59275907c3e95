"""Reads files, each after its length in four bytes, from the first argument, and prints for each a line of JSON: what the reference
reader of safetensors takes for its tensors, or null where it refuses the file."""
import json, struct, sys

import safetensors

with open(sys.argv[1], "rb") as f:
    while size := f.read(4):
        data = f.read(struct.unpack("<I", size)[0])
        try:
            tensors = {name: [t["dtype"], t["shape"], len(t["data"])] for name, t in safetensors.deserialize(data)}
        except Exception:
            tensors = None
        print(json.dumps(tensors))
