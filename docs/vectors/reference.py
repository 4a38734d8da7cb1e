#!/usr/bin/env python3
"""A second implementation of ../wire-format.md, which makes and checks the vectors in this folder.

It was written from that document and shares no code with the Rust crates. Besides Python 3.9 or later it needs the
package `cryptography`.

    python3 reference.py            check that every committed file is what this program computes; exit 1 if not
    python3 reference.py --write    write the files anew
    python3 reference.py --item 17  show item 17 of the accumulated test

This file is the implementation. README.md describes the files and the accumulated test.
"""

import base64
import datetime
import hashlib
import hmac
import json
import re
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

# --- Section 2: notation -------------------------------------------------------------------------------------------

EPOCH = 4_096_000
U32_MAX = 2**32 - 1
U64_MAX = 2**64 - 1
ALPHABET = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def u8(n):
    return struct.pack(">B", n)


def u16(n):
    return struct.pack(">H", n)


def u32(n):
    return struct.pack(">I", n)


def u64(n):
    return struct.pack(">Q", n)


def add(a, b):
    return min(a + b, U64_MAX)


def sub(a, b):
    return max(a - b, 0)


def epoch_of(time):
    return time // EPOCH


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(text, length):
    """The `length` bytes that `text` (bytes) spells, or None."""
    if not ALPHABET.issuperset(text) or len(text) != (length * 8 + 5) // 6:
        return None
    data = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    return data if base64url(data).encode() == text else None


def hmac_sha256(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def expand(prk, info, length):
    return HKDFExpand(algorithm=hashes.SHA256(), length=length, info=info).derive(prk)


# --- Sections 3 and 4: layout, derivation --------------------------------------------------------------------------

SUITES = {"aes-256-gcm": 1, "chacha20-poly1305": 2}
AEADS = {1: AESGCM, 2: ChaCha20Poly1305}


def extract(secret):
    # HKDF-Extract(salt, ikm) is HMAC(salt, ikm): RFC 5869 section 2.2.
    return hmac_sha256(b"sealstamp v1", secret)


def fingerprint_of(secret):
    return expand(extract(secret), b"sealstamp v1 fingerprint", 32)


def epoch_info(version, epoch, audience):
    return b"sealstamp v1 epoch" + u8(version) + u32(epoch) + u16(len(audience)) + audience


def binding_bytes(binding):
    return b"\x00" if binding is None else b"\x01" + binding


class Seal:
    """One sealed nonce with all its intermediate values.

    `iv_source` is (seed, counter), or 12 bytes to take as the IV.
    """

    def __init__(self, secret, version, epoch, audience, binding, iat, iv_source, fingerprint=None):
        self.prk = extract(secret)
        self.fingerprint = fingerprint or expand(self.prk, b"sealstamp v1 fingerprint", 32)
        self.version, self.epoch, self.iat = version, epoch, iat
        self.info = epoch_info(version, epoch, audience)
        self.material = expand(self.prk, self.info, 64)
        self.aead_key, self.iv_key = self.material[:32], self.material[32:]
        self.header = u8(version) + self.fingerprint[:4] + u32(epoch)
        self.aad = self.header + binding_bytes(binding)
        if isinstance(iv_source, bytes):
            self.iv = iv_source
        else:
            seed, counter = iv_source
            self.iv_input = seed + u64(counter) + u64(iat) + self.aad
            self.iv_hmac = hmac_sha256(self.iv_key, self.iv_input)
            self.iv = self.iv_hmac[:12]
        sealed = AEADS[version](self.aead_key).encrypt(self.iv, u64(iat), self.aad)
        self.ciphertext, self.tag = sealed[:8], sealed[8:]
        self.nonce = base64url(self.header + self.iv + sealed)


# --- Sections 7 and 8: the ring ------------------------------------------------------------------------------------


class RingError(Exception):
    """The file is refused; `kind` is the error of section 7."""

    def __init__(self, kind):
        super().__init__(kind)
        self.kind = kind


class NotAnInteger:
    """A JSON number with a fraction or an exponent, or -0, or beyond 64 bits."""


SETTINGS = {"lifetime_s", "max_skew_s", "propagation_s"}
RING_REQUIRED = {1: {"format", "serial", "keys"} | SETTINGS, 2: {"format", "serial", "keys", "ancestors"} | SETTINGS}
RING_MEMBERS = {1: RING_REQUIRED[1], 2: RING_REQUIRED[2] | {"next_settings"}}
MEMBER_ORDER = ["format", "serial", "lifetime_s", "max_skew_s", "propagation_s", "next_settings", "keys", "ancestors"]
SETTINGS_ORDER = ["from", "lifetime_s", "max_skew_s", "propagation_s"]
KEY_ORDER = ["kid", "fingerprint", "suite", "secret", "created_at", "activates_at", "revoked_at"]
ANCESTOR_ORDER = ["serial", "digest"]
KEY_REQUIRED = {"kid", "fingerprint", "suite", "created_at"}
KEY_MEMBERS = KEY_REQUIRED | {"activates_at", "secret", "revoked_at"}
TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{3}))?Z")
UNIX_EPOCH = datetime.datetime(1970, 1, 1)


class Key:
    pass


class Settings:
    """Lifetime, skew and propagation in milliseconds."""

    def __init__(self, lifetime, max_skew, propagation):
        self.lifetime, self.max_skew, self.propagation = lifetime, max_skew, propagation


class Ring:
    def __init__(self, file):
        """Reads a ring file, given as bytes."""
        if len(file) > 1_048_576:
            raise RingError("too_large")
        ring = self._json(file)
        self._members(ring, RING_MEMBERS[2], {"format"})
        self.version = {"sealstamp-ring/1": 1, "sealstamp-ring/2": 2}.get(self._string(ring, "format"))
        if self.version is None:
            raise RingError("format")
        self._members(ring, RING_MEMBERS[self.version], RING_REQUIRED[self.version])
        self.object = ring
        self.serial = self._integer(ring, "serial", 1, 2**53 - 1)
        self.settings = self._settings(ring)
        self.changes_at, self.next_settings = None, None
        if "next_settings" in ring:
            change = ring["next_settings"]
            self._members(change, {"from"} | SETTINGS, {"from"} | SETTINGS)
            self.changes_at = self._time(change, "from")
            self.next_settings = self._settings(change)
        self.ancestors = self._lineage(ring["ancestors"]) if self.version == 2 else None
        if not isinstance(ring["keys"], list):
            raise RingError("wrong_type")
        if len(ring["keys"]) > 1024:
            raise RingError("too_many_keys")
        self.keys = [self._key(key) for key in ring["keys"]]
        if len({key.kid for key in self.keys}) != len(self.keys):
            raise RingError("duplicate_kid")
        self._date_order()
        if all(key.revoked or key.activates_at is None for key in self.keys):
            raise RingError("no_active_key")

    @staticmethod
    def _json(file):
        def members(pairs):
            if len({name for name, _ in pairs}) != len(pairs):
                raise RingError("duplicate_member")
            return dict(pairs)

        def integer(text):
            number = int(text[:40])
            return NotAnInteger() if text == "-0" or not -(2**63) <= number <= U64_MAX else number

        def constant(_):
            raise RingError("syntax")

        if b"\\" in file:
            raise RingError("syntax")
        try:
            return json.loads(
                file.decode("utf-8"),
                object_pairs_hook=members,
                parse_int=integer,
                parse_float=lambda _: NotAnInteger(),
                parse_constant=constant,
            )
        except (ValueError, RecursionError):
            raise RingError("syntax") from None

    @staticmethod
    def _members(value, allowed, required):
        if not isinstance(value, dict):
            raise RingError("wrong_type")
        if not value.keys() <= allowed:
            raise RingError("unknown_field")
        if not required <= value.keys():
            raise RingError("missing_field")

    @staticmethod
    def _string(value, name):
        if not isinstance(value[name], str):
            raise RingError("wrong_type")
        return value[name]

    @staticmethod
    def _integer(value, name, low, high):
        number = value[name]
        if not isinstance(number, int) or isinstance(number, bool):
            raise RingError("wrong_type")
        if not low <= number <= high:
            raise RingError("out_of_range")
        return number

    def _bytes32(self, value, name):
        data = unbase64url(self._string(value, name).encode(), 32)
        if data is None:
            raise RingError("bad_encoding")
        return data

    def _time(self, value, name):
        if name not in value:
            return None
        match = TIME.fullmatch(self._string(value, name))
        if not match or match[7] == "000":
            raise RingError("bad_time")
        try:
            moment = datetime.datetime(*(int(part) for part in match.groups()[:6]))
        except ValueError:
            raise RingError("bad_time") from None
        if moment < UNIX_EPOCH:
            raise RingError("bad_time")
        return (moment - UNIX_EPOCH) // datetime.timedelta(milliseconds=1) + int(match[7] or 0)

    def _settings(self, value):
        return Settings(
            1000 * self._integer(value, "lifetime_s", 1, 3600),
            1000 * self._integer(value, "max_skew_s", 0, 60),
            1000 * self._integer(value, "propagation_s", 0, 2_592_000),
        )

    def _lineage(self, value):
        if not isinstance(value, list):
            raise RingError("wrong_type")
        if len(value) > 64:
            raise RingError("lineage")
        ancestors, below = [], self.serial - 1
        for one in value:
            self._members(one, {"serial", "digest"}, {"serial", "digest"})
            serial = self._integer(one, "serial", 1, 2**53 - 1)
            if not re.fullmatch("[0-9a-f]{64}", self._string(one, "digest")):
                raise RingError("bad_encoding")
            if serial > below or any(one["digest"] == digest for _, digest in ancestors):
                raise RingError("lineage")
            ancestors.append((serial, one["digest"]))
            below = serial
        return ancestors

    def _key(self, value):
        self._members(value, KEY_MEMBERS, KEY_REQUIRED)
        key = Key()
        if not re.fullmatch("[0-9a-f]{8}", self._string(value, "kid")):
            raise RingError("bad_encoding")
        key.kid = bytes.fromhex(value["kid"])
        key.fingerprint = self._bytes32(value, "fingerprint")
        key.version = SUITES.get(self._string(value, "suite"))
        if key.version is None:
            raise RingError("bad_suite")
        key.created_at = self._time(value, "created_at")
        key.activates_at = self._time(value, "activates_at")
        key.revoked = self._time(value, "revoked_at") is not None
        key.secret = self._bytes32(value, "secret") if "secret" in value else None
        if key.revoked and key.secret is not None:
            raise RingError("revoked_with_secret")
        if not key.revoked and key.secret is None:
            raise RingError("missing_secret")
        if key.secret == bytes(32):
            raise RingError("zero_secret")
        if key.secret is not None and fingerprint_of(key.secret) != key.fingerprint:
            raise RingError("fingerprint_mismatch")
        if key.kid != key.fingerprint[:4]:
            raise RingError("kid_mismatch")
        return key

    def _date_order(self):
        created, date, staged = 0, None, False
        for key in self.keys:
            if key.created_at < created:
                raise RingError("date_order")
            created = key.created_at
            if key.activates_at is not None:
                if staged or (date is not None and key.activates_at <= date):
                    raise RingError("date_order")
                date = key.activates_at
            elif not key.revoked:
                staged = True

    def public_text(self):
        """The file as section 7.1 writes it, without secrets."""

        def ordered(value, order):
            return {name: value[name] for name in order if name in value}

        ring = ordered(self.object, MEMBER_ORDER)
        ring["keys"] = [ordered(key, [name for name in KEY_ORDER if name != "secret"]) for key in ring["keys"]]
        if "next_settings" in ring:
            ring["next_settings"] = ordered(ring["next_settings"], SETTINGS_ORDER)
        if "ancestors" in ring:
            ring["ancestors"] = [ordered(one, ANCESTOR_ORDER) for one in ring["ancestors"]]
        return json.dumps(ring, indent=2) + "\n"

    def digest(self):
        return hashlib.sha256(self.public_text().encode()).hexdigest()

    def widest_skew(self):
        return max(self.settings.max_skew, self.next_settings.max_skew if self.next_settings else 0)

    def window(self, iat):
        """Lifetime and skew for a nonce minted at `iat` (section 7.2)."""
        if self.next_settings and iat >= self.changes_at:
            return self.next_settings.lifetime, self.next_settings.max_skew
        return self.settings.lifetime, self.widest_skew()

    def minting_key(self, now):
        dated = [key for key in self.keys if not key.revoked and key.activates_at is not None]
        return ([dated[0]] + [key for key in dated if key.activates_at <= now])[-1]

    def successor(self, key):
        behind = self.keys[self.keys.index(key) + 1 :]
        return next((other for other in behind if other.activates_at is not None), None)


# --- Section 5: mint -----------------------------------------------------------------------------------------------


def mint(ring, audience, binding, now, seed, counter):
    assert epoch_of(now) <= U32_MAX, "the clock is out of range"
    key = ring.minting_key(now)
    source = (seed, counter)
    return Seal(key.secret, key.version, epoch_of(now), audience, binding, now, source, key.fingerprint)


# --- Section 6: open -----------------------------------------------------------------------------------------------


class Verdict:
    """`label` is "opened" or the reason; `step` is the step that refused."""

    def __init__(self, label, step=None, by=None, **opened):
        self.label, self.step, self.by = label, step, by
        self.opened = opened

    def line(self):
        if self.label == "opened":
            o = self.opened
            return f"opened {o['kid'].hex()} {o['iat']} {o['age']} {int(o['renew'])}"
        return self.label if self.by is None else f"{self.label} {self.by}"


def open_nonce(ring, audience, binding, now, nonce):
    """`nonce` is bytes."""
    raw = unbase64url(nonce, 45)
    if raw is None:
        return Verdict("malformed", 1)
    version, kid, epoch = raw[0], raw[1:5], int.from_bytes(raw[5:9], "big")
    if version not in (1, 2):
        return Verdict("unknown_version", 2)
    key = next((key for key in ring.keys if key.kid == kid), None)
    if key is None:
        return Verdict("unknown_key", 3)
    if key.revoked:
        return Verdict("revoked_key", 3)
    if version != key.version:
        return Verdict("not_authentic", 4)
    if epoch_of(now) > U32_MAX or abs(epoch - epoch_of(now)) > 1:
        return Verdict("outside_window", 5)
    aead_key = expand(extract(key.secret), epoch_info(version, epoch, audience), 64)[:32]
    try:
        plaintext = AEADS[version](aead_key).decrypt(raw[9:21], raw[21:], raw[:9] + binding_bytes(binding))
    except InvalidTag:
        return Verdict("not_authentic", 6)
    iat = int.from_bytes(plaintext, "big")
    if epoch_of(iat) != epoch:
        return Verdict("not_authentic", 7)
    lifetime, max_skew = ring.window(iat)
    if iat > add(now, max_skew):
        return Verdict("in_future", 8, by=iat - add(now, max_skew))
    end = add(add(iat, lifetime), max_skew)
    if now > end:
        return Verdict("expired", 9, by=now - end)
    successor = ring.successor(key)
    if successor is not None and iat > add(successor.activates_at, ring.widest_skew()):
        return Verdict("key_retired", 10)
    age = sub(now, iat)
    return Verdict("opened", kid=kid, iat=iat, age=age, renew=age > lifetime // 2)


# --- Section 8.1: from one ring to another --------------------------------------------------------------------------


def succession(current, offered, revoked):
    """What a process that uses `current` does when it finds `offered`. `revoked`: fingerprints that it saw revoked."""
    mine, theirs = (current.serial, current.digest()), (offered.serial, offered.digest())
    if mine == theirs:
        return "same"
    if offered.serial == current.serial:
        return "conflict"
    if offered.serial < current.serial:
        reached = current.ancestors and current.ancestors[-1][0] <= offered.serial
        return "not_a_successor" if reached and theirs not in current.ancestors else "older_serial"
    if (current.ancestors is not None or offered.ancestors is not None) and mine not in (offered.ancestors or []):
        return "not_a_successor"
    if any(not key.revoked and key.fingerprint in revoked for key in offered.keys):
        return "unrevoked"
    return "taken"


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    from program import main

    sys.exit(main(__doc__, sys.argv[1:]))
