"""Randomness as a pure function of a key: no stream to store, so resuming is only counting on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def number(*key: int | str) -> int:
    """A seed of 32 bits (the generator on the CPU uses no more) for this key."""
    digest = hashlib.blake2b("/".join(map(str, key)).encode(), digest_size=4)
    return int.from_bytes(digest.digest(), "big")


def generator(*key: int | str) -> torch.Generator:
    """A generator on the CPU seeded by the key."""
    return torch.Generator().manual_seed(number(*key))


def sample_generator(seed: int, index: int) -> torch.Generator:
    """The generator of sample number `index`.

    An odd multiplier maps indices one to one onto 32 bits, so no two samples of a seed share their latents, as
    hashes would from about 50,000 samples on.
    """
    return torch.Generator().manual_seed((number(seed, "sample") + 0x9E3779B1 * index) % 2**32)


@contextmanager
def seeded(device: torch.device, *key: int | str) -> Iterator[None]:
    """Seed torch's global generators (weight initialisation, dropout) by the key; put them back afterwards."""
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(cuda):
        torch.default_generator.manual_seed(number(*key))
        for one in cuda:
            with torch.cuda.device(one):
                torch.cuda.manual_seed(number(*key))
        yield
