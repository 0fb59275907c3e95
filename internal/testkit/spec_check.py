#!/usr/bin/env python3
"""Second judge of docs/vectors: computes every vector from docs/SPEC.md alone, with the standard library only.

It shares no code with the Go packages. Usage: spec_check.py [DIRECTORY]; exit status 1 on any difference.
"""
import base64, hashlib, hmac, json, pathlib, struct, sys

import hpke_check


def enc(f):
    """SPEC 1: a present field is 0x01, its length and its bytes; an absent one is 0x00."""
    if f is None:
        return b"\x00"
    if isinstance(f, int):
        f = struct.pack(">Q", f)
    elif isinstance(f, str):
        f = f.encode()
    return b"\x01" + struct.pack(">Q", len(f)) + f


def T(label, *fields):
    return enc(label) + b"".join(enc(f) for f in fields)


def decode(b):
    """The fields of an encoding, which must be used up exactly."""
    out = []
    while b:
        if b[0] == 0:
            out.append(None)
            b = b[1:]
            continue
        (n,) = struct.unpack(">Q", b[1:9])
        if b[0] != 1 or len(b) < 9 + n:
            raise ValueError("not a transcript")
        out.append(b[9:9 + n])
        b = b[9 + n:]
    return out


def H(b):
    return hashlib.sha256(b).digest()


def hkdf(ikm, info, size=32, salt=b""):
    prk = hmac.digest(salt or bytes(32), ikm, "sha256")
    out, t, i = b"", b"", 1
    while len(out) < size:
        t = hmac.digest(prk, t + info + bytes([i]), "sha256")
        out, i = out + t, i + 1
    return out[:size]


# NIST P-256 (FIPS 186-5, SP 800-186); slow and for verification of public data only.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)


def add(p, q):
    if p is None or q is None:
        return q if p is None else p
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        m = (3 * p[0] * p[0] - 3) * pow(2 * p[1], -1, P)
    else:
        m = (q[1] - p[1]) * pow(q[0] - p[0], -1, P)
    x = (m * m - p[0] - q[0]) % P
    return x, (m * (p[0] - x) - p[1]) % P


def mul(k, p):
    out = None
    while k:
        if k & 1:
            out = add(out, p)
        p, k = add(p, p), k >> 1
    return out


def ecdsa_p256(spki, message, sig):
    """Verifies a DER signature with an uncompressed point at the end of a SubjectPublicKeyInfo."""
    x, y = int.from_bytes(spki[-64:-32]), int.from_bytes(spki[-32:])
    if len(spki) != 91 or spki[26] != 4 or (y * y - x**3 + 3 * x - B) % P:
        return False
    if sig[0] != 0x30 or sig[1] != len(sig) - 2 or sig[2] != 2 or sig[4 + sig[3]] != 2:
        return False
    r = int.from_bytes(sig[4:4 + sig[3]])
    s = int.from_bytes(sig[6 + sig[3]:])
    if not (0 < r < N and 0 < s < N):
        return False
    w = pow(s, -1, N)
    point = add(mul(int.from_bytes(H(message)) * w % N, G), mul(r * w % N, (x, y)))
    return point is not None and point[0] % N == r


def pae(kind, payload):
    kind = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def transcript(i):
    def value(f):
        (kind, v), = f.items()
        return {"bytes": lambda: bytes.fromhex(v), "absent": lambda: None}.get(kind, lambda: v)()
    fields = [value(f) for f in i["fields"] or []]
    e = T(i["label"], *fields)
    plain = [None if f is None else struct.pack(">Q", f) if isinstance(f, int) else f.encode() if isinstance(f, str) else f
             for f in [i["label"], *fields]]
    if decode(e) != plain:
        raise ValueError("does not decode to its fields")
    return {"encoding": e, "sha256": H(e), "sha512": hashlib.sha512(e).digest()}


def model_id(i):
    files = sorted(i["resources"], key=lambda r: r["name"].encode())
    items = [v for r in files for v in (r["name"], r["algorithm"], bytes.fromhex(r["digest"]))]
    return {"model_id": H(T("holdfast/model-id/v1", i["method"], i["params"], len(files), *items))}


def shards(i):
    digests = [bytes.fromhex(d) for d in i["digests"]]
    return {"digest": H(T("holdfast/shards/v1", i["algorithm"], i["shard_size"], len(digests), *digests))}


def loaded(i):
    files = sorted(i["files"], key=lambda f: f["name"].encode())
    items = [v for f in files for v in (f["name"], bytes.fromhex(f["digest"]))]
    return {"loaded": H(T("holdfast/loaded/v1", len(files), *items))}


def report_data(i):
    gpu = i["gpu_digest"] and bytes.fromhex(i["gpu_digest"])
    t = T("holdfast/report-data/v1", i["role"], bytes.fromhex(i["challenge"]), bytes.fromhex(i["key_hash"]), gpu,
          H(i["claims"].encode()))
    return {"report_data": hashlib.sha512(t).digest()}


def release(i):
    server, token, key, sealed = (bytes.fromhex(i[k]) for k in ("server", "token", "key", "sealed"))
    challenge = H(T("holdfast/release-challenge/v1", server, token))
    key_hash = H(T("holdfast/key/v1", "mlkem768x25519", key))
    info = T("holdfast/release/v1", i["suite"], server, token, key, i["claims"], H(i["evidence"].encode()))
    return {
        "challenge": challenge,
        "challenge_signed": H(T("holdfast/release-challenge-signature/v1", server, token)),
        "report_data": hashlib.sha512(T("holdfast/report-data/v1", "release", challenge, key_hash, None,
                                        H(i["claims"].encode()))).digest(),
        "info": info,
        "response_signed": H(T("holdfast/release-response/v1", info, sealed)),
    }



def strict(text, *fields):
    """A message with exactly these fields, none of them twice."""
    def once(pairs):
        if len({k.lower() for k, _ in pairs}) != len(pairs):
            raise ValueError("duplicate key")
        return dict(pairs)
    m = json.loads(text, object_pairs_hook=once)
    if set(m) != {"version", *fields} or m["version"] != 1:
        raise ValueError("fields of " + text[:40])
    return m


def release_exchange(i):
    """SPEC 7 and docs/keyrelease.md, byte by byte: MAC and signatures, the answer opened with E, and what the guest takes from it."""
    b64, spki, mac_key = (lambda s: base64.b64decode(s, validate=True)), bytes.fromhex(i["spki"]), bytes.fromhex(i["challenge_key"])
    server = H(T("holdfast/key/v1", "ecdsa-p256", spki))
    first = strict(i["challenge_response"], "token", "signature")
    token = b64(first["token"])
    if len(token) != 64 or hmac.digest(mac_key, T("holdfast/release-challenge-mac/v1", server, token[:32]), "sha256") != token[32:]:
        raise ValueError("token")
    if not ecdsa_p256(spki, T("holdfast/release-challenge-signature/v1", server, token), b64(first["signature"])):
        raise ValueError("signature of the challenge")
    req = strict(i["release_request"], "suite", "token", "key", "claims", "evidence")
    key, claims, evidence = b64(req["key"]), b64(req["claims"]), b64(req["evidence"])
    e = hpke_check.PrivateKey(bytes.fromhex(i["seed"]))
    if req["suite"] != "mlkem768x25519-hkdf-sha256-aes256gcm" or b64(req["token"]) != token or e.public != key:
        raise ValueError("suite, token or key of the request")
    wanted = strict(claims.decode(), "name", "min_version", "seal", "commitment", "config")
    contexts = release({"server": server.hex(), "suite": req["suite"], "token": token.hex(), "key": key.hex(), "claims": claims.decode(),
                        "evidence": evidence.decode(), "sealed": ""})
    answer = strict(i["release_response"], "sealed", "signature")
    sealed = b64(answer["sealed"])
    if not ecdsa_p256(spki, T("holdfast/release-response/v1", contexts["info"], sealed), b64(answer["signature"])):
        raise ValueError("signature of the answer")
    got = strict(hpke_check.open_base(e, contexts["info"], sealed, gcm_open).decode(),
                 "keyset", "server_time", "min_version", "deny_list", "rules_min_version")
    return {"expires": int.from_bytes(token[:8]), "report_data": contexts["report_data"], "commitment": wanted["commitment"],
            "keyset": b64(got["keyset"]), "server_time": got["server_time"], "min_version": got["min_version"],
            "deny_list": got["deny_list"]["number"], "rules_min_version": got["rules_min_version"]}


def commitment(i):
    dek = bytes.fromhex(i["dek"])
    params = (i["algorithm"], i["hash"], i["derived_key_size"], i["segment"], len(dek))
    if i["algorithm"] == "AES-CTR-HMAC":
        params += (i["hmac_hash"], i["tag_size"])
    return {"commitment": hmac.digest(dek, T("holdfast/commit/v1", *params), "sha256")}


# AES (FIPS 197) and GCM (NIST SP 800-38D): the standard library has neither. Slow, and for vectors only.
def gf8(a, b):
    out = 0
    while b:
        out ^= a if b & 1 else 0
        a, b = (a << 1) ^ (0x11B if a & 0x80 else 0), b >> 1
    return out


def sbox(x):
    y = next((y for y in range(256) if gf8(x, y) == 1), 0)
    return 0x63 ^ y ^ (y << 1 | y >> 7) & 255 ^ (y << 2 | y >> 6) & 255 ^ (y << 3 | y >> 5) & 255 ^ (y << 4 | y >> 4) & 255


SBOX = [sbox(x) for x in range(256)]


class AES:
    def __init__(self, key):
        n = len(key) // 4
        self.rounds, w, rcon = n + 6, [list(key[4 * j:4 * j + 4]) for j in range(n)], 1
        for j in range(n, 4 * (self.rounds + 1)):
            t = list(w[-1])
            if j % n == 0:
                t = [SBOX[x] for x in t[1:] + t[:1]]
                t[0], rcon = t[0] ^ rcon, gf8(rcon, 2)
            elif n > 6 and j % n == 4:
                t = [SBOX[x] for x in t]
            w.append([a ^ b for a, b in zip(w[j - n], t)])
        self.keys = [sum(w[4 * r:4 * r + 4], []) for r in range(self.rounds + 1)]

    def encrypt(self, block):
        s = [a ^ b for a, b in zip(block, self.keys[0])]
        for r in range(1, self.rounds + 1):
            s = [SBOX[s[(5 * j) % 16]] for j in range(16)]  # SubBytes and ShiftRows
            if r < self.rounds:
                s = [gf8(s[c + k], 2) ^ gf8(s[c + (k + 1) % 4], 3) ^ s[c + (k + 2) % 4] ^ s[c + (k + 3) % 4]
                     for c in range(0, 16, 4) for k in range(4)]
            s = [a ^ b for a, b in zip(s, self.keys[r])]
        return bytes(s)


def gf128(x, y):
    z = 0
    for j in range(127, -1, -1):
        z ^= y if x >> j & 1 else 0
        y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
    return z


def gcm_open(key, nonce, sealed):
    """Plaintext of ciphertext || 16-byte tag without associated data, or an error."""
    aes, ct, tag = AES(key), sealed[:-16], sealed[-16:]
    h, y = int.from_bytes(aes.encrypt(bytes(16))), 0
    for block in [ct[j:j + 16].ljust(16, b"\0") for j in range(0, len(ct), 16)] + [struct.pack(">QQ", 0, 8 * len(ct))]:
        y = gf128(y ^ int.from_bytes(block), h)
    pad = lambda n: aes.encrypt(nonce + struct.pack(">I", n))
    if (y ^ int.from_bytes(pad(1))).to_bytes(16) != tag:
        raise ValueError("tag")
    return b"".join(bytes(a ^ b for a, b in zip(ct[j:j + 16], pad(2 + j // 16))) for j in range(0, len(ct), 16))


def stream_open(dek, blob, ad, segment):
    """Tink's AES-GCM-HKDF streaming with HKDF-SHA256 and 32-byte derived keys."""
    if blob[0] != 40:
        raise ValueError("header")
    key, prefix, out = hkdf(dek, ad, 32, blob[1:33]), blob[33:40], b""
    cuts = [40] + list(range(segment, len(blob), segment)) + [len(blob)]
    for n, (a, b) in enumerate(zip(cuts, cuts[1:])):
        last = b == len(blob)
        out += gcm_open(key, prefix + struct.pack(">IB", n, last), blob[a:b])
    return out


def sealed_directory(i):
    """SPEC 3 whole: list, headers, sizes, every tag, plaintext, commitment and MAC."""
    m, dek = json.loads(i["seal_json"]), bytes.fromhex(i["dek"])
    name, version, segment = m["model"]["name"], m["model"]["version"], m["segment"]
    listed = m.get("files")
    if "list" in m:
        blob, entry = bytes.fromhex(i["list"]), m["list"]
        text = stream_open(dek, blob, T("holdfast/seal-list/v1", name, version), segment)
        if listed is not None or len(text) != entry["size"] or blob[:40].hex() != entry["header"] or H(blob).hex() != entry["digest"]:
            raise ValueError("list")
        listed = json.loads(text)["files"]
    paths = [f["path"] for f in listed]
    if m["version"] != 1 or paths != [f["path"] for f in i["files"]] or paths != sorted(paths, key=str.encode):
        raise ValueError("seal.json")
    for entry, f in zip(listed, i["files"]):
        blob, plain, ad = bytes.fromhex(f["blob"]), f["plain"].encode(), T("holdfast/seal-file/v1", name, version, f["path"])
        if "list" in m:
            shown = hmac.digest(hkdf(dek, b"holdfast/seal-blob-name/v1"), f["path"].encode(), "sha256")[:16].hex()
            if entry["blob"] != "blobs/" + shown:
                raise ValueError("blob name of " + f["path"])
        if ad.hex() != f["ad"] or entry["size"] != len(plain) or blob[:40].hex() != entry["header"]:
            raise ValueError("associated data, size or header of " + f["path"])
        if stream_open(dek, blob, ad, segment) != plain:
            raise ValueError("plaintext of " + f["path"])
    key = hkdf(dek, b"holdfast/seal-manifest/v1")
    c = commitment({"algorithm": "AES-GCM-HKDF", "dek": i["dek"], "hash": "SHA256", "derived_key_size": 32, "segment": segment})["commitment"]
    if c.hex() != m["commitment"]:
        raise ValueError("commitment")
    return {"commitment": c, "seal_mac": hmac.digest(key, i["seal_json"].encode(), "sha256")}


def envelope(i):
    e = json.loads(i["envelope"])
    (sig,) = e["signatures"]
    payload = base64.b64decode(e["payload"], validate=True)
    ok = e["payloadType"] == i["type"] and ecdsa_p256(
        bytes.fromhex(i["spki"]), pae(i["type"], payload), base64.b64decode(sig["sig"], validate=True))
    return {"payload": payload.decode() if ok else "signature does not verify"}


def epochs(i):
    """SPEC 5: every field present, each epoch signed by K and chained to the one before, models unchanged."""
    fields = {"epoch", "prev", "models", "guard_policy", "config", "tls_spki", "hpke", "time", "floors"}
    ids, models = [], None
    for n, text in enumerate(i["envelopes"]):
        kind = "application/vnd.holdfast.epoch+json"
        payload = envelope({"spki": i["spki"], "type": kind, "envelope": text})["payload"]
        c = json.loads(payload)
        if set(c) != fields or c["epoch"] != n or c["prev"] != (ids[-1] if ids else None) or models not in (None, c["models"]):
            raise ValueError(f"epoch {n}")
        ids, models = ids + [H(payload.encode()).hex()], c["models"]
    return {"chain": ids[0], "current": ids[-1]}


def receipt(i):
    """SPEC 8: signed by K, and about these bytes under this salt."""
    kind = "application/vnd.holdfast.receipt+json"
    r = json.loads(envelope({"spki": i["spki"], "type": kind, "envelope": i["envelope"]})["payload"])
    if set(r) != {"chain", "epoch", "model_id", "mbom", "request", "response", "complete", "seq", "time"}:
        raise ValueError("fields")
    for body in ("request", "response"):
        if hmac.digest(bytes.fromhex(i["salt"]), i[body].encode(), "sha256").hex() != r[body]:
            raise ValueError(body)
    return {k: r[k] for k in ("chain", "epoch", "model_id", "mbom", "complete", "seq")}


def deny_list(i):
    """SPEC 10: a signed list against a model and its signer, whose signature carries no verified time."""
    kind = "application/vnd.holdfast.deny-list+json"
    text = envelope({"spki": i["spki"], "type": kind, "envelope": i["envelope"]})["payload"]
    l = strict(text, "number", "issued", "expires", "models", "files", "keys", "certificates")
    digests = {d for f in i["files"] for d in f["digests"]}
    digests |= {shards(f)["digest"].hex() for f in i["files"] if f["shard_size"]}
    denied = i["model_id"] in {m["model_id"] for m in l["models"]}
    denied |= bool(digests & {f["digest"] for f in l["files"]})
    denied |= H(bytes.fromhex(i["signer"])).hex() in {k["fingerprint"] for k in l["keys"]}  # signed_after does not help without a time
    verdict = "denied" if denied else "accepted"
    return {"number": l["number"], "verdict": verdict if i["now"] < l["expires"] else "not in force"}  # all times are in UTC


def detect_model(i):
    """SPEC 10: magic, length, header in JSON, one signed byte for each of 2^bits weights, whose digest the header has."""
    b, magic = bytes.fromhex(i["payload"]), b"holdfast/detect-model/v2\n"
    try:
        if not b.startswith(magic):
            raise ValueError
        (n,) = struct.unpack_from(">I", b, len(magic))
        at = len(magic) + 4
        if n > len(b) - at:
            raise ValueError
        card, weights = json.loads(b[at:at + n]), b[at + n:]
        if card["features"] != 3 or len(weights) != 1 << card["bits"] or H(weights).hex() != card["weights"]:
            raise ValueError
    except (ValueError, struct.error, KeyError):
        return {"accepted": False}
    w = struct.unpack(f"{len(weights)}b", weights)
    return {"accepted": True, "digest": H(b), "number": card["number"], "expires": card["expires"], "bits": card["bits"], "scale": card["scale"], "bias": card["bias"],
            "windows": card["combine"]["windows"], "rules": card["combine"]["rules"], "harmless": sum(k for _, k in card["benign"]), "first": list(w[:8]), "sum": sum(w)}


KINDS = {
    "deny-list": deny_list,
    "detect-model": detect_model,
    "transcript": transcript,
    "key-hash": lambda i: {"hash": H(T("holdfast/key/v1", i["suite"], bytes.fromhex(i["key"])))},
    "model-id": model_id,
    "shards": shards,
    "loaded": loaded,
    "seal-file-ad": lambda i: {"ad": T("holdfast/seal-file/v1", i["name"], i["version"], i["path"])},
    "seal-list-ad": lambda i: {"ad": T("holdfast/seal-list/v1", i["name"], i["version"])},
    "keyset-ad": lambda i: {"ad": T("holdfast/keyset/v1", i["name"], i["version"], bytes.fromhex(i["commitment"]))},
    "commitment": commitment,
    "release": release,
    "release-exchange": release_exchange,
    "sealed-directory": sealed_directory,
    "report-data": report_data,
    "gpu-nonce": lambda i: {"nonce": H(T("holdfast/gpu-nonce/v1", i["role"], bytes.fromhex(i["challenge"]),
                                         bytes.fromhex(i["key_hash"])))},
    "serve-challenge": lambda i: {"challenge": H(T("holdfast/serve-challenge/v1", bytes.fromhex(i["random"]), i["time"]))},
    "client-challenge": lambda i: {"challenge": H(T("holdfast/client-challenge/v1", bytes.fromhex(i["asked"])))},
    "channel": lambda i: {"encoding": T("holdfast/channel/v1", i["role"], *(bytes.fromhex(i[k]) for k in (
        "exporter", "nonce_c", "nonce_s")), i["alpn"], i["sni"], H(i["epoch"].encode()))},
    "pae": lambda i: {"pae": pae(i["type"], i["payload"].encode())},
    "envelope": envelope,
    "epochs": epochs,
    "receipt": receipt,
}


def main():
    here = pathlib.Path(__file__).resolve().parent
    vectors = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here.parent.parent / "docs" / "vectors"
    passed = failed = 0
    for path in sorted(vectors.glob("*.json")):
        for v in json.loads(path.read_text())["vectors"]:
            try:
                got = {k: x.hex() if isinstance(x, bytes) else x for k, x in KINDS[v["kind"]](v["in"]).items()}
            except Exception as e:  # a vector that cannot be computed is a failure with its reason
                got = repr(e)
            if got == v["out"]:
                passed += 1
            else:
                failed += 1
                print(f"{path.name}: {v['kind']}: {v['name']}: computed {got}, the file says {v['out']}")
    print(f"spec_check: {passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
