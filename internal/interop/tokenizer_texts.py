"""Print texts with the ids that the Hugging Face tokenizers library gives them, as one JSON object.

    python tokenizer_texts.py TOKENIZER_JSON

Random texts from a seed (words, special token names, white space, joiners, emoji), and each character up to U+10FFF
after a letter and after a space. Special tokens in text stay text.
"""

import json
import random
import sys

import tokenizers

LETTERS = list("abcdefghijklmnopqrstuvwxyz  ABCTHE 0123456789.,;:!?'-–—\"\n\t\r\x0b\x00\u0085\u00a0\u2003\u3000éüñ日本語🎣👩‍👧½٣²Ⅷ\u0301\u200b\u200d\u2028<|>▁Ġ\ufffd\ue000")
WORDS = ["the ", "harbour", " berth", "Captain", "it's", "we'll", "I'M", "'S", "<|eos|>", "<s>", "</s>", "<unk>", "<0x41>", "  ", "\n\n", " 12", "▁", "Lily"]


def main():
    """Command line."""
    r = random.Random(4)
    pick = lambda: r.choice(LETTERS) if r.random() < 0.6 else r.choice(WORDS)
    texts = ["".join(pick() for _ in range(r.randrange(40))) for _ in range(6000)]
    texts += [f"a{chr(c)}1 {chr(c)}{chr(c)}b" for c in range(0x11000) if not 0xD800 <= c < 0xE000]
    tok = tokenizers.Tokenizer.from_file(sys.argv[1])
    tok.encode_special_tokens = True
    json.dump({"texts": texts, "ids": [tok.encode(t, add_special_tokens=False).ids for t in texts]}, sys.stdout)


main()
