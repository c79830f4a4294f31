"""The conformance suite: small named checks that any peer must pass before a province is switched on.

A check is a function whose docstring says what it proves. It reads, judges and gives a verdict with its evidence; only
`push_idempotence` writes, and only when it is told to. A new check is a function and a line in one of the lists.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from connectors.conformance.answers import looks_up, push_idempotence, unknown_code
from connectors.conformance.ground import Ground, OperationCheck, Outcome, PeerCheck, StreamCheck, Verdict, judged
from connectors.conformance.session import expired_token, wrong_login
from connectors.conformance.values import dates, encoding
from connectors.conformance.walks import ordering, paging, repeatable
from connectors.conformance.windows import empty_window, overlap, window_edges

__all__ = ["CHECKS", "Ground", "Outcome", "Verdict", "conform"]

OF_PEER: tuple[PeerCheck, ...] = (wrong_login, expired_token)
OF_STREAM: tuple[StreamCheck, ...] = (
    paging,
    ordering,
    repeatable,
    window_edges,
    empty_window,
    overlap,
    dates,
    encoding,
)
OF_OPERATION: tuple[OperationCheck, ...] = (unknown_code, push_idempotence)
CHECKS: dict[str, str] = {
    check.__name__: (check.__doc__ or "").partition("\n")[0] for check in (*OF_PEER, *OF_STREAM, *OF_OPERATION)
}
"""Name of each check -> what it proves."""


def conform(ground: Ground, streams: Sequence[str], checks: Sequence[str] | None = None) -> Iterator[Verdict]:
    """The verdicts, one by one as they are found: of the peer, of each stream, of each operation that applies.

    Raises PeerError when not even the login succeeds.
    """
    ground.connector.exchange.log_in()
    chosen = set(checks or CHECKS)
    for of_peer in OF_PEER:
        if of_peer.__name__ in chosen:
            yield judged(of_peer.__name__, "", partial(of_peer, ground))
    for name in streams:
        for of_stream in OF_STREAM:
            if of_stream.__name__ in chosen:
                yield judged(of_stream.__name__, name, partial(of_stream, ground, name))
    for name, operation in ground.spec.operations.items():
        if not operation.writes and not looks_up(ground.spec, name):
            continue
        fitting = push_idempotence if operation.writes else unknown_code
        if fitting.__name__ in chosen:
            yield judged(fitting.__name__, name, partial(fitting, ground, name))
