"""make DIR: trains a tokenizer of each kind, and copies those of Mistral. load DIR: loads each *.spm of DIR and uses it;
prints the names of those that load. What is not safe to load ends the program."""
import importlib.util
import os
import shutil
import sys

import sentencepiece

verb, folder = sys.argv[1:]
TEXT = "The tide is high at noon, and the Swift Otter lies at berth 12. 数字と文字 ﬁne ½ Ⅷ naïve"


def make():
    corpus = os.path.join(folder, "corpus.txt")
    with open(corpus, "w") as f:
        f.writelines(f"{TEXT} {i * 7919} {chr(97 + i % 26) * (i % 9 + 1)}\n" for i in range(500))
    for kind in ("unigram", "bpe", "char", "word"):
        for rule in ("nmt_nfkc", "nmt_nfkc_cf", "nfkc", "identity"):
            sentencepiece.SentencePieceTrainer.train(
                input=corpus, model_prefix=os.path.join(folder, f"{kind}-{rule}"), model_type=kind, vocab_size=400,
                normalization_rule_name=rule, hard_vocab_limit=False, byte_fallback=kind == "bpe", minloglevel=2,
                user_defined_symbols=["<|im_start|>", "\n\n", "\t"], pad_id=3, split_digits=kind == "bpe")
    data = os.path.join(os.path.dirname(importlib.util.find_spec("mistral_common").origin), "data")
    for name in os.listdir(data):
        if ".model" in name or name.startswith("tekken"):
            shutil.copy(os.path.join(data, name), folder)


def load():
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".spm"):
            continue
        with open(os.path.join(folder, name), "rb") as f:
            proto = f.read()
        try:
            tok = sentencepiece.SentencePieceProcessor(model_proto=proto)
        except RuntimeError:
            continue
        for text in (TEXT, "".join(map(chr, range(0x20, 0x3000)))):
            tok.decode(tok.encode(text))
        print(name)


{"make": make, "load": load}[verb]()
