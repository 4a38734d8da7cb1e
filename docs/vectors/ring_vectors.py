"""The contents of rings.json: ring files, good ones and such with exactly one fault."""

import json

from reference import U64_MAX, Ring, RingError, base64url, fingerprint_of, succession, u32
from ring_text import NOW, at, key_object, parse, ring_object, ring_text, secret_number


def ring_vectors():
    good = ring_object(
        [
            key_object(secret_number(0), "aes-256-gcm", at("19:00:00"), at("19:10:00")),
            key_object(secret_number(1), "chacha20-poly1305", at("19:00:00"), at("19:40:00.500")),
            key_object(secret_number(2), "aes-256-gcm", at("19:00:00.001")),
        ]
    )
    text = ring_text(good)
    kids = [key["kid"] for key in good["keys"]]
    vectors, names = [], set()

    def bytes_of(file):
        if "hex" in file:
            return bytes.fromhex(file["hex"])
        if "text" in file:
            return file["text"].encode()
        return b"".join(
            piece.encode()
            if isinstance(piece, str)
            else b" " * piece["spaces"]
            if "spaces" in piece
            else "".join(tombstone(j) for j in range(1, piece["tombstones"] + 1)).encode()
            for piece in file["pieces"]
        )

    def tombstone(j):
        fingerprint = base64url(u32(j) + bytes(28))
        return (
            f'{{"kid":"{j:08x}","fingerprint":"{fingerprint}","suite":"aes-256-gcm",'
            f'"created_at":"1970-01-01T00:00:00Z","revoked_at":"1970-01-01T00:00:00Z"}},'
        )

    def vector(name, expect, file, minting=()):
        assert name not in names, name
        names.add(name)
        file = {"text": file} if isinstance(file, str) else file
        entry = {"name": name, "expect": expect, **file}
        try:
            ring = Ring(bytes_of(file))
        except RingError as error:
            assert error.kind == expect, (name, error.kind)
        else:
            assert expect == "ok", (name, "accepted")
            entry["serial"] = str(ring.serial)
            entry["digest"] = ring.digest()
            entry["kids"] = [key.kid.hex() for key in ring.keys] if len(ring.keys) < 100 else len(ring.keys)
            entry["minting"] = [{"now": str(now), "kid": ring.minting_key(now).kid.hex()} for now in minting or (NOW,)]
        vectors.append(entry)

    def ok(name, file, minting=()):
        vector(name, "ok", file, minting)

    def changed(*changes, source=text):
        """The good file with each (old, new) replaced once; `old` occurs exactly once, or is (old, n), its n-th place."""
        for old, new in changes:
            old, place = old if isinstance(old, tuple) else (old, None)
            parts = source.split(old)
            assert len(parts) == 2 or place is not None and place + 1 < len(parts), (old, len(parts))
            place = place or 0
            source = old.join(parts[: place + 1]) + new + old.join(parts[place + 1 :])
        return source

    def rebuilt(**change):
        return ring_text({**good, **change})

    def with_keys(*keys, **settings):
        return ring_text(ring_object(list(keys), **settings))

    def key(n, created="19:00:00", date=None, revoked=None, suite="aes-256-gcm"):
        return key_object(secret_number(n), suite, at(created), date and at(date), revoked and at(revoked))

    def edited(key, **change):
        """A key with members replaced, or removed where the change is None."""
        return {name: value for name, value in {**key, **change}.items() if value is not None}

    # Accepted.
    ok("as written", text, (0, at("19:10:00") - 1, at("19:40:00.499"), at("19:40:00.500"), U64_MAX))
    ok("one line", json.dumps(good, separators=(",", ":")))
    ok("tabs and carriage returns", text.replace("\n", "\r\n").replace("  ", "\t"))
    ok("members in another order", json.dumps(dict(reversed(good.items()))).replace('"kid"', ' "kid"'))
    ok(
        "key members in another order",
        json.dumps({**good, "keys": [dict(reversed(k.items())) for k in good["keys"]]}),
    )
    ok("smallest settings", rebuilt(serial=1, lifetime_s=1, max_skew_s=0, propagation_s=0))
    ok("largest settings", rebuilt(serial=2**53 - 1, lifetime_s=3600, max_skew_s=60, propagation_s=2_592_000))
    ok("one key", with_keys(key(0, date="19:10:00")))
    ok(
        "a retired tombstone with its date",
        with_keys(key(0, date="18:00:00", revoked="19:00:00"), key(1, date="19:00:00")),
        (at("18:30:00"), NOW),
    )
    ok(
        "a pending tombstone without a date",
        with_keys(key(0, date="18:00:00"), key(1, revoked="19:00:00"), key(2, date="19:10:00"), key(3)),
        (at("18:30:00"), NOW),
    )
    ok("a tombstone behind a staged key", with_keys(key(0, date="18:00:00"), key(1), key(2, revoked="19:00:00")))
    ok("two staged keys", with_keys(key(0, date="18:00:00"), key(1), key(2)))
    ok(
        "dates 1 ms apart",
        with_keys(key(0, date="18:00:00"), key(1, date="18:00:00.001")),
        (at("18:00:00"), at("18:00:00.001")),
    )
    ok(
        "the active key revoked by hand: the one before mints",
        with_keys(key(0, date="18:00:00"), key(1, date="19:00:00", revoked="19:10:00")),
    )
    ok(
        "the first date revoked, a clock before all dates",
        with_keys(key(0, date="18:00:00", revoked="18:10:00"), key(1, date="19:00:00")),
        (0, at("18:30:00")),
    )
    ok("the first millisecond", changed((("2026-11-22T19:00:00Z", 0), "1970-01-01T00:00:00Z")))
    ok(
        "the last millisecond",
        changed(("2026-11-22T19:40:00.500Z", "9999-12-31T23:59:59.999Z")),
        (NOW, 253_402_300_799_998, 253_402_300_799_999),
    )
    ok("29 February", changed(("2026-11-22T19:40:00.500Z", "2028-02-29T00:00:00Z")))
    ok("29 February 2400", changed(("2026-11-22T19:40:00.500Z", "2400-02-29T00:00:00Z")))
    size = len(text.encode())
    ok("1,048,576 bytes", {"pieces": [text, {"spaces": 1_048_576 - size}]})
    # Tombstones in front need dates of creation before the others', so these are of 1970.
    one = edited(key(0, date="19:10:00"), created_at="1970-01-01T00:00:00Z")
    head, tail = json.dumps(ring_object([one])).split('"keys": [')
    ok("1,024 keys", {"pieces": [head + '"keys": [', {"tombstones": 1023}, tail]})

    # too_large, too_many_keys
    vector("1,048,577 bytes", "too_large", {"pieces": [text, {"spaces": 1_048_577 - size}]})
    vector("1,025 keys", "too_many_keys", {"pieces": [head + '"keys": [', {"tombstones": 1024}, tail]})

    # syntax
    vector("empty", "syntax", "")
    vector("only white space", "syntax", " \n")
    vector("cut before its last bracket", "syntax", text.rstrip()[:-1])
    vector("cut in the middle", "syntax", text[: len(text) // 2])
    vector("cut after its first bracket", "syntax", "{")
    vector("something after its end", "syntax", text + "x")
    vector("a second text after its end", "syntax", text + text)
    vector("NUL after its end", "syntax", text + "\0")
    vector("byte order mark", "syntax", "\ufeff" + text)
    vector("UTF-16", "syntax", {"hex": text.encode("utf-16-le").hex()})
    vector(
        "not UTF-8, in a value",
        "syntax",
        {"hex": text.replace("sealstamp-ring/1", "sealstamp-ring/1@").encode().replace(b"@", b"\xff").hex()},
    )
    vector("not UTF-8, after its end", "syntax", {"hex": (text.encode() + b"\xc3").hex()})
    vector("escaped solidus", "syntax", changed(("sealstamp-ring/1", "sealstamp-ring\\/1")))
    vector("escaped letter in a member's name", "syntax", changed(('"serial"', '"\\u0073erial"')))
    vector(
        "escaped letter in a secret",
        "syntax",
        changed((good["keys"][0]["secret"], "\\u0041" + good["keys"][0]["secret"][1:])),
    )
    vector("backslash outside of a string", "syntax", text + "\\")
    vector("line feed inside of a string", "syntax", changed(("sealstamp-ring/1", "sealstamp-ring/1\n")))
    vector("comma behind the last member", "syntax", changed(("    }\n  ]\n}", "    }\n  ],\n}")))
    vector("comma behind the last key", "syntax", changed(("    }\n  ]\n}", "    },\n  ]\n}")))
    vector("comment", "syntax", "// ring\n" + text)
    vector("single quotes", "syntax", text.replace('"', "'"))
    vector("number with a leading zero", "syntax", changed(('"serial": 7', '"serial": 07')))
    vector("number with a plus", "syntax", changed(('"serial": 7', '"serial": +7')))
    vector("hexadecimal number", "syntax", changed(('"serial": 7', '"serial": 0x7')))
    vector("NaN", "syntax", changed(('"serial": 7', '"serial": NaN')))
    vector("no-break space between members", "syntax", changed(('"serial": 7', '"serial":\u00a07')))

    # format
    vector("a later format", "format", changed(("sealstamp-ring/1", "sealstamp-ring/3")))
    vector("format in capitals", "format", changed(("sealstamp-ring/1", "SEALSTAMP-RING/1")))
    vector("format with a space", "format", changed(("sealstamp-ring/1", "sealstamp-ring/1 ")))
    vector("empty format", "format", changed(("sealstamp-ring/1", "")))

    # unknown_field, duplicate_member, missing_field
    vector("unknown member of the ring", "unknown_field", changed(('"serial": 7', '"serial": 7, "comment": "x"')))
    vector("unknown member of a key", "unknown_field", changed((('"kid": ', 1), '"note": "x", "kid": ')))
    vector("a member's name in capitals", "unknown_field", changed(('"serial": 7', '"serial": 7, "Serial": 7')))
    vector("empty member name", "unknown_field", changed(('"serial": 7', '"serial": 7, "": 7')))
    vector("member twice, same value", "duplicate_member", changed(('"serial": 7', '"serial": 7, "serial": 7')))
    vector("member twice, another value", "duplicate_member", changed(('"serial": 7', '"serial": 7, "serial": 8')))
    vector("keys twice", "duplicate_member", changed(('"serial": 7', '"serial": 7, "keys": []')))
    vector(
        "key member twice",
        "duplicate_member",
        changed((f'"kid": "{kids[1]}"', f'"kid": "{kids[1]}", "kid": "{kids[1]}"')),
    )
    vector(
        "secret twice",
        "duplicate_member",
        changed((f'"kid": "{kids[1]}"', f'"kid": "{kids[1]}", "secret": "{good["keys"][1]["secret"]}"')),
    )
    for name in good:
        vector(f"without {name}", "missing_field", ring_text({k: v for k, v in good.items() if k != name}))
    for name in ("kid", "fingerprint", "suite", "created_at"):
        vector(
            f"key without {name}", "missing_field", with_keys(edited(key(0, date="19:10:00"), **{name: None}), key(1))
        )
    vector("empty object", "missing_field", "{}")
    vector("empty key", "missing_field", rebuilt(keys=[{}]))

    # wrong_type
    for name, value in (("null", "null"), ("array", "[]"), ("string", '"ring"'), ("number", "7"), ("true", "true")):
        vector(f"{name} instead of a ring", "wrong_type", value)
        if name != "string":
            vector(f"{name} as format", "wrong_type", changed(('"sealstamp-ring/1"', value)))
        if name != "number":
            vector(f"{name} as serial", "wrong_type", changed(('"serial": 7', f'"serial": {value}')))
        vector(f"{name} instead of a key", "wrong_type", json.dumps({**good, "keys": []}).replace("[]", f"[{value}]"))
    vector("object as keys", "wrong_type", rebuilt(keys={}))
    vector("null as keys", "wrong_type", rebuilt(keys=None))
    vector("string of digits", "wrong_type", changed(('"lifetime_s": 120', '"lifetime_s": "120"')))
    vector("fraction", "wrong_type", changed(('"lifetime_s": 120', '"lifetime_s": 120.5')))
    vector("fraction of zero", "wrong_type", changed(('"lifetime_s": 120', '"lifetime_s": 120.0')))
    vector("exponent", "wrong_type", changed(('"lifetime_s": 120', '"lifetime_s": 12e1')))
    vector("negative zero", "wrong_type", changed(('"max_skew_s": 5', '"max_skew_s": -0')))
    for name in ("kid", "fingerprint", "suite", "secret", "created_at", "activates_at"):
        vector(
            f"number as a key's {name}", "wrong_type", with_keys(edited(key(0, date="19:10:00"), **{name: 7}), key(1))
        )
        entry = {**key(0, date="19:10:00"), name: None}
        vector(f"null as a key's {name}", "wrong_type", with_keys(entry, key(1)))
    vector("null as a key's revoked_at", "wrong_type", with_keys({**key(0, date="19:10:00"), "revoked_at": None}))
    vector(
        "true as a key's revoked_at",
        "wrong_type",
        with_keys({**edited(key(0), secret=None), "revoked_at": True}, key(1, date="19:10:00")),
    )

    for value in (-(2**64), -(2**63) - 1, 2**64, 10**40):
        vector(f"serial {value}", "wrong_type", rebuilt(serial=value))

    # out_of_range
    for name, value in (
        ("serial", 0),
        ("serial", -1),
        ("serial", -(2**63)),
        ("serial", 2**53),
        ("serial", 2**63),
        ("serial", U64_MAX),
        ("lifetime_s", 0),
        ("lifetime_s", 3601),
        ("lifetime_s", 2**32 + 120),
        ("max_skew_s", 61),
        ("max_skew_s", 2**32),
        ("propagation_s", 2_592_001),
        ("propagation_s", U64_MAX),
    ):
        vector(f"{name} {value}", "out_of_range", rebuilt(**{name: value}))

    # bad_time
    date = "2026-11-22T19:10:00Z"
    for value in (
        "",
        "2026-11-22",
        "2026-11-22T19:10:00",
        "2026-11-22T19:10Z",
        "2026-11-22t19:10:00Z",
        "2026-11-22T19:10:00z",
        "2026-11-22 19:10:00Z",
        "2026-11-22T19:10:00+00:00",
        "2026-11-22T20:10:00+01:00",
        "2026-11-22T19:10:00-00:00",
        "2026-11-22T19:10:00.000Z",
        "2026-11-22T19:10:00.5Z",
        "2026-11-22T19:10:00.50Z",
        "2026-11-22T19:10:00.5000Z",
        "2026-11-22T19:10:00.500000Z",
        "2026-11-22T19:10:00,500Z",
        "2026-11-22T19:10:00.Z",
        "2026-11-22T19:10:60Z",
        "2016-12-31T23:59:60Z",
        "2026-11-22T19:60:00Z",
        "2026-11-22T24:00:00Z",
        "2026-11-31T19:10:00Z",
        "2026-02-29T19:10:00Z",
        "2100-02-29T19:10:00Z",
        "2026-11-00T19:10:00Z",
        "2026-13-22T19:10:00Z",
        "2026-00-22T19:10:00Z",
        "1969-12-31T23:59:59Z",
        "1969-12-31T23:59:59.999Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "+2026-11-22T19:10:00Z",
        "-2026-11-22T19:10:00Z",
        "2026-11-22T19:10:00Z ",
        " 2026-11-22T19:10:00Z",
        "2026-1-22T19:10:00Z",
        "2026-11-22T 9:10:00Z",
        "2026-W47-7T19:10:00Z",
        "20261122T191000Z",
        "1795374600000",
        "2026-11-22T19:10:0\u0663Z",
    ):
        vector(f"time {value!r}"[:60], "bad_time", changed((date, value)))
    vector(
        "bad created_at", "bad_time", with_keys(edited(key(0, date="19:10:00"), created_at="2026-11-22T19:00:00.000Z"))
    )
    vector(
        "bad revoked_at",
        "bad_time",
        with_keys(edited(key(0, date="19:10:00", revoked="19:20:00"), revoked_at="soon"), key(1, date="19:11:00")),
    )

    # bad_encoding
    first = good["keys"][0]
    for name, value in (
        ("kid", ""),
        ("kid", kids[0][:7]),
        ("kid", kids[0] + "0"),
        ("kid", kids[0].upper()),
        ("kid", "0x" + kids[0][:6]),
        ("kid", kids[0][:7] + "g"),
        ("kid", kids[0][:6] + " 0"),
        ("fingerprint", ""),
        ("fingerprint", first["fingerprint"][:42]),
        ("fingerprint", first["fingerprint"] + "A"),
        ("fingerprint", first["fingerprint"] + "="),
        ("fingerprint", "+" + first["fingerprint"][1:]),
        ("fingerprint", first["fingerprint"][:20] + " " + first["fingerprint"][21:]),
        ("secret", ""),
        ("secret", first["secret"][:42]),
        ("secret", first["secret"] + "A"),
        ("secret", first["secret"] + "="),
        ("secret", "/" + first["secret"][1:]),
        ("secret", secret_number(0).hex()),
        ("secret", "correct horse battery staple, forty-three ch"[:43]),
    ):
        assert (name, value) != ("kid", kids[0])
        vector(f"{name} {value!r}", "bad_encoding", with_keys(edited(key(0, date="19:10:00"), **{name: value})))
    for name in ("fingerprint", "secret"):
        value = first[name]
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        for spare in (1, 2, 3):
            other = value[:42] + letters[letters.index(value[42]) + spare]
            vector(
                f"{name} with spare bits {spare}",
                "bad_encoding",
                with_keys(edited(key(0, date="19:10:00"), **{name: other})),
            )

    # bad_suite, zero_secret, fingerprint_mismatch, kid_mismatch, duplicate_kid
    for suite in ("", "aes-128-gcm", "AES-256-GCM", "aes256gcm", "xchacha20-poly1305", "none", "1"):
        vector(f"suite {suite!r}", "bad_suite", with_keys(edited(key(0, date="19:10:00"), suite=suite)))
    zero = key_object(bytes(32), "aes-256-gcm", at("19:00:00"), at("19:10:00"))
    vector("zero secret with its fingerprint", "zero_secret", with_keys(zero))
    vector("zero secret, staged", "zero_secret", with_keys(key(0, date="19:00:00"), edited(zero, activates_at=None)))
    flipped = base64url(bytes([*fingerprint_of(secret_number(0))[:31], fingerprint_of(secret_number(0))[31] ^ 1]))
    vector(
        "fingerprint, last bit", "fingerprint_mismatch", with_keys(edited(key(0, date="19:10:00"), fingerprint=flipped))
    )
    vector(
        "fingerprint and kid of another key",
        "fingerprint_mismatch",
        with_keys(edited(key(0, date="19:10:00"), fingerprint=key(1)["fingerprint"], kid=kids[1])),
    )
    vector(
        "secret of another key",
        "fingerprint_mismatch",
        with_keys(edited(key(0, date="19:10:00"), secret=key(1)["secret"])),
    )
    vector("kid of another key", "kid_mismatch", with_keys(edited(key(0, date="19:10:00"), kid=kids[1])))
    vector(
        "kid of another key, on a tombstone",
        "kid_mismatch",
        with_keys(edited(key(0, date="19:00:00", revoked="19:10:00"), kid=kids[2]), key(1, date="19:10:00")),
    )
    vector(
        "kid is the end of the fingerprint",
        "kid_mismatch",
        with_keys(edited(key(0, date="19:10:00"), kid=fingerprint_of(secret_number(0))[-4:].hex())),
    )
    vector("one key twice", "duplicate_kid", with_keys(key(0, date="19:10:00"), key(0)))
    vector(
        "one key twice, in two suites",
        "duplicate_kid",
        with_keys(key(0, date="19:10:00"), key(0, suite="chacha20-poly1305")),
    )
    vector(
        "a key and its tombstone",
        "duplicate_kid",
        with_keys(key(0, date="18:10:00", revoked="19:00:00"), key(0, date="19:10:00")),
    )
    alike = base64url(fingerprint_of(secret_number(0))[:4] + bytes(28))
    vector(
        "two fingerprints with one beginning",
        "duplicate_kid",
        with_keys(key(0, date="19:10:00"), edited(key(0, revoked="19:20:00"), fingerprint=alike)),
    )

    # date_order
    vector(
        "created_at goes back",
        "date_order",
        with_keys(key(0, created="19:00:00.001", date="19:10:00"), key(1, created="19:00:00")),
    )
    vector(
        "created_at goes back to a tombstone",
        "date_order",
        with_keys(key(0, created="19:00:00.001", date="19:10:00"), key(1, revoked="19:20:00")),
    )
    vector("two keys with one date", "date_order", with_keys(key(0, date="19:10:00"), key(1, date="19:10:00")))
    vector("dates go back", "date_order", with_keys(key(0, date="19:10:00"), key(1, date="19:09:59.999")))
    vector(
        "dates go back over a staged tombstone",
        "date_order",
        with_keys(key(0, date="19:10:00"), key(1, revoked="19:20:00"), key(2, date="19:10:00")),
    )
    vector(
        "the date of a tombstone again",
        "date_order",
        with_keys(key(0, date="19:10:00", revoked="19:20:00"), key(1, date="19:10:00")),
    )
    vector(
        "a tombstone's date goes back",
        "date_order",
        with_keys(key(0, date="19:10:00"), key(1, date="19:00:00", revoked="19:20:00")),
    )
    vector("a staged key before a dated one", "date_order", with_keys(key(0), key(1, date="19:10:00")))
    vector(
        "a staged key between dated ones",
        "date_order",
        with_keys(key(0, date="19:00:00"), key(1), key(2, date="19:10:00")),
    )
    vector(
        "a staged key before a dated tombstone",
        "date_order",
        with_keys(key(0, date="19:00:00"), key(1), key(2, date="19:10:00", revoked="19:20:00")),
    )

    # revoked_with_secret, missing_secret, no_active_key
    vector(
        "a tombstone with its secret",
        "revoked_with_secret",
        with_keys(key(0, date="19:10:00"), {**key(1), "revoked_at": date}),
    )
    vector("no secret, staged", "missing_secret", with_keys(key(0, date="19:10:00"), edited(key(1), secret=None)))
    vector("no secret, dated", "missing_secret", with_keys(edited(key(0, date="19:10:00"), secret=None)))
    vector("no keys", "no_active_key", with_keys())
    vector("only a staged key", "no_active_key", with_keys(key(0)))
    vector(
        "only tombstones",
        "no_active_key",
        with_keys(key(0, date="19:10:00", revoked="19:20:00"), key(1, revoked="19:20:00")),
    )
    vector(
        "a tombstone and a staged key", "no_active_key", with_keys(key(0, date="19:10:00", revoked="19:20:00"), key(1))
    )

    version_2(vector, ok, good)
    return {
        "about": "See README.md. Each refused file has exactly one fault.",
        "vectors": vectors,
        "successions": successions(),
    }


def version_2(vector, ok, good):
    """Files of version 2. The rules that it shares with version 1 are tried above, so here is one of each kind."""
    keys = good["keys"]
    ids = [(6, "c0" * 32), (5, "ab" * 32), (2, "0123456789abcdef" * 4)]
    change = (at("21:00:00"), 60, 2, 300)
    full = ring_object(keys, ancestors=ids, next_settings=change)
    text = ring_text(full)

    def name(title):
        return f"version 2: {title}"

    def rebuilt(**more):
        return ring_text({**full, **more})

    def lineage(title, kind, ancestors, serial=7):
        vector(name(title), kind, ring_text(ring_object(keys, serial=serial, ancestors=ancestors)))

    def settings(title, kind, **more):
        changed = {**full["next_settings"], **more}
        changed = {member: value for member, value in changed.items() if value is not None}
        vector(name(title), kind, rebuilt(next_settings=changed))

    many = [(1_000 - n, f"{n:064x}") for n in range(65)]
    ok(name("as written"), text, (0, at("19:40:00.499"), at("19:40:00.500"), U64_MAX))
    ok(name("one line"), json.dumps(full, separators=(",", ":")))
    ok(name("members in another order"), json.dumps(dict(reversed(full.items()))))
    reordered = {member: full["next_settings"][member] for member in reversed(full["next_settings"])}
    ok(name("members of members in another order"), rebuilt(next_settings=reordered))
    ok(name("no change of settings"), ring_text(ring_object(keys, ancestors=ids)))
    lineage("no ancestors", "ok", [])
    lineage("64 ancestors", "ok", many[:64], 1_001)
    lineage("65 ancestors", "lineage", many, 1_001)
    lineage("an ancestor of the serial before", "ok", [(6, "ab" * 32)])
    lineage("an ancestor of the same serial", "lineage", [(7, "ab" * 32)])
    lineage("an ancestor of a later serial", "lineage", [(8, "ab" * 32)])
    lineage("ancestors of two lines", "ok", [(6, "ab" * 32), (6, "cd" * 32), (5, "ef" * 32)])
    lineage("ancestors in the wrong order", "lineage", [(5, "ab" * 32), (6, "cd" * 32)])
    lineage("an ancestor twice", "lineage", [(6, "ab" * 32), (5, "ab" * 32)])
    lineage("an ancestor of serial 0", "out_of_range", [(0, "ab" * 32)])
    lineage("an ancestor of serial -1", "out_of_range", [(-1, "ab" * 32)])
    lineage("an ancestor of serial 2^53", "out_of_range", [(2**53, "ab" * 32)])
    lineage("a digest in capitals", "bad_encoding", [(6, "AB" * 32)])
    lineage("a digest of 63 digits", "bad_encoding", [(6, "ab" * 31 + "a")])
    lineage("a digest of 65 digits", "bad_encoding", [(6, "ab" * 32 + "a")])
    lineage("a digest that is none", "bad_encoding", [(6, "xy" * 32)])
    lineage("a digest that is a number", "wrong_type", [(6, 7)])
    lineage("a serial that is a string", "wrong_type", [("6", "ab" * 32)])
    vector(name("ancestors that are an object"), "wrong_type", rebuilt(ancestors={}))
    vector(name("an ancestor that is a string"), "wrong_type", rebuilt(ancestors=["6"]))
    vector(name("an unknown member of an ancestor"), "unknown_field", rebuilt(ancestors=[{"kid": "00000000"}]))
    vector(name("an ancestor without a digest"), "missing_field", rebuilt(ancestors=[{"serial": 6}]))
    vector(name("an ancestor without a serial"), "missing_field", rebuilt(ancestors=[{"digest": "ab" * 32}]))
    without = {member: value for member, value in full.items() if member != "ancestors"}
    vector(name("no member ancestors"), "missing_field", ring_text(without))
    vector(name("ancestors twice"), "duplicate_member", text.replace('"serial": 7', '"serial": 7, "ancestors": []'))
    vector("version 1 with ancestors", "unknown_field", ring_text({**good, "ancestors": []}))
    vector("version 1 with a change of settings", "unknown_field", ring_text(
        {**good, "next_settings": full["next_settings"]}))
    settings("least settings to come", "ok", lifetime_s=1, max_skew_s=0, propagation_s=0)
    settings("greatest settings to come", "ok", lifetime_s=3600, max_skew_s=60, propagation_s=2_592_000)
    settings("a lifetime to come of 0", "out_of_range", lifetime_s=0)
    settings("a lifetime to come of 3,601", "out_of_range", lifetime_s=3601)
    settings("a skew to come of 61", "out_of_range", max_skew_s=61)
    settings("a propagation to come of 2,592,001", "out_of_range", propagation_s=2_592_001)
    settings("a date of change in another spelling", "bad_time", **{"from": "2026-11-22T21:00:00.000Z"})
    settings("a date of change that is a number", "wrong_type", **{"from": 7})
    settings("a change of settings without a date", "missing_field", **{"from": None})
    settings("a change of settings without a lifetime", "missing_field", lifetime_s=None)
    settings("a change of settings with a serial", "unknown_field", serial=7)
    vector(name("a change of settings that is an array"), "wrong_type", rebuilt(next_settings=[]))
    vector(name("a change of settings that is null"), "wrong_type", rebuilt(next_settings=None))

    vector(name("too large"), "too_large", {"pieces": [text, {"spaces": 1_048_577 - len(text)}]})
    vector(name("cut in the middle"), "syntax", text[: len(text) // 2])
    vector(name("a backslash"), "syntax", text.replace('"from"', '"\\u0066rom"'))
    vector(name("an unknown member"), "unknown_field", text.replace('"serial": 7', '"serial": 7, "comment": "x"'))
    vector(name("without a serial"), "missing_field", ring_text({k: v for k, v in full.items() if k != "serial"}))
    vector(name("a serial of 0"), "out_of_range", rebuilt(serial=0, ancestors=[]))
    vector(name("no keys"), "no_active_key", rebuilt(keys=[]))
    vector(name("a key twice"), "duplicate_kid", rebuilt(keys=[keys[0], keys[0]]))
    vector(name("dates go back"), "date_order", rebuilt(keys=[keys[1], keys[0]]))
    stone = {**keys[0], "revoked_at": "2026-11-22T19:20:00Z"}
    vector(name("a tombstone with its secret"), "revoked_with_secret", rebuilt(keys=[stone, keys[1]]))


def successions():
    """What a process does that uses one ring and finds another (section 8.1)."""
    vectors = []

    def key(n, revoked=False):
        return key_object(secret_number(n), "aes-256-gcm", at("19:00:00"), at("19:00:00") + n, NOW if revoked else None)

    def ring(serial, *keys, comes_from=None):
        """`comes_from`: the rings that it names, or None for version 1."""
        ids = comes_from and [(one["serial"], parse(one).digest()) for one in comes_from]
        return ring_object(list(keys) or [key(0), key(1)], serial=serial, ancestors=comes_from if ids is None else ids)

    def vector(name, expect, current, offered, seen=()):
        """`seen`: rings that the process used before."""
        used = [parse(one) for one in (*seen, current)]
        revoked = {key.fingerprint for one in used for key in one.keys if key.revoked}
        verdict = succession(parse(current), parse(offered), revoked)
        assert verdict == expect, (name, verdict)
        rings = [*seen, current, offered]
        vectors.append({"name": name, "rings": [ring_text(one) for one in rings], "expect": expect})

    first = ring(1, comes_from=[])
    second = ring(2, comes_from=[first])
    third = ring(3, comes_from=[second, first])
    twin = ring(2, key(0), key(2), comes_from=[first])
    other = ring(3, key(0), key(2), comes_from=[twin, first])
    joined = ring(4, comes_from=[third, other])
    vector("the same ring", "same", second, second)
    vector("the next ring", "taken", first, second)
    vector("the next but one", "taken", first, third)
    vector("the ring before", "older_serial", third, second)
    vector("the other writer's, of the same serial", "conflict", second, twin)
    vector("the other writer's, of a later serial", "not_a_successor", second, other)
    vector("the other writer's, of an earlier serial", "not_a_successor", third, twin)
    vector("two lines joined, from one side", "taken", third, joined)
    vector("two lines joined, from the other", "taken", other, joined)
    vector("two lines joined, from before the ends", "not_a_successor", twin, joined)
    late = ring(9, comes_from=[ring(8, comes_from=[])])
    vector("earlier than the list reaches", "older_serial", late, third)
    vector("later, and the list does not reach back", "not_a_successor", third, late)
    wrong = ring_object([key(0), key(1)], serial=3, ancestors=[(1, parse(second).digest())])
    vector("the digest with another serial", "not_a_successor", second, wrong)

    dead = ring(2, key(0, True), key(1), comes_from=[first])
    back = ring(3, comes_from=[dead])
    vector("a revoked key comes back", "unrevoked", dead, back)
    pruned = ring(3, key(1), comes_from=[dead])
    again = ring(4, comes_from=[pruned])
    vector("a tombstone is pruned", "taken", dead, pruned)
    vector("a key comes back that a process has seen revoked", "unrevoked", pruned, again, seen=(dead,))
    vector("the same key, and a new process", "taken", pruned, again)
    vector("a key is revoked", "taken", first, dead)

    old, older = ring(6), ring(5)
    vector("version 1: a later serial", "taken", older, old)
    vector("version 1: an earlier serial", "older_serial", old, older)
    vector("version 1: the same ring", "same", old, old)
    vector("version 1: the same serial", "conflict", old, ring(6, key(0), key(2)))
    vector("version 1: a revoked key comes back", "unrevoked", ring(5, key(0, True), key(1)), old)
    upgraded = ring(7, comes_from=[old])
    vector("from version 1 to its successor", "taken", old, upgraded)
    vector("from version 1 past the ring that was upgraded", "not_a_successor", older, upgraded)
    vector("back to version 1", "not_a_successor", upgraded, ring(8))
    vector("back to the ring that was upgraded", "older_serial", upgraded, old)
    return vectors
