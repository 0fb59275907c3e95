"""Train harbor-tiny from a seed and write the model folder's weights, tokenizer and configuration.

    python train.py [--model ../harbor-tiny] [--work DIR] [--seed 7] [--scale 1]

Data (generate.py), tokenizer (tokenizer.py) and weights all follow from the seed: one thread, float32,
deterministic kernels. Loss counts on assistant tokens alone. Two phases, each conversation seen once. The log
with data digest, hyperparameters, versions and loss goes to train_log.json and, as a picture, loss.svg.
"""

import argparse
import itertools
import json
import math
import pathlib
import platform
import random
import tempfile
import time

import numpy
import safetensors
import safetensors.torch
import tokenizers
import torch
import transformers

import generate
import plot
import tokenizer

SHAPE = dict(vocab_size=tokenizer.VOCAB, hidden_size=128, intermediate_size=384, num_hidden_layers=3, num_attention_heads=2,
             num_key_value_heads=1, head_dim=64, max_position_embeddings=tokenizer.CONTEXT, rms_norm_eps=1e-5, tie_word_embeddings=True,
             bos_token_id=0, eos_token_id=1, hidden_act="silu", attention_bias=False, mlp_bias=False)
HYPER = dict(batch=32, peak_lr=[3e-3, 2e-3], final_lr=3e-5, warmup_steps=300, betas=[0.9, 0.95], weight_decay=0.05, clip=1.0)


def load(path, tok):
    """Token ids and loss mask of every conversation in a .jsonl file, as pairs of int16 and bool arrays."""
    rows = []
    for line in open(path, encoding="utf-8"):
        messages = json.loads(line)["messages"]
        ids, _ = tokenizer.encode_chat(tok, messages, generation_prompt=False)
        mask, inside = [], False
        for i in ids:
            mask.append(inside)
            inside = i == 4 or inside and i != 1
        rows.append((numpy.array(ids, numpy.int16), numpy.array(mask)))
    return rows


def batches(rows, size, rng):
    """Batches of rows of like length: shuffle, sort within pools of 64 batches, shuffle the batches of a pool."""
    order = list(range(len(rows)))
    rng.shuffle(order)
    for at in range(0, len(order), size * 64):
        pool = sorted(order[at:at + size * 64], key=lambda i: len(rows[i][0]))
        groups = [pool[i:i + size] for i in range(0, len(pool), size)]
        rng.shuffle(groups)
        for group in groups:
            width = max(len(rows[i][0]) for i in group)
            ids, mask = numpy.ones((len(group), width), numpy.int64), numpy.zeros((len(group), width), bool)
            for r, i in enumerate(group):
                ids[r, :len(rows[i][0])], mask[r, :len(rows[i][0])] = rows[i]
            yield torch.from_numpy(ids), torch.from_numpy(mask)


def learning_rate(step, steps, peak):
    """Linear warm-up, then a cosine down to the final rate."""
    if step < HYPER["warmup_steps"]:
        return peak * (step + 1) / HYPER["warmup_steps"]
    x = (step - HYPER["warmup_steps"]) / max(1, steps - HYPER["warmup_steps"])
    return HYPER["final_lr"] + (peak - HYPER["final_lr"]) * 0.5 * (1 + math.cos(math.pi * x))


def fit(model, phases, seed, peak, report):
    """Train on the rows of each phase in turn, once, under one rate schedule; returns the loss curve as [step, loss]
    means of 50 steps, and the number of tokens seen, padding included."""
    decay = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() <= 1]
    opt = torch.optim.AdamW([{"params": decay, "weight_decay": HYPER["weight_decay"]}, {"params": rest, "weight_decay": 0.0}],
                            betas=tuple(HYPER["betas"]))
    steps, curve, window, tokens = sum(math.ceil(len(rows) / HYPER["batch"]) for rows in phases), [], [], 0
    for step, (ids, mask) in enumerate(batch for rows in phases for batch in batches(rows, HYPER["batch"], random.Random(seed))):
        for group in opt.param_groups:
            group["lr"] = learning_rate(step, steps, peak)
        hidden = model.model(input_ids=ids[:, :-1]).last_hidden_state  # padding is on the right: the causal mask hides it
        wanted = mask[:, 1:]
        loss = torch.nn.functional.cross_entropy(model.lm_head(hidden[wanted]), ids[:, 1:][wanted])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), HYPER["clip"])
        opt.step()
        opt.zero_grad()
        window.append(loss.item())
        tokens += int(ids.numel())
        if len(window) == 50 or step == steps - 1:
            curve.append([step + 1, round(sum(window) / len(window), 4)])
            report(f"step {step + 1}/{steps} loss {curve[-1][1]:.4f} tokens {tokens}")
            window = []
    return curve, tokens


def export(model, out):
    """Write model.safetensors (float32, tied head not stored), config.json and generation_config.json."""
    tensors = {k: v.contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    safetensors.torch.save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)  # safetensors writes it for the owner alone
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **SHAPE, "pad_token_id": 1, "rope_theta": 10000.0,
              "rope_scaling": None, "initializer_range": 0.02, "attention_dropout": 0.0, "use_cache": True, "torch_dtype": "float32"}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    generation = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1, "do_sample": False, "max_new_tokens": 96}
    (out / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")


def main():
    """Command line."""
    here = pathlib.Path(__file__).resolve().parent
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--model", type=pathlib.Path, default=here.parent / "harbor-tiny")
    p.add_argument("--work", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "harbor-tiny-data")
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--scale", type=float, default=1.0)
    a = p.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    began = time.monotonic()
    report = lambda text: print(f"{time.monotonic() - began:7.0f} s  {text}", flush=True)
    data = generate.write(a.work, a.seed, a.scale, 200)
    files = [a.work / f"train-{n}.jsonl" for n in (1, 2, 3)]
    a.model.mkdir(parents=True, exist_ok=True)
    lines = itertools.islice(open(files[1], encoding="utf-8"), 60000)
    tok = tokenizer.train((m["content"] for line in lines for m in json.loads(line)["messages"]), a.model)
    phases = [load(path, tok) for path in files]
    torch.manual_seed(a.seed)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**SHAPE))
    curve, tokens = fit(model, phases[:2], a.seed, HYPER["peak_lr"][0], report)
    more, extra = fit(model, phases[2:], a.seed, HYPER["peak_lr"][1], report)
    curve, tokens = curve + [[curve[-1][0] + step, loss] for step, loss in more], tokens + extra
    export(model, a.model)
    log = {"data": data, "shape": SHAPE, "parameters": sum(p.numel() for p in model.parameters()), "hyperparameters": HYPER,
           "steps": curve[-1][0], "tokens_with_padding": tokens, "answer_tokens": int(sum(r[1].sum() for p in phases for r in p)),
           "longest_conversation_tokens": max(len(r[0]) for p in phases for r in p), "seconds": round(time.monotonic() - began),
           "versions": {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__,
                        "tokenizers": tokenizers.__version__, "safetensors": safetensors.__version__, "numpy": numpy.__version__},
           "loss": curve}
    (here / "train_log.json").write_text(json.dumps(log) + "\n")
    (here / "heldback.jsonl").write_bytes((a.work / "heldback.jsonl").read_bytes())
    (here / "loss.svg").write_text(plot.loss_curve(curve))


if __name__ == "__main__":
    main()
