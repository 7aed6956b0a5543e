"""TCP traffic with faults at random, the same for the same seed."""

from __future__ import annotations

from random import Random

from tests.support.talk import Talk

FAULTS = (
    "none",
    "lost",
    "late",
    "twice",
    "keep_alive",
    "zero_window",
    "ack_lost",
    "many_acks",
    "old",
    "unseen",
    "big_gap",
)


def traffic(seed: int, talks: int = 6, steps: int = 25) -> list[Talk]:
    """Connections that overlap in time, some with the ports of an earlier one, each with its own kinds of faults."""
    random = Random(seed)
    made = []
    for number in range(talks):
        reuse = random.random() < 0.25
        talk = Talk(
            client_port=40000 if reuse else 40000 + number,
            client="10.0.0.1" if reuse or random.random() < 0.7 else "2001:db8::1",
            start=1_700_000_000.0 + random.uniform(0, 5) + (20.0 * number if reuse else 0.0),
            gap=random.choice((0.0005, 0.002, 0.015, 0.08)),
            seq=random.choice((1, 5_000, 2**31 - 300, 2**32 - 700)) + 90_000 * number,
        )
        if ":" in talk.ends[0][0]:
            talk.ends = (talk.ends[0], ("2001:db8::2", 80))
        _play(talk, random, steps)
        made.append(talk)
    return made


def _play(talk: Talk, random: Random, steps: int) -> None:
    if random.random() < 0.8:
        scale = [("MSS", 1460), ("WScale", random.choice((0, 2, 7)))] if random.random() < 0.7 else []
        for side, flags in ((0, "S"), (1, "SA")):
            at = talk.send(side, b"", flags, options=scale)
            if random.random() < 0.15:
                talk.send(side, b"", flags, seq=at, options=scale, after=random.choice((0.2, 1.0)))
        talk.client()
    for _ in range(steps):
        _step(talk, random)
    how = random.random()
    if how < 0.5:
        talk.close()
    elif how < 0.75:
        talk.send(random.randrange(2), b"", random.choice(("R", "RA")))


def _step(talk: Talk, random: Random) -> None:
    side = random.randrange(2)
    peer = 1 - side
    size = random.choice((1, 2, 40, 300, 1400))
    match random.choice(FAULTS):
        case "none":
            talk.send(side, b"d" * size, random.choice(("A", "PA")))
            talk.send(peer, b"", "A")
        case "lost":
            at = talk.send(side, b"l" * size, "A", lost=True)
            talk.send(side, b"m" * size, "A")
            for _ in range(random.randrange(4)):
                talk.send(peer, b"", "A", ack=at)
            talk.send(side, b"l" * size, "A", seq=at, after=random.choice((0.0005, 0.01, 0.03, 0.3)))
            talk.send(peer, b"", "A")
        case "late":
            at = talk.send(side, b"l" * size, "A", lost=True)
            talk.send(side, b"m" * size, "A")
            talk.send(side, b"l" * size, "A", seq=at, after=random.choice((0.0002, 0.002, 0.01)))
            talk.send(peer, b"", "A")
        case "twice":
            at = talk.send(side, b"t" * size, "A")
            if random.random() < 0.5:
                talk.send(peer, b"", "A")
            talk.send(side, b"t" * size, "A", seq=at, after=random.choice((0.0005, 0.01, 0.25)))
            talk.send(peer, b"", "A")
        case "keep_alive":
            talk.send(side, random.choice((b"", b"k")), "A", seq=talk.next[side] - 1, after=random.choice((0.5, 5)))
            talk.send(peer, b"", "A")
        case "zero_window":
            talk.send(side, b"z" * size, "A")
            talk.send(peer, b"", "A", window=0)
            at = talk.next[side]
            for _ in range(random.randrange(3)):
                talk.send(side, b"p", "A", seq=at, after=0.3)
                talk.send(peer, b"", "A", window=0, ack=at)
            talk.send(peer, b"", "A", window=random.choice((20, 8192)))
        case "ack_lost":
            talk.send(side, b"a" * size, "A")
            talk.send(peer, b"", "A", lost=True)
            talk.send(side, b"b" * size, "A")
            talk.send(peer, b"", "A")
        case "many_acks":
            for _ in range(random.randrange(1, 5)):
                talk.send(peer, b"", "A")
        case "old":
            talk.send(side, b"o" * size, "A", seq=talk.next[side] - random.choice((10, 500, 3000)))
        case "unseen":
            talk.send(side, b"u" * size, "A", lost=True)
            talk.send(peer, b"", "A")
        case "big_gap":
            talk.send(side, b"g" * 5000, "A", lost=True)
            talk.send(side, b"h" * size, "A", after=random.choice((0.001, 2.0)))
            talk.send(peer, b"", "A")
