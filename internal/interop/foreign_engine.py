"""An engine that knows nothing of where its model comes from: reads the GGUF file at a path with llama.cpp, as ctransformers
packs it, and writes the ids that follow each prompt.

    foreign_engine.py MODEL COUNT PROMPT_IDS...      PROMPT_IDS is a JSON list; prints a JSON list of lists
"""

import json
import sys
import types

# ctransformers imports a client of model hubs that it does not need for a file.
hub, utils = types.ModuleType("huggingface_hub"), types.ModuleType("huggingface_hub.utils")
hub.HfApi = hub.snapshot_download = utils.validate_repo_id = None
utils.HFValidationError = ValueError
sys.modules.update({"huggingface_hub": hub, "huggingface_hub.utils": utils})

from ctransformers import LLM  # noqa: E402

model, count, prompts = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
llm = LLM(model_path=model, model_type="llama")
out = []
for prompt in prompts:
    ids = []
    for token in llm.generate(json.loads(prompt), top_k=1, temperature=1.0, repetition_penalty=1.0, threads=1, reset=True):
        ids.append(token)
        if len(ids) == count:
            break
    out.append(ids)
print(json.dumps(out))
