"""A stand-in for AWS: S3 and the small services from moto, a stricter Glue, an Athena that executes its queries, Slack's webhook.

    python tests/standin --port P --moto-port Q

Prints `ready` when both ports listen. Every request to P is AWS for the tests, but for `/_slack`; `/_control` steers it. How
requests are named and scoped is in identify.py, the rules for faults are in rules.py, the control API is in control.py.
"""

import argparse
import logging
import signal
import sys
import threading

sys.dont_write_bytecode = True  # leaves no files beside the sources

from moto.server import ThreadedMotoServer

import queues
import s3_events
from server import StandIn


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--moto-port", type=int, required=True)
    options = arguments.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    queues.install()
    s3_events.install()
    ThreadedMotoServer("127.0.0.1", options.moto_port, verbose=False).start()
    stand_in = StandIn(options.port, options.moto_port)
    threading.Thread(target=stand_in.serve_forever, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the end below is reached
    print("ready", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        stand_in.clean_up()


if __name__ == "__main__":
    main()
