"""Makes the files of this folder: token files as h5py writes them in every layout, NumPy's shuffles, Python's samples.

Run in this folder with numpy, h5py and Python 3.11 or newer: python make.py
Tokens of every file: token i is (i * 7919) % 997, unless said otherwise.
"""

import hashlib
import json
import random

import h5py
import numpy as np

COUNT = 300
tokens = (np.arange(COUNT) * 7919) % 997


def write(name, data=tokens, dataset="tokens", **options):
    with h5py.File(name, "w") as file:
        file.create_dataset(dataset, data=data, **options)


def source(path, length, shape=None):
    return h5py.VirtualSource(path, "tokens", shape=(shape or length,))


def virtual(name, sources, length):
    layout = h5py.VirtualLayout(shape=(length,), dtype="<i4")
    place = 0
    for part in sources:
        count = part.shape[0]
        layout[place : place + count] = part
        place += count
    with h5py.File(name, "w", libver=("earliest", "v110")) as file:
        file.create_virtual_dataset("tokens", layout, fillvalue=0)


# Layouts and types.
write("contiguous_int32.h5", tokens.astype("<i4"))
write("contiguous_uint16.h5", tokens.astype("<u2"))
write("int64.h5", tokens.astype("<i8"))
write("uint8.h5", (tokens % 251).astype("u1"))
write("big_endian.h5", tokens.astype(">i4"))
write("big_endian_uint16.h5", tokens.astype(">u2"))
write("resizable.h5", tokens.astype("<i4"), chunks=(64,), maxshape=(None,))
write("gzip.h5", tokens.astype("<i4"), chunks=(128,), compression="gzip", shuffle=True)
with h5py.File("user_block.h5", "w", userblock_size=512) as file:
    file.create_dataset("tokens", data=tokens.astype("<u2"))
with h5py.File("compact.h5", "w") as file:
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((COUNT,))
    dataset = h5py.h5d.create(file.id, b"tokens", h5py.h5t.STD_I32LE, space, creation)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, tokens.astype("<i4"))

# The link's own file is longer than the one it leads to, so that the wrong one would be read without an error.
with h5py.File("external_link.h5", "w") as file:
    file["other"] = np.full(COUNT * 4, 7, "<i4")
    file["tokens"] = h5py.ExternalLink("contiguous_uint16.h5", "tokens")

# Long, for orders of many windows: only zeros, so that little is left of it.
write("long.h5", np.zeros(3_000_003, "u1"), chunks=(500_000,), compression="gzip", compression_opts=9)

# Virtual datasets over files of this folder.
first, second = "contiguous_int32.h5", "resizable.h5"
virtual("virtual.h5", [source(first, COUNT), source(second, COUNT)[50:250], source("int64.h5", COUNT)], 800)
virtual("virtual_nested.h5", [source("virtual.h5", 800)[280:530], source(first, COUNT)], 550)
virtual("virtual_missing.h5", [source(first, COUNT), source("not_there.h5", COUNT)], 600)
virtual("virtual_short.h5", [source(first, 500)], 500)
virtual("virtual_gap.h5", [source(first, COUNT)], 400)
virtual("virtual_circle.h5", [source("virtual_circle.h5", COUNT)], COUNT)

# What must be refused.
few = tokens[:20]
write("no_tokens.h5", few.astype("<i4"), dataset="ids")
write("empty.h5", np.zeros(0, "<i4"))
write("rank2.h5", few.astype("<i4").reshape(4, 5))
write("float.h5", few.astype("<f4"))
write("negative.h5", np.where(np.arange(20) == 7, -5, few).astype("<i4"))
write("too_large.h5", np.where(np.arange(20) == 13, 2**31, few).astype("<i8"))
write("lzf.h5", tokens.astype("<i4"), chunks=(128,), compression="lzf")
with h5py.File("group.h5", "w") as file:
    file.create_group("tokens")
with h5py.File("dangling.h5", "w") as file:
    file["tokens"] = h5py.SoftLink("/nowhere")
with h5py.File("nothing.h5", "w") as file:
    pass
with h5py.File("unwritten.h5", "w") as file:
    file.create_dataset("tokens", shape=(COUNT,), dtype="<i4")
with h5py.File("partly_written.h5", "w") as file:
    dataset = file.create_dataset("tokens", shape=(COUNT,), dtype="<i4", chunks=(100,))
    dataset[:150] = tokens[:150]
with open("contiguous_int32.h5", "rb") as whole, open("cut.h5", "wb") as cut:
    cut.write(whole.read()[:3000])

# Bytes of the metadata changed so that HDF5 1.10 divides by zero, or writes out of bounds.
for name, good, changes in (
    ("damaged_chunks.h5", "gzip.h5", {751: 30, 960: 2}),
    ("damaged_virtual.h5", "virtual.h5", {1905: 128, 2201: 246}),
):
    with open(good, "rb") as file:
        content = bytearray(file.read())
    for place, value in changes.items():
        content[place] = value
    with open(name, "wb") as file:
        file.write(content)


def shuffled(length, seed):
    order = np.arange(length)
    np.random.default_rng(seed).shuffle(order)
    return order


def digest(values):
    return hashlib.sha256(",".join(map(str, values)).encode()).hexdigest()[:16]


shuffles = []
for seed in (42, 0, 1, 2**32 + 5):
    for length in (0, 1, 2, 3, 10, 1000, 100003):
        order = shuffled(length, seed)
        shuffles.append({"seed": seed, "length": length, "first": order[:10].tolist(), "sha256": digest(order)})
order = shuffled(3_000_000, 42)
shuffles.append({"seed": 42, "length": 3_000_000, "first": order[:10].tolist(), "sha256": digest(order)})

samples = []
for seed in (0, 1, 5, 2**32, 2**40 + 123):
    for length in (1, 2, 5, 6, 32, 256, 1000):
        random.seed(seed)
        order = random.sample(range(length), length)
        samples.append({"seed": seed, "length": length, "sha256": digest(order)})

with open("orders.json", "w") as file:
    json.dump({"shuffles": shuffles, "samples": samples}, file, separators=(",", ":"))
    file.write("\n")
