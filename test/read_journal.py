"""Reads a turnlog journal as docs/format.md describes it, and prints one line of JSON for each event. Needs nothing but Python 3.

Usage: python3 read_journal.py <directory>
"""
import hashlib, json, os, struct, sys, zlib


def unpack(b, i):
    """The MessagePack value at i, and where it ends."""
    t = b[i]
    if t < 0x80: return t, i + 1
    if t < 0x90: return unpack_map(b, i + 1, t & 15)
    if t < 0xa0: return unpack_array(b, i + 1, t & 15)
    if t < 0xc0: return b[i + 1:i + 1 + (t & 31)].decode(), i + 1 + (t & 31)
    if t >= 0xe0: return t - 256, i + 1
    if t in (0xc0, 0xc2, 0xc3): return {0xc0: None, 0xc2: False, 0xc3: True}[t], i + 1
    numbers = {0xca: '>f', 0xcb: '>d', 0xcc: '>B', 0xcd: '>H', 0xce: '>I', 0xcf: '>Q', 0xd0: '>b', 0xd1: '>h', 0xd2: '>i', 0xd3: '>q'}
    if t in numbers:
        value, = struct.unpack_from(numbers[t], b, i + 1)
        return (int(value) if isinstance(value, float) and value.is_integer() else value), i + 1 + struct.calcsize(numbers[t])
    sizes = {0xc4: '>B', 0xc5: '>H', 0xc6: '>I', 0xd9: '>B', 0xda: '>H', 0xdb: '>I', 0xdc: '>H', 0xdd: '>I', 0xde: '>H', 0xdf: '>I'}
    if t not in sizes: raise ValueError(f'MessagePack type {t:#x} is not used by turnlog')
    n, = struct.unpack_from(sizes[t], b, i + 1)
    i += 1 + struct.calcsize(sizes[t])
    if t in (0xdc, 0xdd): return unpack_array(b, i, n)
    if t in (0xde, 0xdf): return unpack_map(b, i, n)
    return (b[i:i + n].decode() if t >= 0xd9 else {'bytes': b[i:i + n].hex()}), i + n


def unpack_array(b, i, n):
    items = [None] * n
    for k in range(n): items[k], i = unpack(b, i)
    return items, i


def unpack_map(b, i, n):
    flat, i = unpack_array(b, i, 2 * n)
    return dict(zip(flat[::2], flat[1::2])), i


def frames(b, limit, holes={}):
    """Every frame up to the limit, checked: kind, count, group, first position, payload, aux, digest. None for a hole that was recorded."""
    at = 0
    while at in holes or (at + 96 <= limit and b[at:at + 4] == b'TLF1'):
        if at in holes:
            at += holes[at]
            yield
            continue
        crc, kind, align, _, count, group, first, length, body = struct.unpack_from('<IBBHIQQII', b, at + 4)
        assert zlib.crc32(b[at + 8:at + 96]) == crc, f'header checksum at {at}'
        unit = 1 << align
        end = at + -(-(96 + length + 8) // unit) * unit
        payload = b[at + 96:at + 96 + length]
        if end > limit: return
        assert zlib.crc32(payload) == body, f'payload checksum at {at}'
        assert set(b[at + 96 + length:end - 8]) <= {0xa5}, f'padding at {at}'
        assert b[end - 8:end] == struct.pack('<I', ~group & 0xffffffff) + b'END1', f'trailer at {at}'
        yield kind, count, group, first, payload, struct.unpack_from('<Q', b, at + 56)[0], b[at + 64:at + 96]
        at = end


def unpacked(b, number):
    """A packed segment's bytes; what of it does not check is zeros. Where one header does not check, the other does."""
    for head in b[:28], b[-28:]:
        if head[:4] == b'TLZ1' and struct.unpack_from('<IQ', head, 4) == (zlib.crc32(head[8:]), number): break
    else: return b''
    length, size = struct.unpack_from('<QI', head, 16)
    count = -(-length // size)
    table = b[-32 - 8 * count:-32]
    checks = zlib.crc32(table) == struct.unpack_from('<I', b, len(b) - 32)[0]
    out, at = b'', 28
    for n in range(count):
        packed, crc = struct.unpack_from('<II', table, 8 * n) if checks else struct.unpack_from('<II', b, at)
        block = b[at + 8:at + 8 + packed]
        out += zlib.decompress(block, -15) if zlib.crc32(block) == crc else bytes(min(size, length - len(out)))
        at += 8 + packed
    return out


def segments(folder):
    """Name and bytes of each segment, in order. One that lies there in both forms is read as it was written."""
    there = os.listdir(folder)
    for name in sorted({name.removesuffix('z') for name in there if name.endswith(('.seg', '.segz'))}):
        with open(os.path.join(folder, name if name in there else name + 'z'), 'rb') as file: b = file.read()
        yield name, b if name in there else unpacked(b, int(name.split('-')[0]))


def header_of(b):
    """What a segment's header says, where the one before ends and the first position; None if it does not check."""
    if b[:4] != b'TLF1' or zlib.crc32(b[8:96]) != struct.unpack_from('<I', b, 4)[0]: return None
    frame = next(frames(b, len(b)), None)
    if frame is None or frame[0] != 1: return None
    return unpack(frame[4], 0)[0], frame[5], frame[3]


def ours(files):
    """Leaves out files whose header is that of another segment."""
    for name, b in files:
        head = header_of(b)
        if head and (head[0]['segment'], head[2]) != (int(name[:8]), int(name[9:21])): print(f'passed over: {name}', file=sys.stderr)
        else: yield name, b


def main(directory):
    assert open(os.path.join(directory, 'FORMAT')).read() in ('turnlog 1\n', 'turnlog 1 packed\n'), 'not a journal of format 1'
    names, files = zip(*ours(segments(os.path.join(directory, 'journal'))))
    # The newest header and the frames behind it name every place that was written down as lost.
    lost = [gap for frame in frames(files[-1], len(files[-1])) if frame[0] in (1, 6) for gap in unpack(frame[4], 0)[0].get('gaps', [])]
    for gap in lost: print(f"lost: positions {gap['first']} to {gap['last']}: {gap['reason']}", file=sys.stderr)
    holes = [{gap['offset']: gap['bytes'] for gap in lost if gap['segment'] == name and gap['bytes'] > 0} for name in names]
    # A segment ends where the header of the next one says; what lies behind is no part of the history.
    heads = [header_of(b) if 0 not in hole else None for b, hole in zip(files, holes)]
    limits = [head[1] if head and head[0].get('before', int(after[:8]) - 1) == int(name[:8]) else len(b)
              for b, name, after, head in zip(files, names, names[1:], heads[1:])] + [len(files[-1])]
    digest, position = bytes(32), 0
    for b, limit, hole in zip(files, limits, holes):
        for frame in frames(b, limit, hole):
            digest = digest if frame else None
            kind, count, group, first, payload, aux, after = frame or [0] * 7
            if kind not in (2, 6): continue
            start = first - aux if kind == 6 else first
            missing = start != position + 1
            assert not missing or any(g['first'] <= position + 1 and start - 1 <= g['last'] for g in lost), f'position {start} follows {position}'
            # Behind what is lost the digest has to be believed; from there on it is worked out again.
            digest = hashlib.sha256(digest + struct.pack('<Q', first) + payload).digest() if digest and not missing else after
            assert digest == after, f'history digest at position {first}'
            position, at = first - 1, 0
            for _ in range(count):
                crc, length = struct.unpack_from('<II', payload, at)
                body = payload[at + 8:at + 8 + length]
                assert zlib.crc32(payload[at + 4:at + 8] + body) == crc, f'record checksum at position {position + 1}'
                (stream, version, commit_id, time, meta, events), _ = unpack(body, 0)
                for n, (type_, schema, data, flags, *own) in enumerate(events):
                    position += 1
                    print(json.dumps([position, stream, version + n, type_, schema, time, data], ensure_ascii=False))
                at += 8 + length


main(sys.argv[1])
