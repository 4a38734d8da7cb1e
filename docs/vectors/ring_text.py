"""Ring files as JSON objects and text, for the vectors and the accumulated test."""

import datetime
import json

from reference import UNIX_EPOCH, Ring, base64url, fingerprint_of


def rfc3339(time):
    moment = UNIX_EPOCH + datetime.timedelta(milliseconds=time)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(20, "0")[-19:]
    return text + (f".{time % 1000:03}Z" if time % 1000 else "Z")


def key_object(secret, suite, created, date=None, revoked=None):
    fingerprint = fingerprint_of(secret)
    key = {"kid": fingerprint[:4].hex(), "fingerprint": base64url(fingerprint), "suite": suite}
    if revoked is None:
        key["secret"] = base64url(secret)
    key["created_at"] = rfc3339(created)
    if date is not None:
        key["activates_at"] = rfc3339(date)
    if revoked is not None:
        key["revoked_at"] = rfc3339(revoked)
    return key


def ring_object(keys, serial=7, lifetime_s=120, max_skew_s=5, propagation_s=600, ancestors=None, next_settings=None):
    """A ring of version 2 if it has ancestors (possibly none: an empty list), else of version 1."""
    ring = {
        "format": "sealstamp-ring/1" if ancestors is None else "sealstamp-ring/2",
        "serial": serial,
        "lifetime_s": lifetime_s,
        "max_skew_s": max_skew_s,
        "propagation_s": propagation_s,
    }
    if next_settings is not None:
        ring["next_settings"] = settings_object(*next_settings)
    ring["keys"] = keys
    if ancestors is not None:
        ring["ancestors"] = [{"serial": serial, "digest": digest} for serial, digest in ancestors]
    return ring


def settings_object(start, lifetime_s, max_skew_s, propagation_s):
    return {
        "from": rfc3339(start),
        "lifetime_s": lifetime_s,
        "max_skew_s": max_skew_s,
        "propagation_s": propagation_s,
    }


def ring_text(ring):
    return json.dumps(ring, indent=2) + "\n"


def parse(ring):
    return Ring(ring_text(ring).encode())


def at(text):
    """Milliseconds of a time of 2026-11-22."""
    hours, minutes, seconds = text.split(":")
    whole, _, milli = seconds.partition(".")
    day = datetime.datetime(2026, 11, 22, int(hours), int(minutes), int(whole))
    return (day - UNIX_EPOCH) // datetime.timedelta(milliseconds=1) + int(milli or 0)


def secret_number(n):
    return bytes(range(n, n + 32))


NOW = at("19:30:00.123")
