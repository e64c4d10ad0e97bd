"""Generated images: shapes in a few colours, each with a caption."""

import csv
import io
import random
import struct
import zlib

import numpy as np
from PIL import Image, ImageDraw

COLOURS = {"red": (220, 30, 30), "green": (30, 160, 40), "blue": (30, 60, 220)}
SHAPES = ("circle", "square", "cross")
SIDE = 48


def draw(colour, shape, generator, side=SIDE):
    """Draw a shape at a random position and of a random size."""
    picture = Image.new("RGB", (side, side), (250, 250, 245))
    pen = ImageDraw.Draw(picture)
    radius = generator.randint(side // 5, side // 3)
    x, y = (generator.randint(radius, side - radius) for _ in range(2))
    box = (x - radius, y - radius, x + radius, y + radius)
    if shape == "circle":
        pen.ellipse(box, fill=COLOURS[colour])
    elif shape == "square":
        pen.rectangle(box, fill=COLOURS[colour])
    else:
        thick = max(2, radius // 2)
        pen.line((x - radius, y, x + radius, y), fill=COLOURS[colour], width=thick)
        pen.line((x, y - radius, x, y + radius), fill=COLOURS[colour], width=thick)
    return picture


def encoded(picture, kind="PNG", **options):
    """The bytes of an image file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def captions_of(colour, shape):
    return [f"There is a {colour} {shape} here.", f"A picture of a {colour} {shape}"]


def write_images(folder, count=90, seed=0):
    """Write generated images and captions.csv with two captions each."""
    generator = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(count):
        colour, shape = list(COLOURS)[number % 3], SHAPES[number // 3 % 3]
        name = f"{number:03}.png"
        (folder / name).write_bytes(encoded(draw(colour, shape, generator)))
        rows += [(name, caption) for caption in captions_of(colour, shape)]
    write_captions(folder, rows)
    return folder


def write_captions(folder, rows):
    with (folder / "captions.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["picture", "caption"])
        writer.writerows(rows)


def huge_png(width, height):
    """A PNG whose header claims a size that would need much memory to decode."""

    def chunk(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def noise(height=72, width=96, seed=0):
    """An image of coloured squares, all different."""
    small = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return Image.fromarray(np.kron(small, np.ones((8, 8, 1), np.uint8)))


SMALL_MODEL = (
    "picture.size=32 text.minimum_count=1 model.encoder=small_cnn model.pretrained=false model.frozen=false "
    "model.memory_units=32 model.embedding_dimension=24 model.decoder_units=32 model.memory_dropout=0.0 "
    "model.embedding_dropout=0.0 model.recurrent_dropout=0.0 model.output_dropout=0.0 search.beam=3 "
    "train.tokens_per_batch=128 train.learning_rate=0.01 train.epochs=6 train.buckets=2 "
    "train.weight_average=null train.label_smoothing=0.0"
)
