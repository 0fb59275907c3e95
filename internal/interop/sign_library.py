"""Signs or verifies through the library of model-signing, which can do what its command cannot: shards and other hashes."""

import argparse
import sys

from model_signing import hashing, signing, verifying

p = argparse.ArgumentParser()
p.add_argument("verb", choices=["sign", "verify"])
p.add_argument("--key", required=True)
p.add_argument("--signature", required=True)
p.add_argument("--hash", default="sha256")
p.add_argument("--shard-size", type=int, default=0)
p.add_argument("--allow-symlinks", action="store_true")
p.add_argument("--ignore", nargs="*", default=[])
p.add_argument("model")
a = p.parse_args()

if a.verb == "sign":
    h = hashing.Config()
    if a.shard_size:
        h = h.use_shard_serialization(
            hashing_algorithm=a.hash, shard_size=a.shard_size, allow_symlinks=a.allow_symlinks, ignore_paths=a.ignore)
    else:
        h = h.use_file_serialization(hashing_algorithm=a.hash, allow_symlinks=a.allow_symlinks, ignore_paths=a.ignore)
    signing.Config().use_elliptic_key_signer(private_key=a.key).set_hashing_config(h).sign(a.model, a.signature)
else:
    try:
        verifying.Config().use_elliptic_key_verifier(public_key=a.key).verify(a.model, a.signature)
    except Exception as e:  # the reason is what a test wants to see
        sys.exit(f"{type(e).__name__}: {e}")
