"""Train the tokenizer of harbor-tiny: byte-level BPE, 1,024 tokens, and write its files.

Exactly: no normalizer; special tokens are cut out first; the GPT-2 expression splits the rest; each
piece becomes bytes, each byte one of 256 letters (the GPT-2 table); merges apply by rank. Nothing is
added before or after: the chat template writes <|bos|> itself.
"""

import json
import pathlib

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIALS = ["<|bos|>", "<|eos|>", "<|system|>", "<|user|>", "<|assistant|>"]
VOCAB = 1024
CONTEXT = 512
TEMPLATE = (
    "{{ '<|bos|>' }}"
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|eos|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train(texts, out):
    """Train on an iterable of texts and write the three tokenizer files into the folder `out`."""
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=[AddedToken(s, special=True, normalized=False) for s in SPECIALS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    assert tok.get_vocab_size() == VOCAB, tok.get_vocab_size()
    out = pathlib.Path(out)
    tok.save(str(out / "tokenizer.json"))
    special = {"bos_token": "<|bos|>", "eos_token": "<|eos|>", "pad_token": "<|eos|>"}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": CONTEXT, "add_bos_token": False, "add_eos_token": False,
              "clean_up_tokenization_spaces": False, "padding_side": "left", **special, "chat_template": TEMPLATE}
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (out / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")
    return tok


def encode_chat(tok, messages, generation_prompt=True):
    """Token ids of a conversation and the index of the first token of its last message. Roles come from the
    fixed special tokens; contents are encoded one by one."""
    ids, last = [0], 0
    for m in messages:
        last = len(ids)
        ids += [SPECIALS.index(f"<|{m['role']}|>"), *tok.encode(m["content"], add_special_tokens=False).ids, 1]
    return ids + [4] * generation_prompt, last
