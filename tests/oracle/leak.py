"""Looks for a text in every byte below the given folders and files, raw and decoded.

    python leak.py TEXT PATH...

Raw: as it is, lower-cased, percent-encoded, as JSON escapes, in hexadecimal, in base64 at its three alignments, in UTF-16 of
both byte orders; in gzip, also what it decompresses to. Parquet: every value of every column (pages and dictionaries decoded),
every footer statistic, every key-value of the metadata. Prints one line for each place where it is found; exits with 1 then.
"""

import base64
import gzip
import pathlib
import sys
import urllib.parse

import pyarrow.parquet as parquet


def needles(text):
    plain = text.encode()
    yield "as it is", plain
    yield "in UTF-16", text.encode("utf-16-le")
    yield "in UTF-16", text.encode("utf-16-be")
    yield "percent-encoded", urllib.parse.quote(text).encode()
    yield "as JSON escapes", "".join(c if ord(c) < 128 else f"\\u{ord(c):04x}" for c in text).encode()
    yield "in hexadecimal", plain.hex().encode()
    # Statistics may hold a value's beginning only.
    yield "its first eight bytes", plain[:8]
    for shift in range(3):
        # The first and last characters of a base64 run depend on their neighbours: they are left out.
        encoded = base64.b64encode(b"\0" * shift + plain)
        yield "in base64", encoded[4 if shift else 0:-4]


def search(where, data, wanted):
    folded = data.lower()
    return [f"{where}: {how}" for how, needle in wanted if needle in data or needle.lower() in folded]


def parquet_texts(path):
    file = parquet.ParquetFile(path)
    for key, value in (file.metadata.metadata or {}).items():
        yield "key-value metadata", key + b"=" + value
    for group in range(file.metadata.num_row_groups):
        for index in range(file.metadata.num_columns):
            chunk = file.metadata.row_group(group).column(index)
            statistics = chunk.statistics
            if statistics is not None and statistics.has_min_max:
                yield f"statistics of {chunk.path_in_schema}", f"{statistics.min}\0{statistics.max}".encode()
        for name, column in zip(file.schema_arrow.names, file.read_row_group(group).columns):
            yield f"column {name}", "\0".join(str(value) for value in column.to_pylist()).encode()


def search_file(path, wanted):
    data = path.read_bytes()
    found = search(path, data, wanted)
    if data[:2] == b"\x1f\x8b":
        found += search(f"{path} (decompressed)", gzip.decompress(data), wanted)
    if data[:4] == b"PAR1" and data[-4:] == b"PAR1":
        for what, text in parquet_texts(path):
            found += search(f"{path} ({what})", text, wanted)
    found += search(f"{path} (its name)", str(path).encode(), wanted)
    return found


def main(text, *places):
    wanted = list(dict.fromkeys(needles(text)))
    found, files = [], 0
    for place in map(pathlib.Path, places):
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                files += 1
                found += search_file(path, wanted)
    print(*found, sep="\n")
    print(f"{files} files searched, {len(found)} finds")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
