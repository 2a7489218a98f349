"""What the rules add to a load: the clicks of the demo with their rules and without, in turns.

    lakegate demo --dir shop --scale 1
    python3 tests/bench/gate.py target/release/lakegate shop [--rounds 7] [--rules FILE]

Each run loads all files into an empty lake. FILE has other rules than those of the project. Prints JSON: medians of wall and CPU
seconds of the whole process, and what the rules add to each in percent.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

JOB = "clicks"
PARTS = ["lakegate.toml", "jobs", "schemas", "sql", "quality-rules"]


def copy(project, folder, rules):
    """The project with its data in place and no lake; without rules unless some are given."""
    folder.mkdir()
    for name in PARTS:
        (shutil.copytree if (project / name).is_dir() else shutil.copy)(project / name, folder / name)
    (folder / "data").symlink_to((project / "data").resolve())
    ruleset = folder / "quality-rules" / f"{JOB}.dqdl"
    ruleset.unlink() if rules is None else ruleset.write_text(rules)
    return folder


def load(program, folder):
    """Wall and CPU seconds of one load."""
    shutil.rmtree(folder / "lake", ignore_errors=True)
    before, began = os.times(), time.perf_counter()
    done = subprocess.run([program, "--project", str(folder), "run", JOB, "--json"], capture_output=True, text=True)
    wall, after = time.perf_counter() - began, os.times()
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return wall, after.children_user + after.children_system - before.children_user - before.children_system


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("program")
    arguments.add_argument("project", type=pathlib.Path)
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--rules", type=pathlib.Path)
    given = arguments.parse_args()
    rules = (given.rules or given.project / "quality-rules" / f"{JOB}.dqdl").read_text()
    with tempfile.TemporaryDirectory(dir=given.project) as folder:
        folders = {
            "with": copy(given.project, pathlib.Path(folder) / "with", rules),
            "without": copy(given.project, pathlib.Path(folder) / "without", None),
        }
        runs = {name: [] for name in folders}
        for _ in range(given.rounds):
            for name, place in folders.items():
                runs[name].append(load(given.program, place))
    result = {"rounds": given.rounds}
    for index, what in enumerate(["wall", "cpu"]):
        median = {name: statistics.median(run[index] for run in of) for name, of in runs.items()}
        result[what] = {name: round(value, 3) for name, value in median.items()}
        result[what]["adds_percent"] = round(100 * (median["with"] / median["without"] - 1), 1)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
