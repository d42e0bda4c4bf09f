"""Identifiers and secrets: time-ordered public ids, bearer tokens, two-word handles and resume codes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_BIRDS = (
    "heron otter lark finch plover swift robin wren osprey marten badger hare stoat vole newt toad perch trout salmon "
    "tern gull petrel puffin curlew dunlin knot ruff snipe crane stork ibis egret avocet dipper linnet siskin"
).split()
_THINGS = (
    "lamp harbour willow pebble lantern meadow anchor candle thimble orchard kettle ladder compass pillow saddle barrel "
    "button ribbon basket cellar chimney garden island jetty marble needle pocket quilt rudder shutter table umbrella"
).split()
_KINDS = (
    "amber brisk calm dapper early fair gentle hazel idle jolly keen lively mellow nimble olive plain quiet rusty "
    "sandy tidy umber velvet warm young zesty bold cheery dusky frosty grand humble ivory"
).split()


def new_id(now: datetime) -> str:
    """A 26-character id that sorts by time to the millisecond and cannot be guessed (80 random bits)."""
    value = (int(now.timestamp() * 1000) << 80) | secrets.randbits(80)
    out = []
    for _ in range(26):
        out.append(_ALPHABET[value & 31])
        value >>= 5
    return "".join(reversed(out))


def new_token(prefix: str = "") -> str:
    """A bearer secret of 256 bits; only its hash is ever stored."""
    return prefix + secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a bearer secret. Tokens carry 256 bits, so a plain SHA-256 suffices."""
    return hashlib.sha256(token.encode()).hexdigest()


def keyed_hash(secret: str, *parts: str) -> str:
    """HMAC-SHA256 of the parts, unambiguous about where one ends, as hex."""
    message = b"".join([len(p).to_bytes(4, "big") + p for p in map(str.encode, parts)])
    return hmac.digest(secret.encode(), message, "sha256").hex()


def new_secret() -> str:
    """A study's own secret of 256 bits, from which salts are derived; it never leaves the database."""
    return secrets.token_hex(32)


def new_seed() -> int:
    """A seed of 53 bits, so that JSON readers keep it exact."""
    return secrets.randbits(53)


def resume_code() -> str:
    """A code a person can write down, such as ``heron-482193-lamp``."""
    return f"{secrets.choice(_BIRDS)}-{secrets.randbelow(1_000_000):06d}-{secrets.choice(_THINGS)}"


def handle() -> str:
    """A two-word pseudonym with a number, such as ``quiet heron 417``; unique per study by constraint."""
    return f"{secrets.choice(_KINDS)}-{secrets.choice(_BIRDS)}-{secrets.randbelow(1000):03d}"
