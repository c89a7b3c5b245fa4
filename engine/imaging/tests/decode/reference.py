"""The file named first as Pillow sees it: upright, in sRGB, written to the second name as raw RGBA."""

import io
import sys

from PIL import Image, ImageCms, ImageOps

picture = ImageOps.exif_transpose(Image.open(sys.argv[1]))
profile = picture.info.get("icc_profile")
if profile:
    picture = ImageCms.profileToProfile(
        picture,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
    )
picture = picture.convert("RGBA")
with open(sys.argv[2], "wb") as out:
    out.write(picture.width.to_bytes(4, "little") + picture.height.to_bytes(4, "little") + picture.tobytes())
