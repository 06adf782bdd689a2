"""Bench of publishing: broker and publisher killed again and again while birds are detected.

    python scripts/bench/publish.py [--kills 50]

Prints how many records were written, how many came, how many more than once, and the delay.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.broker import Gate, Mosquitto, Subscriber, until  # noqa: E402
from tests.support.published import Recorder  # noqa: E402


def publisher(recorder: Recorder, port: int) -> "subprocess.Popen[bytes]":
    """The command, in a process of its own."""
    url = f"mqtt://127.0.0.1:{port}"
    arguments = ["publish", "--station", str(recorder.station), "--mqtt", url, "--quiet"]
    return subprocess.Popen([sys.executable, "-m", "edge", *arguments], cwd=ROOT)


def main() -> None:
    """Kill, in turn, the broker and the publisher."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="of each of both (default 50)")
    kills, choice = parser.parse_args().kills, random.Random(28)
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder) / "station")
        broker = Mosquitto(Path(folder)).start()
        subscriber, gate = Subscriber(broker.port).attach(), Gate(broker.port)
        gate.is_open = True
        process = publisher(recorder, gate.port)
        until(lambda: subscriber.on("birdnet/status"), 120)
        for kill in range(2 * kills):
            recorder.hear(5)
            time.sleep(choice.random() / 2)
            if kill % 2:
                process.kill()
                process.wait()
                process = publisher(recorder, gate.port)
            else:
                gate.is_open = False  # it comes back once the subscriber is there
                broker.kill()
                recorder.hear(5)
                gate.shut()
                broker.start()
                subscriber.attach()
                gate.is_open = True
        begun = time.monotonic()
        until(lambda: set(subscriber.ids()) == set(recorder.ids), 600)
        process.terminate()
        process.wait()
        subscriber.detach()
        broker.kill()
        came = [found["id"] for found in subscriber.detections()]
        print(f"{2 * kills} kills, {len(recorder.ids)} records, {len(set(came))} came,")
        print(
            f"{len(came) - len(set(came))} came again, in order: {subscriber.ids() == recorder.ids}"
        )
        print(f"the last {time.monotonic() - begun:.1f} s after it was written")


if __name__ == "__main__":
    main()
