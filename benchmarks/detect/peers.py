# Asks a peer about the texts on standard input, with its defaults: prints which it flags and the CPU time that took.
import json
import sys
import time

import guardify

texts = json.load(sys.stdin)["texts"]
for text in texts[:100]:
    guardify.detect(text)
start = time.process_time()
flagged = [guardify.detect(text)["label"] == "injection" for text in texts]
json.dump({"flagged": flagged, "micros": (time.process_time() - start) * 1e6}, sys.stdout)
