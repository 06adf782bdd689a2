"""A Ray cluster that does a job with many things, in order (extra `scale`).

Ray Data hands the things out and gives their results back in order; what a lost worker or machine
had begun is done by another.
"""

import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from types import TracebackType
from typing import Any

from edge.contract.errors import BirdlistenError, ConfigError, MissingPackageError, in_words

_MOST_BLOCKS = 4096
"""Parts of the things at most: what is lost of a part is done again."""
_ANSWER_S = 10.0


class RayCluster:
    """Cluster as a context; it is let go at its end.

    Args:
        address: of the cluster as Ray has it: `auto`, `local`, `ray://HOST:10001`.
        count: of workers, a core each; None: one for each core of the cluster.

    Raises:
        MissingPackageError: Ray is not installed.
        ConfigError: no cluster answers there.
    """

    def __init__(self, address: str, count: int | None) -> None:
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its talk is not ours
        try:
            import ray.data
        except ImportError as error:
            raise MissingPackageError(
                f"--ray needs {error.name}: pip install 'birdlisten[scale]'"
            ) from error
        self._ray: Any = ray
        check_reachable(address)
        for chatty in ("ray", "ray.data"):
            logging.getLogger(chatty).setLevel(logging.ERROR)
        try:
            self._ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=False if address == "local" else None,
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise _nowhere(address, error) from error
        self._talk = redirect_stdout(sys.stderr)  # Ray tells there who has died
        self._cores = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._count = count or self._cores

    def mapped(
        self, rows: Sequence[dict[str, Any]], worker: type, job: object
    ) -> Iterator[dict[str, Any]]:
        """Rows made of rows, in order.

        Args:
            rows: what to do.
            worker: class of the workers, each made with the job, called with a row at a time.
            job: of all of them.

        Raises:
            BirdlistenError: the cluster has failed.
        """
        data = self._ordered()
        made = data.from_items(rows, override_num_blocks=min(len(rows), _MOST_BLOCKS)).map(
            worker,
            fn_constructor_args=(job,),
            compute=data.ActorPoolStrategy(size=min(self._count, len(rows))),
        )
        yield from self._rows(made)

    def staged(
        self,
        rows: Sequence[dict[str, Any]],
        open_row: Callable[[dict[str, Any]], Sequence[dict[str, Any]]],
        worker: type,
        job: object,
        batch: int,
        on_gpus: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Rows made of rows in two stages, in order: opened one by one, then worked in batches.

        Opening goes to the cores; a worker takes a GPU if the job wants one and the cluster has
        some, else half a core, so that even a single core has the other half to open with. Batches
        are whole but for the last: what they hold depends on nothing but the rows.

        Args:
            rows: what to do.
            open_row: makes a row of each, or none.
            worker: class of the workers, each made with the job, called with a batch of columns.
            job: of all of them.
            batch: rows of one.
            on_gpus: the job's arithmetic is that of a GPU.

        Raises:
            BirdlistenError: the cluster has failed.
        """
        gpus = int(self._ray.cluster_resources().get("GPU", 0)) if on_gpus else 0
        share = {"num_gpus": 1} if gpus else {"num_cpus": 0.5}
        # No more than cores, whatever was asked for: else none is left to open with, for ever.
        workers = min(gpus or self._cores, self._count, -(-len(rows) // batch))
        # Ray makes batches of whole blocks: only blocks of one row make whole batches. Its strict
        # repartition would, too, but waits for a whole core, which a single one no longer has.
        waiting = self._ordered().from_items(rows, override_num_blocks=len(rows))
        opened = waiting.flat_map(open_row, num_cpus=0.5)
        yield from self._rows(
            opened.map_batches(
                worker,
                fn_constructor_args=(job,),
                batch_size=batch,
                compute=self._ray.data.ActorPoolStrategy(size=workers),
                **share,
            )
        )

    def _ordered(self) -> Any:
        """Ray Data, which keeps the order and is silent."""
        context = self._ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = True
        return self._ray.data

    def _rows(self, made: Any) -> Iterator[dict[str, Any]]:
        try:
            yield from made.iter_rows()
        except self._ray.exceptions.RayError as error:
            problem = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise BirdlistenError(f"ray: the cluster has failed: {problem}") from error

    def __enter__(self) -> "RayCluster":
        self._talk.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the cluster go; what it does for us ends."""
        self._ray.shutdown()
        self._talk.__exit__(kind, error, trace)


def check_reachable(address: str) -> None:
    """Refuse an address where nobody answers: Ray would try for minutes.

    Raises:
        ConfigError: nobody does.
    """
    named, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdecimal():
        return  # `auto`, `local`
    try:
        socket.create_connection((named.strip("[]"), int(port)), _ANSWER_S).close()
    except (OSError, OverflowError, ValueError) as error:
        raise _nowhere(address, error) from error


def _nowhere(address: str, error: Exception) -> ConfigError:
    problem = in_words(error).splitlines()[0]
    return ConfigError(f"ray: no cluster at {address!r} ({problem}); `ray start --head` begins one")
