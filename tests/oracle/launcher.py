"""Checks deploy/glue_launcher.py, with an S3 of its own and shell scripts in place of lakegate.

    python launcher.py PATH/TO/glue_launcher.py

Ends with 0 and `ok`, or with what is wrong.
"""

import contextlib
import importlib.util
import io
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import zipfile

PACKAGE = "s3://artifacts/lakegate/a%20b.zip"
TELL = """#!/bin/sh
printf "%s\\n" "$@" > arguments
env > variables
pwd > place
cp arguments variables place lakegate.toml "$LAKEGATE_OUT"
"""


class S3:
    """Hands out one package, and remembers what was asked for."""

    def __init__(self, files):
        self.files = files
        self.asked = []

    def download_file(self, bucket, key, path):
        self.asked.append((bucket, key))
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in self.files.items():
                archive.writestr(name, text)


def load(path):
    spec = importlib.util.spec_from_file_location("glue_launcher", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def launch(launcher, script, arguments, **files):
    """(exit code, standard output, standard error, the S3 that was asked)"""
    s3 = S3({"bootstrap": script, "lakegate.toml": 'name = "shop"\n', **files})
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = launcher.main(arguments, s3)
        except SystemExit as end:
            code = end.code
    return code, out.getvalue(), err.getvalue(), s3


def exit_codes(launcher):
    for code in (0, 1, 2, 3, 4, 5, 6, 7, 130):
        found, *_ = launch(launcher, f"#!/bin/sh\nexit {code}\n", ["--lakegate_package", PACKAGE])
        assert found == code, (found, code)
    found, *_ = launch(launcher, "#!/bin/sh\nkill -KILL $$\n", ["--lakegate_package", PACKAGE])
    assert found == 137, found


def arguments_as_they_are(launcher):
    given = ["--JOB_NAME", "nightly", "--lakegate_package", PACKAGE, "--lakegate_jobs", "orders,clicks", "--extra=a b", "", "--x",
             "$HOME *", "--lakegate_variables", "LAKEGATE_BUCKET=lake,LAKEGATE_ALARM_TOPIC=arn:aws:sns:r:1:t", "설문"]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LAKEGATE_OUT"] = folder
        code, _, err, s3 = launch(launcher, TELL, given)
        read = {one.name: one.read_text(encoding="utf-8") for one in pathlib.Path(folder).iterdir()}
    assert code == 0, err
    assert s3.asked == [("artifacts", "lakegate/a%20b.zip")], s3.asked
    assert read["arguments"].split("\n")[:-1] == ["glue", *given], read["arguments"]
    assert "LAKEGATE_BUCKET=lake\n" in read["variables"] and "LAKEGATE_ALARM_TOPIC=arn:aws:sns:r:1:t\n" in read["variables"]
    assert read["lakegate.toml"] == 'name = "shop"\n'
    place = pathlib.Path(read["place"].strip())
    assert not place.exists(), "the temporary folder stayed"
    code, *_ = launch(launcher, "#!/bin/sh\nexit 0\n", [f"--lakegate_package={PACKAGE}"])
    assert code == 0, code


def output_is_passed_on(launcher):
    script = '#!/bin/sh\necho 하나; echo two >&2; printf three\nprintf "\\377\\n" >&2\n'
    code, out, err, _ = launch(launcher, script, ["--lakegate_package", PACKAGE])
    assert (code, out) == (0, "하나\nthree") and err.startswith("two\n"), (code, out, err)
    # More than a pipe holds, on both streams.
    script = "#!/bin/sh\ni=0; while [ $i -lt 3000 ]; do echo $i; printf '%0200d\\n' $i >&2; i=$((i+1)); done\n"
    code, out, err, _ = launch(launcher, script, ["--lakegate_package", PACKAGE])
    assert code == 0 and len(out.splitlines()) == 3000 and len(err.splitlines()) == 3000, (code, len(out), len(err))


def certificates(launcher):
    """Those of the package are trusted beside the system's, unless the job says otherwise."""
    script = '#!/bin/sh\necho "$SSL_CERT_DIR|$SSL_CERT_FILE"\n'
    os.environ.pop("SSL_CERT_DIR", None)
    os.environ.pop("SSL_CERT_FILE", None)
    launcher.AUTHORITIES = ("/nowhere", sys.executable)
    own = {"certificates/rds.pem": "x"}
    _, out, *_ = launch(launcher, script, ["--lakegate_package", PACKAGE], **own)
    folder, system = out.strip().split("|")
    assert folder.endswith("/certificates") and system == sys.executable, out
    _, out, *_ = launch(launcher, script, ["--lakegate_package", PACKAGE])
    assert out == "|\n", out
    os.environ["SSL_CERT_FILE"] = "/given"
    _, out, *_ = launch(launcher, script, ["--lakegate_package", PACKAGE], **own)
    assert out == "|/given\n", out
    del os.environ["SSL_CERT_FILE"]


def refusals(launcher):
    wrong = [[], ["--lakegate_package"], ["--lakegate_package", "artifacts/a.zip"], ["--lakegate_package", "s3://artifacts"],
             ["--lakegate_package", PACKAGE, "--lakegate_variables", "LD_PRELOAD=x.so"],
             ["--lakegate_package", PACKAGE, "--lakegate_variables", "LAKEGATE_BUCKET"]]
    for arguments in wrong:
        code, _, err, _ = launch(launcher, "#!/bin/sh\nexit 0\n", arguments)
        assert code == 2 and err.startswith("error: "), (arguments, code, err)
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            launcher.main(["--lakegate_package", PACKAGE], S3({"a": "b"}))
        except SystemExit as end:
            assert end.code == 2
        else:
            raise AssertionError("a package without bootstrap was taken")


DRIVER = """
import importlib.util, json, sys, zipfile
spec = importlib.util.spec_from_file_location("glue_launcher", sys.argv[1])
launcher = importlib.util.module_from_spec(spec)
spec.loader.exec_module(launcher)
class S3:
    def download_file(self, bucket, key, path):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("bootstrap", sys.argv[2])
sys.exit(launcher.main(["--lakegate_package", "s3://a/b"], S3()))
"""


def signals_are_passed_on(path):
    script = "#!/bin/sh\ntrap 'echo asked to stop; exit 130' {name}\necho ready\nwhile :; do sleep 0.05; done\n"
    for number, name in ((signal.SIGTERM, "TERM"), (signal.SIGINT, "INT")):
        command = [sys.executable, "-c", DRIVER, str(path), script.format(name=name)]
        # As in a shell's background job, SIGINT would be ignored by the children of a process that ignores it.
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as launched:
            assert launched.stdout.readline() == "ready\n"
            launched.send_signal(number)
            rest = launched.stdout.read()
            assert launched.wait(timeout=20) == 130, launched.returncode
        assert rest == "asked to stop\n", rest


def a_commit_is_not_interrupted(path):
    """lakegate decides when it stops: a signal that it takes its time with does not end the job."""
    script = "#!/bin/sh\ntrap ':' TERM\necho ready\ni=0; while [ $i -lt 12 ]; do sleep 0.05; i=$((i+1)); done\necho done\n"
    command = [sys.executable, "-c", DRIVER, str(path), script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as launched:
        assert launched.stdout.readline() == "ready\n"
        for _ in range(3):
            launched.send_signal(signal.SIGTERM)
            time.sleep(0.05)
        assert launched.stdout.read() == "done\n"
        assert launched.wait(timeout=20) == 0, launched.returncode


def main():
    path = pathlib.Path(sys.argv[1]).resolve()
    sys.dont_write_bytecode = True
    launcher = load(path)
    before = {number: signal.getsignal(number) for number in launcher.SIGNALS}
    exit_codes(launcher)
    arguments_as_they_are(launcher)
    output_is_passed_on(launcher)
    certificates(launcher)
    refusals(launcher)
    assert before == {number: signal.getsignal(number) for number in launcher.SIGNALS}, "handlers stayed"
    signals_are_passed_on(path)
    a_commit_is_not_interrupted(path)
    print("ok")


if __name__ == "__main__":
    main()
