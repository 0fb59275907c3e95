"""HPKE base mode with MLKEM768X25519, HKDF-SHA256 and AES-256-GCM, for spec_check.py: the receiving side alone, written from
RFC 9180, draft-ietf-hpke-pq, FIPS 203 and RFC 7748 with the standard library. Slow, not constant in time, and for vectors only.
"""
import hashlib, hmac, struct

Q, K, DU, DV = 3329, 3, 10, 4  # ML-KEM-768


def g(b):
    h = hashlib.sha3_512(b).digest()
    return h[:32], h[32:]


def reversed7(i):
    return int(f"{i:07b}"[::-1], 2)


ZETAS = [pow(17, reversed7(i), Q) for i in range(128)]
GAMMAS = [pow(17, 2 * reversed7(i) + 1, Q) for i in range(128)]


def ntt(f):
    f, i, size = list(f), 1, 128
    while size >= 2:
        for start in range(0, 256, 2 * size):
            z, i = ZETAS[i], i + 1
            for j in range(start, start + size):
                t = z * f[j + size]
                f[j], f[j + size] = (f[j] + t) % Q, (f[j] - t) % Q
        size //= 2
    return f


def inverse(f):
    f, i, size = list(f), 127, 2
    while size <= 128:
        for start in range(0, 256, 2 * size):
            z, i = ZETAS[i], i - 1
            for j in range(start, start + size):
                f[j], f[j + size] = (f[j] + f[j + size]) % Q, z * (f[j + size] - f[j]) % Q
        size *= 2
    return [x * 3303 % Q for x in f]


def times(a, b):
    out = []
    for i in range(128):
        a0, a1, b0, b1 = a[2 * i], a[2 * i + 1], b[2 * i], b[2 * i + 1]
        out += [(a0 * b0 + a1 * b1 * GAMMAS[i]) % Q, (a0 * b1 + a1 * b0) % Q]
    return out


def plus(*fs):
    return [sum(x) % Q for x in zip(*fs)]


def bits(b):
    return [x >> i & 1 for x in b for i in range(8)]


def encode(f, d):
    n = sum(x << (d * i) for i, x in enumerate(f))
    return n.to_bytes(32 * d, "little")


def decode(b, d):
    n = int.from_bytes(b, "little")
    return [n >> (d * i) & (1 << d) - 1 for i in range(256)]


def compress(f, d):
    return [((x << d + 1) + Q) // (2 * Q) % (1 << d) for x in f]


def decompress(f, d):
    return [(x * Q + (1 << d - 1)) >> d for x in f]


def uniform(rho, i, j):
    b, out, at = hashlib.shake_128(rho + bytes([j, i])).digest(2000), [], 0
    while len(out) < 256:
        x, y, z = b[at:at + 3]
        out += [v for v in (x + 256 * (y % 16), y // 16 + 16 * z) if v < Q]
        at += 3
    return out[:256]


def noise(seed, n):
    b = bits(hashlib.shake_256(seed + bytes([n])).digest(128))
    return [(b[4 * i] + b[4 * i + 1] - b[4 * i + 2] - b[4 * i + 3]) % Q for i in range(256)]


def pke_encrypt(ek, m, r):
    t, rho = [decode(ek[384 * i:384 * (i + 1)], 12) for i in range(K)], ek[384 * K:]
    y = [ntt(noise(r, i)) for i in range(K)]
    u = [plus(inverse(plus(*(times(uniform(rho, j, i), y[j]) for j in range(K)))), noise(r, K + i)) for i in range(K)]
    v = plus(inverse(plus(*(times(t[i], y[i]) for i in range(K)))), noise(r, 2 * K), decompress(decode(m, 1), 1))
    return b"".join(encode(compress(x, DU), DU) for x in u) + encode(compress(v, DV), DV)


class MLKEM768:
    def __init__(self, seed):
        rho, sigma = g(seed[:32] + bytes([K]))
        self.z, self.s = seed[32:], [ntt(noise(sigma, i)) for i in range(K)]
        e = [ntt(noise(sigma, K + i)) for i in range(K)]
        t = [plus(*(times(uniform(rho, i, j), self.s[j]) for j in range(K)), e[i]) for i in range(K)]
        self.ek = b"".join(encode(x, 12) for x in t) + rho

    def decapsulate(self, c):
        cut = 32 * DU
        u = [decompress(decode(c[cut * i:cut * (i + 1)], DU), DU) for i in range(K)]
        v = decompress(decode(c[cut * K:], DV), DV)
        w = inverse(plus(*(times(self.s[i], ntt(u[i])) for i in range(K))))
        m = encode(compress([(a - b) % Q for a, b in zip(v, w)], 1), 1)
        key, r = g(m + hashlib.sha3_256(self.ek).digest())
        if pke_encrypt(self.ek, m, r) != c:
            return hashlib.shake_256(self.z + c).digest(32)
        return key


def x25519(k, u):
    p = 2**255 - 19
    k = int.from_bytes(k, "little") & ~7 & (1 << 255) - 1 | 1 << 254
    x1 = int.from_bytes(u, "little") & (1 << 255) - 1
    x2, z2, x3, z3 = 1, 0, x1, 1
    for i in range(254, -1, -1):
        bit = k >> i & 1
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb = d * a % p, c * b % p
        x3, z3 = (da + cb)**2 % p, x1 * (da - cb)**2 % p
        aa, bb = a * a % p, b * b % p
        x2, z2 = aa * bb % p, (aa - bb) * (aa + 121665 * (aa - bb)) % p
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, -1, p) % p).to_bytes(32, "little")


class PrivateKey:
    """The key pair of a 32-byte seed: ML-KEM seed (64 bytes) || X25519 scalar (32 bytes) from SHAKE256."""

    def __init__(self, seed):
        b = hashlib.shake_256(seed).digest(96)
        self.pq, self.scalar = MLKEM768(b[:64]), b[64:]
        self.point = x25519(self.scalar, b"\x09".ljust(32, b"\0"))
        self.public = self.pq.ek + self.point

    def decapsulate(self, enc):
        pq, t = enc[:1088], enc[1088:]
        return hashlib.sha3_256(self.pq.decapsulate(pq) + x25519(self.scalar, t) + t + self.point + rb"\.//^" + b"\\").digest()


def open_base(key, info, sealed, gcm_open):
    enc, ct = sealed[:1120], sealed[1120:]
    suite = b"HPKE" + struct.pack(">HHH", 0x647A, 1, 2)
    extract = lambda salt, label, ikm: hmac.digest(salt, b"HPKE-v1" + suite + label + ikm, "sha256")
    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(key.decapsulate(enc), b"secret", b"")
    expand = lambda label, n: hmac.digest(secret, struct.pack(">H", n) + b"HPKE-v1" + suite + label + context + b"\x01", "sha256")[:n]
    return gcm_open(expand(b"key", 32), expand(b"base_nonce", 12), ct)
