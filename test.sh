#!/usr/bin/env bash
# Every check of the repository: formatting, lints, documentation, unit, property, documentation and end-to-end tests.
#
#     ./test.sh            all of it
#     ./test.sh quick      without formatting, lints and rustdoc
#
# It installs or starts what it needs, and stops what it started:
#   - a C compiler, PostgreSQL and Python's venv, by apt (as root or through sudo) where they are absent;
#   - a private PostgreSQL on a free port, with its data in a temporary folder;
#   - private Python environments with tests/requirements.txt (DuckDB and other independent readers, moto) and
#     tests/requirements-lint.txt (checkov), kept in the cache folder;
#   - a stand-in for AWS on two free ports of this machine (tests/standin);
#   - with LAKEGATE_SIGNED_S3=1, s3s-fs: a store that checks signatures, built once and kept in the cache folder.
# No service has to run beforehand. Set LAKEGATE_DATA to a folder of real data to run the tests that read it.
set -euo pipefail
cd "$(dirname "$0")"
. tests/postgres.sh

say() { printf '\n== %s\n' "$*"; }

install_tools() {
    local missing=()
    command -v cc >/dev/null || missing+=(build-essential)
    has_postgres || missing+=(postgresql)
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

# An environment is kept under a name made from its pins: a changed pin makes a new one. Prints its folder.
make_python() {
    local digest home
    digest=$(sha256sum "$1" | cut -c1-12)
    home="${XDG_CACHE_HOME:-$HOME/.cache}/lakegate-python-$digest"
    if [ ! -f "$home/complete" ]; then
        say "making a Python environment in $home" >&2
        rm -rf "$home"
        python3 -m venv "$home"
        "$home/bin/python" -m pip install --quiet --disable-pip-version-check -r "$1" >&2
        touch "$home/complete"
    fi
    echo "$home"
}

# A stand-in for AWS, on free ports of this machine: it stops with the script.
start_aws() {
    local ports
    ports=$(python3 - <<'PORTS'
import socket
held = [socket.socket() for _ in range(2)]
for one in held:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in held))
PORTS
    )
    aws_log=$(mktemp "${TMPDIR:-/tmp}/lakegate-aws.XXXXXX")
    "$LAKEGATE_TEST_PYTHON" tests/standin --port "${ports% *}" --moto-port "${ports#* }" >"$aws_log" 2>&1 &
    aws_process=$!
    trap 'stop_aws; stop_postgres' EXIT
    for _ in $(seq 150); do
        if grep -q '^ready' "$aws_log"; then
            export LAKEGATE_TEST_AWS="http://127.0.0.1:${ports% *}"
            return
        fi
        sleep 0.2
    done
    cat "$aws_log" >&2
    return 1
}

stop_aws() {
    kill "$aws_process" 2>/dev/null || true
    rm -f "$aws_log"
}

# A store that checks signatures, kept in the cache folder. It takes minutes to build, so only CI, or who asks for it with
# LAKEGATE_SIGNED_S3=1, makes it; once it is there it is used.
start_signed_s3() {
    local home="${XDG_CACHE_HOME:-$HOME/.cache}/lakegate-s3s-0.14.1" port
    if [ ! -x "$home/bin/s3s-fs" ]; then
        [ "${LAKEGATE_SIGNED_S3:-}" = 1 ] || { echo "without a store that checks signatures (LAKEGATE_SIGNED_S3=1 makes one)"; return; }
        CARGO_TARGET_DIR="$home/target" cargo install --quiet s3s-fs --version 0.14.1 --features binary --locked \
            --root "$home" || { echo "s3s-fs cannot be built here: signatures are not tested" >&2; return; }
        rm -rf "$home/target"
    fi
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    signed_s3_root=$(mktemp -d "${TMPDIR:-/tmp}/lakegate-s3s.XXXXXX")
    "$home/bin/s3s-fs" --access-key test --secret-key test --host 127.0.0.1 --port "$port" "$signed_s3_root" >/dev/null 2>&1 &
    signed_s3_process=$!
    trap 'stop_signed_s3; stop_aws; stop_postgres' EXIT
    export LAKEGATE_TEST_SIGNED_S3="http://127.0.0.1:$port"
}

stop_signed_s3() {
    kill "$signed_s3_process" 2>/dev/null || true
    rm -rf "$signed_s3_root"
}

static_checks() {
    say "formatting"
    cargo fmt --all --check
    say "clippy"
    cargo clippy --locked --workspace --all-targets -- -D warnings
    say "rustdoc"
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet
}

# What deploys is only checked here: nothing of it runs.
deployment_checks() {
    say "templates of deploy/"
    "$python_home/bin/cfn-lint" deploy/template.yaml
    # Its pins do not go with those of the tests: it has an environment of its own.
    "$(make_python tests/requirements-lint.txt)/bin/checkov" --config-file deploy/checkov.yaml -f deploy/template.yaml
    say "the launcher for Glue"
    "$python_home/bin/python" tests/oracle/launcher.py deploy/glue_launcher.py
}

run_tests() {
    say "building"
    cargo build --locked --workspace --bins --tests
    say "tests"
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --locked --workspace --no-fail-fast
    else
        cargo test --locked --workspace --lib --bins --tests --no-fail-fast
    fi
    say "documentation tests"
    cargo test --locked --workspace --doc --quiet
}

install_tools
python_home=$(make_python tests/requirements.txt)
export LAKEGATE_TEST_PYTHON="$python_home/bin/python"
say "starting PostgreSQL"
start_postgres
export LAKEGATE_TEST_POSTGRES=$POSTGRES_URL
say "starting a stand-in for AWS"
start_aws
say "starting a store that checks signatures"
start_signed_s3
if [ "${1:-}" != quick ]; then
    static_checks
    deployment_checks
fi
run_tests
say "all passed"
