"""Measures outputs against a reference downscale of their original: compare.py ORIGINAL FILE...

The reference is Pillow's Lanczos resize of the whole decoded original, at each file's own size. Prints one JSON
list of {width, height, format, bytes, psnr, ssim} (luma); a ZIP stands for the pictures in it, in its order.
"""

import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

WINDOW = 8


def luma(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"), dtype="float64")


def local_mean(plane: np.ndarray) -> np.ndarray:
    total = np.pad(plane.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    n = WINDOW
    return (total[n:, n:] - total[:-n, n:] - total[n:, :-n] + total[:-n, :-n]) / (n * n)


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ma, mb = local_mean(a), local_mean(b)
    va, vb = local_mean(a * a) - ma * ma, local_mean(b * b) - mb * mb
    cov = local_mean(a * b) - ma * mb
    return float((((2 * ma * mb + c1) * (2 * cov + c2)) / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean())


def blobs(path: Path) -> list[bytes]:
    if not zipfile.is_zipfile(path):
        return [path.read_bytes()]
    with zipfile.ZipFile(path) as archive:
        return [archive.read(name) for name in archive.namelist() if not name.endswith(".json")]


def main(original: Path, files: list[Path]) -> None:
    source = Image.open(original).convert("RGB")
    references: dict[tuple[int, int], np.ndarray] = {}
    facts = []
    for blob in (blob for path in files for blob in blobs(path)):
        image = Image.open(io.BytesIO(blob))
        if image.size not in references:
            references[image.size] = luma(source.resize(image.size, Image.Resampling.LANCZOS))
        reference, mine = references[image.size], luma(image)
        error = float(((reference - mine) ** 2).mean())
        psnr = 99.0 if error == 0 else 10 * np.log10(255**2 / error)
        facts.append(
            {
                "width": image.width,
                "height": image.height,
                "format": image.format.lower(),
                "bytes": len(blob),
                "psnr": round(float(psnr), 2),
                "ssim": round(ssim(reference, mine), 4),
            }
        )
    print(json.dumps(facts))


main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
