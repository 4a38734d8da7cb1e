"""The contents of nonces.json: every case, with the verdict that its name claims."""

import base64

from reference import (
    EPOCH,
    U32_MAX,
    U64_MAX,
    Seal,
    base64url,
    epoch_of,
    fingerprint_of,
    mint,
    open_nonce,
    u8,
    u32,
    u64,
    unbase64url,
)
from ring_text import NOW, at, key_object, parse, ring_object, secret_number

AUDIENCE = "https://mcp.example.com/mcp"
OTHER_AUDIENCE = "https://as.example.com"
SEED = bytes(range(0x40, 0x60))
# The thumbprint of RFC 7638 section 3.1's example key.
THUMBPRINT = unbase64url(b"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", 32)


def vector_rings():
    created = at("17:00:00")
    aes, chacha = "aes-256-gcm", "chacha20-poly1305"
    document = ring_object([key_object(secret_number(0), aes, at("19:00:00"), at("19:10:00"))])
    four = [
        (secret_number(0x10), aes, at("18:00:00")),
        (secret_number(0x30), chacha, at("19:10:00")),
        (secret_number(0x50), aes, at("19:40:00")),
        (secret_number(0x70), chacha, None),
    ]

    def keys(*revoked, undated=()):
        return [
            key_object(
                secret,
                suite,
                created,
                None if j in undated else date,
                at("19:25:00") if j in revoked else None,
            )
            for j, (secret, suite, date) in enumerate(four)
        ]

    # From 120 s and 5 s to others, at 20:00. The first key's successor takes over at that time.
    def changing(lifetime_s, max_skew_s):
        dated = [
            key_object(secret, suite, created, date)
            for (secret, suite, _), date in zip(four, (at("18:00:00"), at("20:00:00"), None))
        ]
        return ring_object(dated, ancestors=[], next_settings=(at("20:00:00"), lifetime_s, max_skew_s, 600))

    return {
        "document": document,
        "document-chacha": ring_object([key_object(secret_number(1), chacha, at("19:00:00"), at("19:10:00"))]),
        "four": ring_object(keys()),
        "four-retired-revoked": ring_object(keys(0), serial=8),
        "four-pending-revoked": ring_object(keys(2, undated={2}), serial=8),
        "four-staged-revoked": ring_object(keys(3), serial=8),
        "four-active-revoked-by-hand": ring_object(keys(1), serial=8),
        "zero-aes": ring_object([key_object(secret_number(2), aes, 0, 0)], 1, 3600, 60, 0),
        "zero-chacha": ring_object([key_object(secret_number(3), chacha, 0, 0)], 1, 3600, 60, 0),
        "longer": changing(300, 2),
        "shorter": changing(60, 2),
        "wider": changing(120, 20),
        "strict": ring_object([key_object(secret_number(4), aes, 0, 0)], 2**53 - 1, 1, 0, 2_592_000),
    }


def secrets_by_kid():
    numbers = [0, 1, 2, 3, 4, 0x10, 0x30, 0x50, 0x70]
    return {fingerprint_of(secret_number(n))[:4].hex(): secret_number(n) for n in numbers}


def nonce_vectors():
    rings = vector_rings()
    secrets = secrets_by_kid()
    vectors, names = [], set()

    def make(ring, iat, key=None, audience=AUDIENCE, binding=None, seed=SEED, counter=7, epoch=None, version=None):
        """A seal and its JSON form. Without `key`, `epoch` and `version` it is what the fleet mints at `iat`."""
        parsed = parse(rings[ring])
        minted = key is None and epoch is None and version is None
        if minted:
            seal = mint(parsed, audience.encode(), binding, iat, seed, counter)
        else:
            chosen = parsed.minting_key(iat) if key is None else parsed.keys[key]
            seal = Seal(
                secrets[chosen.kid.hex()],
                chosen.version if version is None else version,
                epoch_of(iat) if epoch is None else epoch,
                audience.encode(),
                binding,
                iat,
                (seed, counter),
            )
        return seal, {
            "minted": minted,
            "ring": ring,
            "audience": audience,
            "binding": binding and binding.hex(),
            "iat": str(iat),
            "seed": seed.hex(),
            "counter": str(counter),
            "kid": seal.fingerprint[:4].hex(),
            "fingerprint": seal.fingerprint.hex(),
            "prk": seal.prk.hex(),
            "version": seal.version,
            "epoch": seal.epoch,
            "info": seal.info.hex(),
            "material": seal.material.hex(),
            "aad": seal.aad.hex(),
            "iv_input": seal.iv_input.hex(),
            "iv_hmac": seal.iv_hmac.hex(),
            "iv": seal.iv.hex(),
            "plaintext": u64(iat).hex(),
            "ciphertext": seal.ciphertext.hex(),
            "tag": seal.tag.hex(),
            "nonce": seal.nonce,
        }

    def vector(name, expect, seal, now, ring=None, audience=None, binding=False, change=None, step=None):
        """`change` turns the nonce (text) into what is given to open. Without the other arguments, those of the seal."""
        assert name not in names, name
        names.add(name)
        sealed, values = seal
        ring = ring or values["ring"]
        audience = audience or values["audience"]
        if binding is False:
            binding = values["binding"] and bytes.fromhex(values["binding"])
        given = change(sealed.nonce) if change else sealed.nonce
        verdict = open_nonce(parse(rings[ring]), audience.encode(), binding, now, given.encode())
        assert (verdict.label, verdict.step) == (expect, step), (name, verdict.line(), verdict.step)
        answer = {"verdict": verdict.label}
        if verdict.label == "opened":
            o = verdict.opened
            answer.update(kid=o["kid"].hex(), iat=str(o["iat"]), age_ms=str(o["age"]), renew=o["renew"])
        else:
            answer["step"] = verdict.step
            if verdict.by is not None:
                answer["by_ms"] = str(verdict.by)
        vectors.append(
            {
                "name": name,
                "ring": ring,
                "audience": audience,
                "binding": binding and binding.hex(),
                "now": str(now),
                "given": given,
                "expect": answer,
                "sealed": values,
            }
        )

    def opens(name, seal, now, **more):
        vector(name, "opened", seal, now, **more)

    def refused(name, reason, step, seal, now, **more):
        vector(name, reason, seal, now, step=step, **more)

    def raw_change(function):
        def change(nonce):
            raw = bytearray(base64.urlsafe_b64decode(nonce))
            function(raw)
            return base64url(bytes(raw))

        return change

    def put(offset, data):
        return raw_change(lambda raw: raw.__setitem__(slice(offset, offset + len(data)), data))

    # Accepted: both suites, bindings, audiences.
    opens("document example", make("document", NOW), NOW)
    opens("chacha20-poly1305", make("document-chacha", NOW), NOW)
    opens("bound, aes-256-gcm", make("document", NOW, binding=THUMBPRINT), NOW)
    opens("bound, chacha20-poly1305", make("document-chacha", NOW, binding=THUMBPRINT), NOW)
    opens("bound to a thumbprint of zeros", make("document", NOW, binding=bytes(32)), NOW)
    opens("audience of 1 byte", make("document", NOW, audience="a"), NOW)
    opens("audience of 1,024 bytes", make("document", NOW, audience="https://mcp.example.com/" + "a" * 1000), NOW)
    opens("audience of 256 bytes", make("document", NOW, audience="b" * 256), NOW)
    opens("audience beyond ASCII", make("document", NOW, audience="https://mcp.example/caf\u00e9"), NOW)

    # Accepted: each field of the IV's input matters, so these nonces share no IV.
    opens("clone: another counter", make("document", NOW, counter=8), NOW)
    opens("clone: another time", make("document", NOW + 1), NOW + 1)
    opens("clone: another seed", make("document", NOW, seed=bytes(32)), NOW)
    opens("clone: another audience", make("document", NOW, audience=OTHER_AUDIENCE), NOW)
    opens("counter 0", make("document", NOW, counter=0), NOW)
    opens("counter 2^64 - 1", make("document", NOW, counter=U64_MAX), NOW)

    # Time, from both sides of each boundary, with lifetime 120 s and maximal skew 5 s.
    for suite, ring in (("aes-256-gcm", "document"), ("chacha20-poly1305", "document-chacha")):
        seal = make(ring, NOW)
        opens(f"{suite}: from the future, by the skew", seal, NOW - 5_000)
        refused(f"{suite}: from the future, 1 ms too far", "in_future", 8, seal, NOW - 5_001)
        opens(f"{suite}: last millisecond", seal, NOW + 125_000)
        refused(f"{suite}: expired by 1 ms", "expired", 9, seal, NOW + 125_001)
        opens(f"{suite}: half its lifetime old, not yet to be renewed", seal, NOW + 60_000)
        opens(f"{suite}: 1 ms older than half its lifetime, to be renewed", seal, NOW + 60_001)
    seal = make("strict", NOW)
    opens("no skew: this very moment", seal, NOW)
    refused("no skew: 1 ms from the future", "in_future", 8, seal, NOW - 1)
    opens("lifetime of 1 s: 500 ms old", seal, NOW + 500)
    opens("lifetime of 1 s: 501 ms old, to be renewed", seal, NOW + 501)
    opens("lifetime of 1 s: last millisecond", seal, NOW + 1_000)
    refused("lifetime of 1 s: expired by 1 ms", "expired", 9, seal, NOW + 1_001)
    seal = make("zero-aes", NOW)
    opens("lifetime of 1 h, skew of 1 min: last millisecond", seal, NOW + 3_660_000)
    refused("lifetime of 1 h, skew of 1 min: expired by 1 ms", "expired", 9, seal, NOW + 3_660_001)
    opens("skew of 1 min: from the future, by the skew", seal, NOW - 60_000)
    refused("skew of 1 min: from the future, 1 ms too far", "in_future", 8, seal, NOW - 60_001)

    # A change of the settings at 20:00: a nonce has the lifetime in force when it was minted.
    before, after = at("19:59:59.999"), at("20:00:00")
    for ring, lifetime, skew, skew_before in (("longer", 300, 2, 5), ("shorter", 60, 2, 5), ("wider", 120, 20, 20)):
        last, next_last = before + 1_000 * (120 + skew_before), after + 1_000 * (lifetime + skew)
        opens(f"change of settings, {ring}: minted before, last millisecond", make(ring, before), last)
        refused(f"change of settings, {ring}: minted before, expired", "expired", 9, make(ring, before), last + 1)
        opens(f"change of settings, {ring}: minted after, last millisecond", make(ring, after), next_last)
        refused(f"change of settings, {ring}: minted after, expired", "expired", 9, make(ring, after), next_last + 1)
        opens(f"change of settings, {ring}: minted before, to be renewed", make(ring, before), before + 60_001)
        opens(f"change of settings, {ring}: minted after, half old", make(ring, after), after + 500 * lifetime)
        opens(f"change of settings, {ring}: minted after, to be renewed", make(ring, after), after + 500 * lifetime + 1)
        ahead = 1_000 * skew_before
        opens(f"change of settings, {ring}: minted before, ahead", make(ring, before), before - ahead)
        refused(f"change of settings, {ring}: before, too far ahead", "in_future", 8, make(ring, before), before - ahead - 1)
        ahead = 1_000 * skew
        opens(f"change of settings, {ring}: minted after, ahead", make(ring, after), after - ahead)
        refused(f"change of settings, {ring}: after, too far ahead", "in_future", 8, make(ring, after), after - ahead - 1)
        edge = after + 1_000 * max(skew, 5)
        opens(f"change of settings, {ring}: end of the key window", make(ring, edge, key=0), edge)
        refused(f"change of settings, {ring}: past the key window", "key_retired", 10, make(ring, edge + 1, key=0), edge)

    # Epochs.
    edge = (epoch_of(NOW) + 1) * EPOCH
    for suite, ring in (("aes-256-gcm", "zero-aes"), ("chacha20-poly1305", "zero-chacha")):
        before, after = make(ring, edge - 1), make(ring, edge)
        opens(f"{suite}: last of an epoch, opened in the next", before, edge)
        opens(f"{suite}: first of an epoch, opened in the one before", after, edge - 1)
        opens(f"{suite}: epoch before, 1 h old", before, edge - 1 + 3_600_000)
        refused(
            f"{suite}: previous epoch's first, now its successor's last",
            "expired",
            9,
            make(ring, edge),
            edge + 2 * EPOCH - 1,
        )
        refused(f"{suite}: two epochs ago", "outside_window", 5, make(ring, edge), edge + 2 * EPOCH)
        refused(
            f"{suite}: next epoch's last, now this epoch's first",
            "in_future",
            8,
            make(ring, edge + 2 * EPOCH - 1),
            edge,
        )
        refused(f"{suite}: two epochs ahead", "outside_window", 5, make(ring, edge + 2 * EPOCH), edge)
        far = make(ring, NOW, epoch=epoch_of(NOW) + 2)
        refused(f"{suite}: sealed under an epoch two ahead", "outside_window", 5, far, NOW)
        for delta in (-1, 1):
            wrong = make(ring, NOW, epoch=epoch_of(NOW) + delta)
            refused(f"{suite}: sealed under the epoch {delta:+d} of its time", "not_authentic", 7, wrong, NOW)
        late = make(ring, edge - 1, epoch=epoch_of(edge))
        refused(f"{suite}: sealed 1 ms before its epoch", "not_authentic", 7, late, edge)
        early = make(ring, edge, epoch=epoch_of(edge) - 1)
        refused(f"{suite}: sealed at the end of its epoch", "not_authentic", 7, early, edge)

    # The ends of time.
    last = 2**32 * EPOCH - 1
    for suite, ring in (("aes-256-gcm", "zero-aes"), ("chacha20-poly1305", "zero-chacha")):
        opens(f"{suite}: iat 0, now 0", make(ring, 0), 0)
        opens(f"{suite}: iat 1, now 0", make(ring, 1), 0)
        opens(f"{suite}: iat 0, last millisecond", make(ring, 0), 3_660_000)
        refused(f"{suite}: iat 0, expired by 1 ms", "expired", 9, make(ring, 0), 3_660_001)
        opens(f"{suite}: iat 1, last millisecond", make(ring, 1), 3_660_001)
        refused(f"{suite}: iat 0 today", "outside_window", 5, make(ring, 0), NOW)
        refused(f"{suite}: iat 1 today", "outside_window", 5, make(ring, 1), NOW)
        for iat in (0, 1, 2**63, U64_MAX):
            seal = make(ring, iat, epoch=epoch_of(NOW))
            refused(f"{suite}: iat {iat} sealed under today's epoch", "not_authentic", 7, seal, NOW)
        absurd = make(ring, U64_MAX, epoch=0)
        refused(f"{suite}: iat 2^64 - 1 under epoch 0, now 0", "not_authentic", 7, absurd, 0)
        truncated = epoch_of(U64_MAX) & U32_MAX
        alike = make(ring, U64_MAX, epoch=truncated)
        refused(
            f"{suite}: iat 2^64 - 1 under the low 32 bits of its epoch",
            "not_authentic",
            7,
            alike,
            truncated * EPOCH,
        )
        opens(f"{suite}: the last millisecond of the last epoch", make(ring, last), last)
        opens(f"{suite}: the last but one epoch, opened in the last", make(ring, last - EPOCH), last - EPOCH + 60_000)
        refused(f"{suite}: the clock 1 ms beyond the last epoch", "outside_window", 5, make(ring, last), last + 1)
        refused(f"{suite}: the clock at the end of 64 bits", "outside_window", 5, make(ring, last), U64_MAX)
        refused(f"{suite}: epoch 0 and a clock that wraps to it", "outside_window", 5, make(ring, 0), last + 1)
        refused(f"{suite}: epoch 2^32 - 1 at time 0", "outside_window", 5, make(ring, last), 0)

    # Which key.
    opens("four keys: the active one mints", make("four", NOW), NOW)
    opens("four keys: a clock before the first date mints with the first", make("four", at("17:59:58")), at("18:00:00"))
    opens("four keys: first millisecond of the active key", make("four", at("19:10:00")), at("19:10:00"))
    opens("four keys: last millisecond of its predecessor", make("four", at("19:09:59.999")), at("19:10:00"))
    opens("four keys: the pending one opens", make("four", NOW, key=2), NOW)
    opens("four keys: the staged one opens", make("four", NOW, key=3), NOW)
    edge = at("19:10:05")
    opens("key window: at the successor's date plus the skew", make("four", edge, key=0), edge + 10_000)
    refused("key window: 1 ms later", "key_retired", 10, make("four", edge + 1, key=0), edge + 10_000)
    refused("key window: a retired key, today", "key_retired", 10, make("four", NOW, key=0), NOW)
    opens("key window: the staged key behind the last date sets no bound", make("four", at("20:00:00")), at("20:00:01"))
    refused("key window: expired comes before retired", "expired", 9, make("four", edge + 1, key=0), edge + 125_002)
    opens("revoked successor: its date still bounds", make("four-active-revoked-by-hand", edge, key=0), edge)
    refused(
        "revoked successor: 1 ms beyond its date and the skew",
        "key_retired",
        10,
        make("four-active-revoked-by-hand", edge + 1),
        edge + 1,
    )
    opens(
        "revoked pending key without a date: no bound",
        make("four-pending-revoked", at("20:00:00")),
        at("20:00:00"),
    )

    # Key identifiers.
    refused("revoked: retired key", "revoked_key", 3, make("four", NOW - 1, key=0), NOW, ring="four-retired-revoked")
    refused("revoked: active key", "revoked_key", 3, make("four", NOW), NOW, ring="four-active-revoked-by-hand")
    refused("revoked: pending key", "revoked_key", 3, make("four", NOW, key=2), NOW, ring="four-pending-revoked")
    refused("revoked: staged key", "revoked_key", 3, make("four", NOW, key=3), NOW, ring="four-staged-revoked")
    refused(
        "revoked comes before the suite",
        "revoked_key",
        3,
        make("four", NOW),
        NOW,
        ring="four-active-revoked-by-hand",
        change=put(0, b"\x01"),
    )
    refused(
        "revoked comes before the epoch",
        "revoked_key",
        3,
        make("four", NOW),
        NOW + 9 * EPOCH,
        ring="four-active-revoked-by-hand",
    )
    refused("unknown key: of another ring", "unknown_key", 3, make("document", NOW), NOW, ring="four")
    refused(
        "unknown key: one bit",
        "unknown_key",
        3,
        make("document", NOW),
        NOW,
        change=raw_change(lambda raw: raw.__setitem__(4, raw[4] ^ 1)),
    )
    refused("unknown key: zeros", "unknown_key", 3, make("document", NOW), NOW, change=put(1, bytes(4)))
    refused("unknown key comes before the epoch", "unknown_key", 3, make("document", NOW), NOW + 9 * EPOCH, ring="four")
    other = bytes.fromhex(rings["four"]["keys"][3]["kid"])
    refused("the key identifier of another key", "not_authentic", 6, make("four", NOW), NOW, change=put(1, other))

    # Versions and suites.
    seal = make("document", NOW)
    for version in (0, 3, 0x81, 0xFF):
        refused(f"version {version:#04x}", "unknown_version", 2, seal, NOW, change=put(0, u8(version)))
    refused("unknown version comes before an unknown key", "unknown_version", 2, seal, NOW, change=put(0, b"\0" * 5))
    refused("version of the other suite, aes-256-gcm key", "not_authentic", 4, seal, NOW, change=put(0, b"\x02"))
    refused(
        "version of the other suite, chacha20-poly1305 key",
        "not_authentic",
        4,
        make("document-chacha", NOW),
        NOW,
        change=put(0, b"\x01"),
    )
    refused("sealed under the other suite, aes-256-gcm key", "not_authentic", 4, make("document", NOW, version=2), NOW)
    refused(
        "sealed under the other suite, chacha20-poly1305 key",
        "not_authentic",
        4,
        make("document-chacha", NOW, version=1),
        NOW,
    )
    refused("the suite comes before the epoch", "not_authentic", 4, make("document", NOW, version=2), NOW + 9 * EPOCH)

    # Whose nonce.
    for suite, ring in (("aes-256-gcm", "document"), ("chacha20-poly1305", "document-chacha")):
        seal, bound = make(ring, NOW), make(ring, NOW, binding=THUMBPRINT)
        refused(f"{suite}: another audience", "not_authentic", 6, seal, NOW, audience=OTHER_AUDIENCE)
        refused(f"{suite}: audience with a final slash", "not_authentic", 6, seal, NOW, audience=AUDIENCE + "/")
        refused(f"{suite}: audience in capitals", "not_authentic", 6, seal, NOW, audience=AUDIENCE.upper())
        refused(f"{suite}: unbound, expected bound", "not_authentic", 6, seal, NOW, binding=THUMBPRINT)
        refused(f"{suite}: unbound, expected bound to zeros", "not_authentic", 6, seal, NOW, binding=bytes(32))
        refused(f"{suite}: bound, expected unbound", "not_authentic", 6, bound, NOW, binding=None)
        other = bytes([THUMBPRINT[0] ^ 0x80]) + THUMBPRINT[1:]
        refused(f"{suite}: bound to another, first bit", "not_authentic", 6, bound, NOW, binding=other)
        other = THUMBPRINT[:-1] + bytes([THUMBPRINT[-1] ^ 1])
        refused(f"{suite}: bound to another, last bit", "not_authentic", 6, bound, NOW, binding=other)

        # One flipped bit in each field behind the key identifier; and the header's epoch moved inside the window.
        for name, offset in (("IV", 9), ("ciphertext", 21), ("tag", 29), ("tag's last byte", 44)):
            flip = raw_change(lambda raw, offset=offset: raw.__setitem__(offset, raw[offset] ^ 1))
            refused(f"{suite}: a flipped bit in the {name}", "not_authentic", 6, seal, NOW, change=flip)
        moved = put(5, u32(epoch_of(NOW) + 1))
        refused(f"{suite}: the header's epoch moved by one", "not_authentic", 6, seal, NOW, change=moved)
        moved = put(5, u32(epoch_of(NOW) + 2))
        refused(f"{suite}: the header's epoch moved by two", "outside_window", 5, seal, NOW, change=moved)
        moved = put(5, u32(U32_MAX))
        refused(f"{suite}: the header's epoch all ones", "outside_window", 5, seal, NOW, change=moved)

    # Form.
    seal = make("document", NOW)
    replace = lambda position, text: lambda nonce: nonce[:position] + text + nonce[position + 1 :]
    for name, change in {
        "empty": lambda nonce: "",
        "59 characters": lambda nonce: nonce[:59],
        "61 characters": lambda nonce: nonce + "A",
        "56 characters: 42 bytes": lambda nonce: nonce[:56],
        "64 characters: 48 bytes": lambda nonce: nonce + "AAAA",
        "padding behind 60 characters": lambda nonce: nonce + "=",
        "padding in the last place": replace(59, "="),
        "padding in the last two places": lambda nonce: nonce[:58] + "==",
        "plus in the first place": replace(0, "+"),
        "plus": replace(30, "+"),
        "slash": replace(31, "/"),
        "space": replace(32, " "),
        "space in the last place": replace(59, " "),
        "space before it": lambda nonce: " " + nonce[:59],
        "line feed behind it": lambda nonce: nonce + "\n",
        "line feed in the last place": replace(59, "\n"),
        "carriage return": replace(33, "\r"),
        "NUL": replace(34, "\0"),
        "DEL": replace(35, "\x7f"),
        "dot": replace(36, "."),
        "tilde": replace(37, "~"),
        "at sign": replace(38, "@"),
        "bracket": replace(39, "["),
        "backquote": replace(40, "`"),
        "brace": replace(41, "{"),
        "colon": replace(42, ":"),
        "comma": replace(43, ","),
        "60 characters with one beyond ASCII": replace(10, "\u00e9"),
        "60 bytes with one character beyond ASCII": lambda nonce: nonce[:58] + "\u00e9",
        "a full-width letter": replace(0, "\uff21"),
        "quoted": lambda nonce: '"' + nonce + '"',
        "twice": lambda nonce: nonce + nonce,
    }.items():
        refused(f"malformed: {name}", "malformed", 1, seal, NOW, change=change)
    refused("malformed comes before an unknown version", "malformed", 1, seal, NOW, change=lambda nonce: "-" * 61)
    refused("60 characters, not of this format", "unknown_version", 2, seal, NOW, change=lambda nonce: "A" * 60)

    return {
        "about": "See README.md. Byte strings are in hexadecimal; 64-bit numbers are strings of decimal digits.",
        "rings": rings,
        "vectors": vectors,
    }
