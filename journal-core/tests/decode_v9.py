"""A second reader of V9 images, for comparison with the Rust one.

It shares nothing with that one but the specification: its own CRC-32C, its own walk. Unreadable
sectors do not exist here: an image is a file.

Usage: decode_v9.py IMAGE...
Prints one line per image: the verdict (clean, torn, full, damage, none), then each payload in hex.
"""

import struct
import sys


def make_table():
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


TABLE = make_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


def header(image, copy):
    """The header of a copy as a dict, or None."""
    raw = image[copy * 4096 : (copy + 1) * 4096]
    if len(raw) < 4096 or raw[:8] != b"QJRNLv9\0":
        return None
    fields = struct.unpack(">II QQ 16s Q III", raw[8:68])
    crc, unit, number, generation, salt, start, nblocks, window, prev = fields
    if crc32c(raw[:8] + bytes(4) + raw[12:]) != crc or unit not in (512, 4096):
        return None
    if number % 2 == copy:
        return None  # odd numbers live in the first copy
    return dict(unit=unit, number=number, salt=salt, start=start, nblocks=nblocks,
                window=window, prev=prev)


def block(image, head, seq):
    """Block `seq` as (durable_upto, flags, prev_crc, crc, payloads), or None, or "claims"."""
    size = head["unit"]
    at = 2 * 4096 + seq % head["nblocks"] * size
    raw = image[at : at + size]
    if len(raw) < size or raw[:4] != b"qjb9":
        return None
    crc, number, upto, used, flags, prev = struct.unpack(">I QQ HH I", raw[4:32])
    if number != seq:
        return None
    if crc32c(head["salt"] + raw[:4] + bytes(4) + raw[8:]) != crc:
        return "claims"
    if flags > 3 or used > size - 32:
        return "claims"
    payloads, rest = [], raw[32 : 32 + used]
    while rest:
        if len(rest) < 2 or rest[1] != 2 or not 2 <= rest[0] <= min(253, len(rest)):
            return "claims"
        payloads.append(rest[2 : rest[0]])
        rest = rest[rest[0] :]
    return upto, flags, prev, crc, payloads


def decode(image):
    heads = [head for head in (header(image, 0), header(image, 1)) if head]
    if not heads:
        return "none", []
    head = max(heads, key=lambda head: head["number"])
    shown, commit = [], []
    seq, prev = head["start"], head["prev"]
    lap_end = head["start"] + head["nblocks"]
    length, claims = 0, False
    while seq < lap_end:
        found = block(image, head, seq)
        if not isinstance(found, tuple):
            claims = found == "claims"
            break
        upto, flags, before, crc, payloads = found
        begins = length == 0
        first = bool(flags & 1)
        if before != prev or length >= head["window"]:
            claims = True
            break
        if first != begins and seq != head["start"]:
            claims = True
            break
        commit += payloads
        length += 1
        if flags & 2:
            shown += commit
            commit, length = [], 0
        prev = crc
        seq += 1
    if seq == lap_end:
        return ("torn" if length else "full"), shown
    later = False
    for ahead in range(seq + 1, min(seq + head["window"] + 1, lap_end)):
        found = block(image, head, ahead)
        if isinstance(found, tuple):
            later = True
            if found[0] > seq:
                return "damage", shown
    return ("torn" if length or claims or later else "clean"), shown


for path in sys.argv[1:]:
    with open(path, "rb") as file:
        verdict, payloads = decode(file.read())
    print(" ".join([verdict] + ["x" + payload.hex() for payload in payloads]))
