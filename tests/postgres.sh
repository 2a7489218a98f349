# A private PostgreSQL for tests and examples: sourced by ../test.sh and examples/olist/run.
#
#   install_postgres    by apt, when no server is installed (as root, or through sudo)
#   start_postgres      on a free port of 127.0.0.1, data in a temporary folder; sets POSTGRES_URL; stops with the shell
# shellcheck shell=bash

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
        echo "'$*' needs root; run this as root, or install sudo" >&2; exit 2
    fi
}

apt_install() {
    command -v apt-get >/dev/null || { echo "please install these first (there is no apt-get here): $*" >&2; exit 2; }
    echo "installing $*" >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

postgres_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }

has_postgres() { [ -n "$(postgres_bin)" ] && [ -x "$(postgres_bin)/initdb" ]; }

install_postgres() { has_postgres || apt_install postgresql; }

# PostgreSQL refuses to run as root, so as root it runs as the user that its package made.
as_postgres() {
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

start_postgres() {
    local port
    postgres_data=$(mktemp -d "${TMPDIR:-/tmp}/lakegate-postgres.XXXXXX")
    trap stop_postgres EXIT
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    if [ "$(id -u)" = 0 ]; then chown postgres "$postgres_data"; fi
    (
        cd "$postgres_data"
        as_postgres "$(postgres_bin)/initdb" -D "$postgres_data/db" -U lakegate --auth=trust --encoding=UTF8 --locale=C.UTF-8
        as_postgres sed -i '1i host all password_user 127.0.0.1/32 scram-sha-256' "$postgres_data/db/pg_hba.conf"
        as_postgres "$(postgres_bin)/pg_ctl" -D "$postgres_data/db" -w -l "$postgres_data/log" \
            -o "-p $port -k $postgres_data -c listen_addresses=127.0.0.1 -c fsync=off" start
    ) >/dev/null
    POSTGRES_URL="postgres://lakegate@127.0.0.1:$port/postgres"
}

stop_postgres() {
    as_postgres "$(postgres_bin)/pg_ctl" -D "$postgres_data/db" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$postgres_data"
}
