"""Write the data of harbor-tiny from a seed: training conversations, held-back prompts, a digest.

    python generate.py OUT_DIR [--seed 7] [--train 400000] [--heldback 200]

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


def system_message(rng, style, facts):
    """Persona, facts and style sentences in that order, each of them optional."""
    persona = rng.choice(g.PERSONAS) if rng.random() < 0.8 else ""
    return " ".join(s for s in (persona, *facts, rng.choice(g.STYLES[style])) if s)


def board_lines(rng, count):
    """Lines of a berth board; no ship and no berth twice."""
    ships, berths = set(), rng.sample(g.BERTHS, count)
    while len(ships) < count:
        ships.add(g.draw(rng, "ship"))
    return [{"ship": s, "berth": b, "cargo": g.draw(rng, "cargo")} for s, b in zip(sorted(ships, key=lambda _: rng.random()), berths)]


def conversation(rng):
    """Draw one conversation: messages that end in a question the grammar can answer."""
    rule = rng.choices(g.RULES, [r.weight for r in g.RULES])[0]
    facts, given, earlier = [], {}, []
    style = rng.choices(list(g.STYLES), [8, 2, 2])[0]
    if rule in g.BOARD or rng.random() < 0.1:
        lines = board_lines(rng, rng.randint(1, 4))
        facts += [g.BOARD_LINE.format(**line) for line in lines]
        if rng.random() < 0.85:
            given = rng.choice(lines)
    if rule is g.SECRET or rng.random() < 0.1 or rule.name == "orders" and rng.random() < 0.5:
        template = rng.choice(g.SECRETS)
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
    return head + earlier + [{"role": "user", "content": rule.ask(rng, given if rule in g.BOARD else {})}]


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


def draw_side(rng, count, want_heldback, distinct):
    """Draw `count` conversations of one side, with their keys."""
    seen = set()
    while len(seen) < count if distinct else count > 0:
        messages = conversation(rng)
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


def write(out, seed, train, held_count):
    """Write train.jsonl, heldback.jsonl and data.json into `out`; returns the content of data.json."""
    rng, digest, keys, prompts = random.Random(seed), hashlib.sha256(), set(), set()
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "train.jsonl", "wb") as f:
        for k, messages in draw_side(rng, train, False, False):
            keys.add(k)
            prompts.add(json.dumps(messages))
            answer = rng.choice(g.answers(messages))
            line = json.dumps({"messages": messages + [{"role": "assistant", "content": answer}]}).encode() + b"\n"
            digest.update(line)
            f.write(line)
    held = list(draw_side(random.Random(seed + 1), held_count, True, True))
    overlap = check_disjoint(keys, prompts, held)
    text = b"".join(json.dumps({"id": i, "kind": g.parse(m)[0].name, "messages": m, "accept": g.answers(m)}).encode() + b"\n"
                    for i, (_, m) in enumerate(held))
    (out / "heldback.jsonl").write_bytes(text)
    info = {"seed": seed, "train_conversations": train, "train_distinct_prompts": len(prompts), "train_distinct_cases": len(keys),
            "train_sha256": digest.hexdigest(), "heldback_prompts": len(held), "heldback_sha256": hashlib.sha256(text).hexdigest(), **overlap}
    (out / "data.json").write_text(json.dumps(info, indent=1) + "\n")
    return info


def main():
    """Command line."""
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--train", type=int, default=400000)
    p.add_argument("--heldback", type=int, default=200)
    a = p.parse_args()
    print(json.dumps(write(a.out, a.seed, a.train, a.heldback), indent=1))


if __name__ == "__main__":
    main()
