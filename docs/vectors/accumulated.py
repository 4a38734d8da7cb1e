"""The accumulated test that README.md specifies."""

import base64
import hashlib

from reference import EPOCH, U32_MAX, U64_MAX, Seal, add, base64url, epoch_of, mint, open_nonce, sub, u32
from ring_text import key_object, parse, ring_object, ring_text

ITEMS = 10_000
CHECKPOINT = 1_000
LABEL = b"sealstamp v1 accumulated"
ABSURD = [0, 1, 2**32 * EPOCH - 1, 2**32 * EPOCH, 2**63, U64_MAX]
ODD = ["+", "/", "=", " ", ".", "\0", "\n", "\u00e9"]


class Stream:
    def __init__(self, item):
        self.bytes = hashlib.shake_256(LABEL + u32(item)).digest(4096)
        self.at = 0

    def take(self, n):
        self.at += n
        assert self.at <= len(self.bytes)
        return self.bytes[self.at - n : self.at]

    def u64(self):
        return int.from_bytes(self.take(8), "big")

    def draw(self, n):
        return self.u64() % n

    def pick(self, values):
        return values[self.draw(len(values))]

    def edge(self, low, high):
        k = self.draw(8)
        return low if k == 0 else high if k == 1 else low + self.draw(high - low + 1)

    def near(self, time):
        return sub(add(time, self.draw(3)), 1)


def stream_ring(s):
    """The ring (as an object), the secrets in order, the base time and the dates: of all keys that keep one, and of a change
    of the settings."""
    lifetime_s, max_skew_s = s.edge(1, 3600), s.edge(0, 60)
    propagation_s, serial = s.edge(0, 2_592_000), s.edge(1, 2**53 - 1)
    k = s.draw(4)
    base = s.draw(3 * EPOCH) if k == 0 else EPOCH * (1 + s.draw(400_000)) if k == 1 else s.draw(4_102_444_800_000)
    dated = 1 + s.draw(4)
    count = dated + s.draw(3)
    survivor = s.draw(dated)
    keys, secrets, dates, next_date = [], [], [], base
    for j in range(count):
        secret = s.take(32)
        suite = ["aes-256-gcm", "chacha20-poly1305"][s.draw(2)]
        date = None
        if j < dated:
            date = next_date
            next_date += s.edge(1, 3 * EPOCH)
        revoked = s.draw(4) == 0 and j != survivor
        if revoked and date is not None and s.draw(2) == 0:
            date = None
        if date is not None:
            dates.append(date)
        keys.append(key_object(secret, suite, base, date, base if revoked else None))
        secrets.append(secret)
    ancestors, change = None, None
    if s.draw(4) != 0:
        ancestors = []
        if s.draw(2) == 0:
            start = s.near(s.pick(dates)) if s.draw(2) == 0 else base + s.draw(5 * EPOCH)
            change = (start, s.edge(1, 3600), s.edge(0, 60), s.edge(0, 2_592_000))
            dates.append(start)
    return ring_object(keys, serial, lifetime_s, max_skew_s, propagation_s, ancestors, change), secrets, base, dates


def accumulated_item(i, show=None):
    """The line of item `i`, and its verdict."""
    s = Stream(i)
    object_, secrets, base, dates = stream_ring(s)
    ring = parse(object_)
    length = s.edge(1, 1024)
    audience = bytes(ord("a") + b % 26 for b in s.take(length))
    binding = None if s.draw(2) == 0 else s.take(32)

    k = s.draw(8)
    if k == 0:
        iat = s.near((epoch_of(base) + s.draw(4)) * EPOCH)
    elif k in (1, 2):
        iat = s.near(s.pick(dates) + ring.widest_skew())
    elif k == 3:
        iat = s.near(s.pick(dates))
    elif k == 4:
        iat = s.pick(ABSURD)
    else:
        iat = base + s.draw(5 * EPOCH)

    lifetime, max_skew = ring.window(iat)
    k = s.draw(8)
    if k == 0:
        now = s.near(sub(iat, max_skew))
    elif k == 1:
        now = s.near(add(iat, lifetime + max_skew))
    elif k == 2:
        now = s.near(add(iat, lifetime // 2))
    elif k == 3:
        now = iat
    elif k == 4:
        now = add(iat, s.draw(3 * EPOCH))
    elif k == 5:
        now = s.pick(ABSURD)
    else:
        now = add(iat, s.draw(lifetime + max_skew + 1))

    crafted = s.draw(4) == 0
    if crafted or epoch_of(iat) > U32_MAX:
        j = s.draw(len(secrets))
        random = s.draw(2**32)
        epoch = min(s.pick([epoch_of(now), epoch_of(iat) + 1, random, epoch_of(iat)]), U32_MAX)
        version = ring.keys[j].version
        if s.draw(8) == 0:
            version = 3 - version
        nonce = Seal(secrets[j], version, epoch, audience, binding, iat, s.take(12)).nonce
    else:
        seed = s.take(32)
        nonce = mint(ring, audience, binding, iat, seed, s.u64()).nonce

    raw = bytearray(base64.urlsafe_b64decode(nonce))
    given = None
    k = s.draw(24)
    if k in (0, 1):
        bit = s.draw(360)
        raw[bit // 8] ^= 0x80 >> bit % 8
    elif k == 2:
        at = s.draw(60)
        given = nonce[:at] + s.pick(ODD) + nonce[at + 1 :]
    elif k == 3:
        given = nonce[: s.draw(60)]
    elif k == 4:
        given = nonce + "A" * (1 + s.draw(140))
    elif k == 5:
        raw[0] = s.draw(256)
    elif k == 6:
        raw[1:5] = ring.keys[s.draw(len(secrets))].kid
    elif k == 7:
        raw[1:5] = s.take(4)
    elif k == 8:
        audience = audience[:-1] if len(audience) == 1024 else audience + b"a"
    elif k == 9:
        binding = s.take(32) if binding is None else None if s.draw(2) == 0 else s.take(32)
    elif k == 10:
        raw[5:9] = u32(min(sub(epoch_of(now) + s.draw(3), 1), U32_MAX))
    if given is None:
        given = base64url(bytes(raw))

    verdict = open_nonce(ring, audience, binding, now, given.encode())
    line = f"{i} {nonce} {verdict.line()}\n"
    if show:
        show(f"{ring_text(object_)}audience {audience.decode()}\nbinding {binding.hex() if binding else 'none'}")
        show(f"iat {iat}\nnow {now}\ngiven {given!r}\n{line}step {verdict.step}")
    return line, verdict


def accumulated():
    digest, checkpoints, counts = hashlib.sha256(), [], {}
    for i in range(ITEMS):
        line, verdict = accumulated_item(i)
        digest.update(line.encode())
        if verdict.step is None:
            name = (0, verdict.label)
        else:
            name = (verdict.step, f"{verdict.label} (step {verdict.step})")
        counts[name] = counts.get(name, 0) + 1
        if (i + 1) % CHECKPOINT == 0:
            checkpoints.append(digest.hexdigest())
    return {
        "about": "The accumulated test of README.md. Each checkpoint is the SHA-256 of all lines so far.",
        "items": ITEMS,
        "sha256": digest.hexdigest(),
        "checkpoint_every": CHECKPOINT,
        "checkpoints": checkpoints,
        "verdicts": {name: counts[step, name] for step, name in sorted(counts)},
    }
