"""Makes the originals of the benchmark from one free photograph: pictures.py SOURCE FOLDER.

The source, `lake.jpg` of the crate webp (CC0), has 4000x2250 pixels. Larger pictures mirror it, so that every
pixel keeps the detail it was taken with (enlarging would blur it). A little seeded luma noise, as sensors leave
it, brings the files nearer to the size that cameras write. JPEG, quality 90, 4:2:0.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

SIZES = [(2725, 2225), (2848, 2136), (4000, 3000), (6000, 4000)]
NOISE = 3.0


def mirrored(photo: np.ndarray, width: int, height: int) -> np.ndarray:
    tall = np.concatenate([photo, photo[::-1]])[:height]
    return np.concatenate([tall, tall[:, ::-1]], axis=1)[:, :width]


def main(source: Path, folder: Path) -> None:
    photo = np.asarray(Image.open(source).convert("RGB"))
    folder.mkdir(parents=True, exist_ok=True)
    for width, height in SIZES:
        noise = np.random.default_rng(width).normal(0, NOISE, (height, width, 1)).astype("float32")
        pixels = np.clip(mirrored(photo, width, height) + noise, 0, 255).round().astype("uint8")
        path = folder / f"photo-{width}x{height}.jpg"
        Image.fromarray(pixels).save(path, "JPEG", quality=90, subsampling="4:2:0")
        print(f"{path.name}: {path.stat().st_size} bytes")


main(Path(sys.argv[1]), Path(sys.argv[2]))
