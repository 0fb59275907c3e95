"""Convert harbor-tiny to GGUF (F32) and check that llama.cpp writes the same text as transformers.

    python gguf_check.py OUT.gguf [--model ../harbor-tiny]      needs requirements.txt and llama-cpp-python

The GGUF file carries the tokenizer (byte-level BPE, "gpt-2" splitting), the chat template and the weights.
llama.cpp turns rotary pairs (0,1), (2,3), ... while this layout pairs i with i + head_dim/2, so the rows of
every query and key head are interleaved. The file is a check and is not part of the signed folder.
"""

import argparse
import json
import pathlib
import sys

import gguf
import safetensors.numpy

HEADS = {"q": "num_attention_heads", "k": "num_key_value_heads"}
NAMES = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}


def interleave(rows, heads):
    """Reorder the rows of each head from half-split to interleaved rotary pairs."""
    out, width = rows.shape
    return rows.reshape(heads, 2, out // heads // 2, width).swapaxes(1, 2).reshape(out, width).copy()


def tensors(folder, config):
    """(GGUF name, array) of every weight."""
    for name, data in sorted(safetensors.numpy.load_file(folder / "model.safetensors").items()):
        part = name.removeprefix("model.").removesuffix(".weight")
        if part == "embed_tokens":
            yield "token_embd.weight", data
        elif part == "norm":
            yield "output_norm.weight", data
        else:
            _, layer, what = part.split(".", 2)
            if what.startswith("self_attn.") and (key := HEADS.get(what[10])):
                data = interleave(data, config[key])
            yield f"blk.{layer}.{NAMES[what]}.weight", data


def convert(folder, path):
    """Write the GGUF file."""
    config = json.loads((folder / "config.json").read_text())
    tok = json.loads((folder / "tokenizer.json").read_text())
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    special = {t["id"] for t in tok["added_tokens"]}
    vocab = sorted(tok["model"]["vocab"], key=tok["model"]["vocab"].get)
    w = gguf.GGUFWriter(path, "llama")
    w.add_name("Harbor Tiny")
    w.add_license("apache-2.0")
    w.add_file_type(gguf.LlamaFileType.ALL_F32)
    w.add_context_length(config["max_position_embeddings"])
    w.add_embedding_length(config["hidden_size"])
    w.add_block_count(config["num_hidden_layers"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_head_count(config["num_attention_heads"])
    w.add_head_count_kv(config["num_key_value_heads"])
    w.add_key_length(config["head_dim"])
    w.add_value_length(config["head_dim"])
    w.add_rope_dimension_count(config["head_dim"])
    w.add_rope_freq_base(config["rope_theta"])
    w.add_layer_norm_rms_eps(config["rms_norm_eps"])
    w.add_vocab_size(config["vocab_size"])
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(vocab)
    w.add_token_types([gguf.TokenType.CONTROL if i in special else gguf.TokenType.NORMAL for i in range(len(vocab))])
    w.add_token_merges([" ".join(m) for m in tok["model"]["merges"]])
    w.add_bos_token_id(config["bos_token_id"])
    w.add_eos_token_id(config["eos_token_id"])
    w.add_pad_token_id(config["pad_token_id"])
    w.add_add_bos_token(False)
    w.add_add_eos_token(False)
    w.add_chat_template(settings["chat_template"])
    for name, data in tensors(folder, config):
        w.add_tensor(name, data)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def compare(path, cases):
    """Greedy text of llama.cpp against the stored answers; returns how many cases differ."""
    import llama_cpp

    llm = llama_cpp.Llama(model_path=str(path), n_ctx=512, n_threads=1, seed=0, verbose=False)
    differ = 0
    for case in cases:
        prompt = "<|bos|>" + "".join(f"<|{m['role']}|>{m['content']}<|eos|>" for m in case["messages"]) + "<|assistant|>"
        ids = llm.tokenize(prompt.encode(), add_bos=False, special=True)
        out = []
        llm.reset()
        for token in llm.generate(ids, temp=0.0, top_k=1, repeat_penalty=1.0):
            out.append(token)
            if token == 1 or len(out) == len(case["next_ids"]):
                break
        chat = llm.create_chat_completion(case["messages"], temperature=0.0, repeat_penalty=1.0, max_tokens=96)["choices"][0]["message"]["content"]
        same = {"prompt ids": ids == case["prompt_ids"], "next ids": out == case["next_ids"], "chat text": chat == case["text"]}
        differ += not all(same.values())
        print(json.dumps({"text": chat, **same}))
    return differ


def main():
    """Command line."""
    here = pathlib.Path(__file__).resolve().parent
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--model", type=pathlib.Path, default=here.parent / "harbor-tiny")
    a = p.parse_args()
    convert(a.model, a.out)
    differ = compare(a.out, json.loads((here / "expected.json").read_text())["cases"])
    sys.exit(f"{differ} cases differ" if differ else 0)


if __name__ == "__main__":
    main()
