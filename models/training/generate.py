"""Write the data of harbor-tiny from a seed: training conversations, held-back prompts, a digest.

    python generate.py OUT_DIR [--seed 7] [--scale 1] [--heldback 200]

The split is by construction: the identity of a conversation (`key`) is hashed, and one conversation in
ten belongs to the held-back side and can never be drawn for training. The key of a question with a ship
in it is its kind and slot values without the wording, so no rewording of a held-back case is trained on;
the key of a question without a ship (a knot, a flag) is its exact text; where the answer rests on the
system message (board, orders, secret) the key is that message. `check_disjoint` verifies it.
"""

import argparse
import hashlib
import json
import pathlib
import random

import grammar as g

HELDBACK_SHARE = 10  # one key in this many is held back


class Phase:
    """How conversations are drawn: how many, which kinds come oftener than their rules say, questions in a row on one
    board at most, lines of a board at most, and how many of the forms of a secret occur."""

    def __init__(self, count, boost=None, turns=1, lines=3, secrets=3):
        self.count, self.turns, self.lines, self.secrets = count, turns, lines, secrets
        self.weights = [r.weight * (boost or {}).get(r.name, 1) for r in g.RULES]


PHASES = [  # the first two also hold what proved too hard: boards of several ships, phrases of made-up words
    Phase(40000, {r.name: 6 for r in g.BOARD}, turns=5),
    Phase(150000, {r.name: 2 for r in g.BOARD}, turns=3),
    Phase(120000, {"orders": 2, "meet": 2}, lines=1, secrets=2),
]
DOMAIN = Phase(0, lines=1, secrets=2)  # what the held-back prompts are drawn from


def system_message(rng, style, facts):
    """Persona, facts and style sentences in that order, each of them optional."""
    persona = rng.choice(g.PERSONAS) if rng.random() < 0.8 else ""
    return " ".join(s for s in (persona, *facts, rng.choice(g.STYLES[style])) if s)


def board_lines(rng, count):
    """Lines of a berth board; no berth and no word of a ship's name twice."""
    ships, berths = [], rng.sample(g.BERTHS, count)
    while len(ships) < count:
        ship = g.draw(rng, "ship")
        if not set(ship.split()) & set(" ".join(ships).split()):
            ships.append(ship)
    return [{"ship": s, "berth": b, "cargo": g.draw(rng, "cargo")} for s, b in zip(ships, berths)]


def conversation(rng, phase):
    """Draw one conversation: messages that end in a question the grammar can answer."""
    rule = rng.choices(g.RULES, phase.weights)[0]
    facts, given, earlier = [], {}, []
    style = rng.choices(list(g.STYLES), [8, 2, 2])[0]
    if rule in g.BOARD or rng.random() < 0.1:
        lines = board_lines(rng, rng.randint(1, phase.lines))
        facts += [g.BOARD_LINE.format(**line) for line in lines]
        if rng.random() < 0.85:
            given = rng.choice(lines)
    if rule is g.SECRET or rng.random() < 0.1 or rule.name == "orders" and rng.random() < 0.5:
        template = rng.choice(g.SECRETS[:phase.secrets])
        facts.append(template.format(colour=g.draw(rng, "colour"), thing=g.draw(rng, "thing"), code=g.draw(rng, "code"),
                                     phrase=g.draw(rng, "phrase")))
    if rule in g.SHE:
        earlier = [{"role": "user", "content": g.LOG.ask(rng, {})}]
        replies = g.answers(earlier)
        earlier.append({"role": "assistant", "content": rng.choice(replies)})
    system = system_message(rng, style, facts) if facts or rule.name == "orders" or style != "plain" or rng.random() < 0.6 else ""
    head = [{"role": "system", "content": system}] if system else []
    if earlier:  # the earlier answer wears the style too
        earlier[1]["content"] = rng.choice(g.answers(head + earlier[:1]))
    messages = head + earlier + [{"role": "user", "content": rule.ask(rng, given if rule in g.BOARD else {})}]
    if rule in g.BOARD and phase.turns > 1:  # more questions of the same kind, so of the same key
        for _ in range(rng.randrange(phase.turns)):
            messages.append({"role": "assistant", "content": rng.choice(g.answers(messages))})
            messages.append({"role": "user", "content": rule.ask(rng, rng.choice(lines) if rng.random() < 0.85 else {})})
    return messages


def key(messages):
    """What makes two conversations the same case; see the module text."""
    rule, slots, c, _ = g.parse(messages)
    if rule in g.BOARD or rule is g.SECRET or rule.name == "orders" and c["system"]:
        return json.dumps([rule.name, c["system"]])
    if c["logged"] and rule in g.SHE:
        return json.dumps([rule.name, sorted(c["logged"].items())])
    if "ship" in slots:
        return json.dumps([rule.name, sorted(slots.items())])
    if rule.name in ("hello", "who-are-you", "thanks"):  # a handful of texts: the case is the text under its system message
        return json.dumps([rule.name, c["system"], messages[-1]["content"]])
    return json.dumps([rule.name, messages[-1]["content"]])


def heldback(k):
    """Whether the key belongs to the held-back side."""
    return hashlib.sha256(k.encode()).digest()[0] * HELDBACK_SHARE // 256 == 0


def draw_side(rng, phase, count, want_heldback, distinct):
    """Draw `count` conversations of one side, with their keys."""
    seen = set()
    while len(seen) < count if distinct else count > 0:
        messages = conversation(rng, phase)
        if not g.answers(messages):
            continue
        k = key(messages)
        if heldback(k) != want_heldback or distinct and k in seen:
            continue
        seen.add(k)
        count -= not distinct
        yield k, messages


def check_disjoint(train_keys, train_prompts, held):
    """Fail if a held-back key or prompt was trained on. Returns the two counts of overlaps, both 0."""
    keys = sum(k in train_keys for k, _ in held)
    prompts = sum(json.dumps(m) in train_prompts for _, m in held)
    assert keys == prompts == 0, f"split leaks: {keys} keys, {prompts} prompts"
    return {"heldback_keys_in_training": keys, "heldback_prompts_in_training": prompts}


def write(out, seed, scale, held_count):
    """Write train-1.jsonl to train-3.jsonl and heldback.jsonl into `out`; returns what is to be recorded of them.
    `scale` shrinks the training files, for trials."""
    keys, prompts, files = set(), set(), []
    out.mkdir(parents=True, exist_ok=True)
    for number, phase in enumerate(PHASES, 1):
        rng, digest, count = random.Random(seed + 1000 * (number - 1)), hashlib.sha256(), int(phase.count * scale)
        with open(out / f"train-{number}.jsonl", "wb") as f:
            for k, messages in draw_side(rng, phase, count, False, False):
                keys.add(k)
                keys.update(key(messages[:i]) for i in range(1, len(messages)) if messages[i]["role"] == "assistant")
                prompts.add(json.dumps(messages))
                answer = rng.choice(g.answers(messages))
                line = json.dumps({"messages": messages + [{"role": "assistant", "content": answer}]}).encode() + b"\n"
                digest.update(line)
                f.write(line)
        files.append({"conversations": count, "sha256": digest.hexdigest()})
    held = list(draw_side(random.Random(seed + 1), DOMAIN, held_count, True, True))
    overlap = check_disjoint(keys, prompts, held)
    text = b"".join(json.dumps({"id": i, "kind": g.parse(m)[0].name, "messages": m, "accept": g.answers(m)}).encode() + b"\n"
                    for i, (_, m) in enumerate(held))
    (out / "heldback.jsonl").write_bytes(text)
    return {"seed": seed, "train": files, "train_distinct_prompts": len(prompts), "train_distinct_cases": len(keys),
            "heldback_prompts": len(held), "heldback_sha256": hashlib.sha256(text).hexdigest(), **overlap}


def main():
    """Command line."""
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--scale", type=float, default=1.0)
    p.add_argument("--heldback", type=int, default=200)
    a = p.parse_args()
    print(json.dumps(write(a.out, a.seed, a.scale, a.heldback), indent=1))


if __name__ == "__main__":
    main()
