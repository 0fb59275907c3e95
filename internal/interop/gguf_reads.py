"""What the gguf package reads in a GGUF file, as one JSON object.

    gguf_reads.py MODEL
"""

import json
import sys

import gguf

reader = gguf.GGUFReader(sys.argv[1])
json.dump({
    "fields": {k: f.contents() for k, f in reader.fields.items()},
    "tensors": {t.name: {"dims": [int(d) for d in t.shape], "type": t.tensor_type.name, "sum": float(t.data.astype("float64").sum())} for t in reader.tensors},
}, sys.stdout)
