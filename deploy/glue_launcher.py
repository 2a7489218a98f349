"""Runs lakegate as a Python shell job of AWS Glue.

    --lakegate_package s3://BUCKET/KEY      the zip that deploy/package makes
    --lakegate_variables NAME=VALUE,…       variables for lakegate.toml; names begin with LAKEGATE_, values hold no comma

The package is unpacked into a temporary folder. Then `bootstrap glue` runs there with all arguments of the job as they are.
What it writes is passed on, and so are signals; the job ends with its exit code. boto3 is part of Glue's environment.
"""

import os
import pathlib
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import zipfile

PACKAGE = "--lakegate_package"
VARIABLES = "--lakegate_variables"
# What Glue sends to a job that is stopped, or that has reached its timeout, is not documented; both are passed on.
SIGNALS = (signal.SIGTERM, signal.SIGINT)
USAGE = 2
# Of Amazon Linux and of Debian.
AUTHORITIES = ("/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt")


def refuse(message):
    """Ends as lakegate does when something is wrong with its configuration."""
    print(f"error: {message}", file=sys.stderr, flush=True)
    raise SystemExit(USAGE)


def argument(arguments, name):
    """The value of `--name value` or `--name=value`; None when it is not there."""
    for position, text in enumerate(arguments):
        if text == name:
            return arguments[position + 1] if position + 1 < len(arguments) else refuse(f"{name} has no value")
        if text.startswith(f"{name}="):
            return text[len(name) + 1:]
    return None


def bucket_and_key(place):
    scheme, _, rest = place.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket or not key:
        refuse(f"{PACKAGE} is {place}, and not s3://BUCKET/KEY")
    return bucket, key


def variables(text):
    found = {}
    for part in filter(None, (text or "").split(",")):
        name, separator, value = part.partition("=")
        # Others, such as LD_PRELOAD, could make the program another one.
        if not separator or not name.startswith("LAKEGATE_"):
            refuse(f"{VARIABLES} has {name!r}, and not LAKEGATE_NAME=VALUE")
        found[name] = value
    return found


def unpack(package, folder):
    """`ZipFile.extractall` forgets which files may be executed; it keeps all of them below the folder."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    program = folder / "bootstrap"
    if not program.is_file():
        refuse("the package has no `bootstrap`: deploy/package makes one that has")
    program.chmod(program.stat().st_mode | stat.S_IRUSR | stat.S_IXUSR)
    return program


def trust(home):
    """Variables that make lakegate trust the package's certificates beside the system's."""
    own = home / "certificates"
    if not own.is_dir() or "SSL_CERT_FILE" in os.environ or "SSL_CERT_DIR" in os.environ:
        return {}
    system = next(filter(os.path.isfile, AUTHORITIES), None)
    return {"SSL_CERT_DIR": str(own), **({"SSL_CERT_FILE": system} if system else {})}


def fetch(s3, place, folder):
    bucket, key = bucket_and_key(place)
    package = folder / "package.zip"
    s3.download_file(bucket, key, str(package))
    home = folder / "project"
    home.mkdir()
    program = unpack(package, home)
    package.unlink()
    return program


def pass_on(source, target):
    """Line by line: Glue takes what is written to `sys.stdout`, and perhaps not what a child writes to its descriptor."""
    for line in source:
        target.write(line)
        target.flush()


class Forwarding:
    """Passes signals on to a child, also those that came while it was being started."""

    def __init__(self):
        self.child = None
        self.waiting = []
        self.before = {}

    def __enter__(self):
        # Python takes handlers in the main thread alone. Elsewhere lakegate is killed with the job, which it is made for.
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self.handle) for number in SIGNALS}
        return self

    def __exit__(self, *_):
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def handle(self, number, _):
        if self.child is None:
            self.waiting.append(number)
        else:
            self.child.send_signal(number)

    def to(self, child):
        self.child = child
        for number in self.waiting:
            child.send_signal(number)


def run(command, folder, environment):
    """The exit code; as in a shell, 128 and the signal for a program that was killed."""
    with Forwarding() as signals:
        child = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace")
        signals.to(child)
        pairs = ((child.stdout, sys.stdout), (child.stderr, sys.stderr))
        streams = [threading.Thread(target=pass_on, args=pair) for pair in pairs]
        for stream in streams:
            stream.start()
        code = child.wait()
        for stream in streams:
            stream.join()
    return code if code >= 0 else 128 - code


def main(arguments, s3=None):
    place = argument(arguments, PACKAGE) or refuse(f"{PACKAGE} s3://BUCKET/KEY is missing")
    given = variables(argument(arguments, VARIABLES))
    environment = {**os.environ, **given}
    if s3 is None:
        import boto3
        session = boto3.session.Session()
        s3 = session.client("s3")
        if session.region_name:
            environment.setdefault("AWS_REGION", session.region_name)
    with tempfile.TemporaryDirectory(prefix="lakegate-") as folder:
        program = fetch(s3, place, pathlib.Path(folder))
        environment.update(trust(program.parent))
        return run([str(program), "glue", *arguments], program.parent, environment)


if __name__ == "__main__":
    ended = main(sys.argv[1:])
    if ended:  # some of Glue's environments take any SystemExit for a failure, also one of 0
        raise SystemExit(ended)
