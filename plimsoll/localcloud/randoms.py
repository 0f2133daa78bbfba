"""What the `random` package makes. It has no cloud: its values live in the state alone.

Deterministic here, by a seed, but of the length and the characters that were asked for. Lengths, defaults
and minimums are those of the provider's documentation (registry.terraform.io, hashicorp/random 3.x).
"""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING, Final

from plimsoll.localcloud.templates import ALPHABETS, noise, pick
from plimsoll.localcloud.wire import bare, secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from plimsoll.localcloud.wire import Properties, Wire

LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
SPECIAL: Final = "!@#$%&*()-_=+[]{}<>:?"
"""What the provider uses where `overrideSpecial` says nothing else."""

ADJECTIVES: Final = ("amber", "brisk", "calm", "deft", "eager", "fond", "glad", "keen", "mild", "proud")
ANIMALS: Final = ("badger", "crane", "dingo", "falcon", "gecko", "heron", "ibis", "koala", "lynx", "otter")

Made = tuple[str, dict[str, "Wire"]]
"""The id and the outputs."""


def make_text(inputs: Properties, seed: str) -> str:
    """A text of `length` characters, with the minimum of each kind that was asked for."""
    length = int(bare(inputs["length"]))
    numeric = bare(inputs.get("numeric", inputs.get("number")))
    override = bare(inputs.get("overrideSpecial"))
    kinds = {
        "Lower": (bare(inputs.get("lower")), LOWER),
        "Upper": (bare(inputs.get("upper")), LOWER.upper()),
        "Numeric": (numeric, ALPHABETS["digits"]),
        "Special": (bare(inputs.get("special")), override or SPECIAL),
    }
    # Each kind is in unless it is switched off.
    allowed = "".join(characters for wanted, characters in kinds.values() if wanted is not False)
    text = ""
    for name, (_, characters) in kinds.items():
        least = int(bare(inputs.get(f"min{name}")) or 0)
        text += _draw(characters, least, f"{seed}|{name}")
    text += _draw(allowed, max(0, length - len(text)), f"{seed}|rest")
    return "".join(text[index] for index in _shuffled(len(text), f"{seed}|order"))[:length]


def _draw(characters: str, length: int, seed: str) -> str:
    bytes_ = noise(seed)
    return "".join(characters[next(bytes_) % len(characters)] for _ in range(length))


def _shuffled(count: int, seed: str) -> list[int]:
    bytes_ = noise(seed)
    ranks = [next(bytes_) for _ in range(count)]
    return sorted(range(count), key=lambda index: (ranks[index], index))


def _password(inputs: Properties, seed: str) -> Made:
    text = make_text(inputs, seed)
    # A hash's shape: 22 characters of salt and 31 of digest.
    hashed = f"$2a$10${pick(ALPHABETS['alnum'], 53, f'{seed}|bcrypt')}"
    return "none", {"result": secret(text), "bcryptHash": secret(hashed)}


def _string(inputs: Properties, seed: str) -> Made:
    text = make_text(inputs, seed)
    return text, {"result": text}


def _pet(inputs: Properties, seed: str) -> Made:
    length = int(bare(inputs.get("length")) or 2)
    separator = bare(inputs.get("separator"))
    separator = "-" if separator is None else str(separator)
    bytes_ = noise(seed)
    words = [ADJECTIVES[next(bytes_) % len(ADJECTIVES)] for _ in range(length - 1)]
    words.append(ANIMALS[next(bytes_) % len(ANIMALS)])
    prefix = bare(inputs.get("prefix"))
    id_ = separator.join([prefix, *words] if prefix else words)
    return id_, {"length": length, "separator": separator}


def _integer(inputs: Properties, seed: str) -> Made:
    least, most = int(bare(inputs["min"])), int(bare(inputs["max"]))
    number = least + int(pick(ALPHABETS["digits"], 15, seed)) % (most - least + 1)
    return str(number), {"result": number}


def _uuid(_inputs: Properties, seed: str) -> Made:
    text = str(uuid.uuid5(uuid.NAMESPACE_URL, seed))
    return text, {"result": text}


def _bytes(inputs: Properties, seed: str) -> Made:
    length = int(bare(inputs["byteLength"]))
    stream = noise(seed)
    raw = bytes(next(stream) for _ in range(length))
    url = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    prefix = str(bare(inputs.get("prefix")) or "")
    return url, {
        "b64Std": prefix + base64.b64encode(raw).decode(),
        "b64Url": prefix + url,
        "dec": prefix + str(int.from_bytes(raw, "big")),
        "hex": prefix + raw.hex(),
    }


MAKERS: Final[dict[str, Callable[[Properties, str], Made]]] = {
    "random:index/randomPassword:RandomPassword": _password,
    "random:index/randomString:RandomString": _string,
    "random:index/randomPet:RandomPet": _pet,
    "random:index/randomInteger:RandomInteger": _integer,
    "random:index/randomUuid:RandomUuid": _uuid,
    "random:index/randomId:RandomId": _bytes,
}
"""Id and outputs for checked inputs that are all known, by type."""
