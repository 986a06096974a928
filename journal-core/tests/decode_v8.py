#!/usr/bin/env python3
"""A second reader of the V8r journal, written from its description and not from the Rust code.

    decode_v8.py IMAGE...

Per image it prints one line per payload in hexadecimal (an empty payload is "-"), then
"stop REASON OFFSET", where REASON is end (two bytes ff ff), corrupt, or full (the last cluster
has an END).

The rules it knows:
  * clusters of 4096 bytes, one behind the other; what is left of the file is ignored
  * byte 0: size, with the two bytes of the header; byte 1: type; then the payload
  * type ff with size ff: nothing follows. One of them alone: corrupt
  * type 1 (END): its size leads exactly to the next cluster, 2 to 254 bytes on
  * any other type: 2 to 254 bytes, and two bytes for an END stay free behind it
  * type 2 is handed out; types that are not known are stepped over
"""

import sys

CLUSTER = 4096
END, HASH, NONE = 1, 2, 0xFF


def decode(image):
    """Returns (payloads, reason, offset)."""
    clusters = len(image) // CLUSTER
    payloads = []
    cluster = 0
    while cluster < clusters:
        base = cluster * CLUSTER
        within = 0
        while True:
            if within + 2 > CLUSTER:
                return payloads, "corrupt", base + within
            size, kind = image[base + within], image[base + within + 1]
            if size == NONE and kind == NONE:
                return payloads, "end", base + within
            if size == NONE or kind == NONE or size < 2:
                return payloads, "corrupt", base + within
            if kind == END:
                if within + size != CLUSTER:
                    return payloads, "corrupt", base + within
                if cluster + 1 == clusters:
                    return payloads, "full", base + within
                break
            if within + size + 2 > CLUSTER:
                return payloads, "corrupt", base + within
            if kind == HASH:
                payloads.append(image[base + within + 2 : base + within + size])
            within += size
        cluster += 1
    return payloads, "full", len(image)


def main(paths):
    for path in paths:
        with open(path, "rb") as file:
            payloads, reason, offset = decode(file.read())
        for payload in payloads:
            print(payload.hex() or "-")
        print("stop", reason, offset)


if __name__ == "__main__":
    main(sys.argv[1:])
