"""Pictures on their way in: resizing, pre-processing, headers and decoding, against OpenCV, torch and PIL."""

import base64
import io
import itertools
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps

import stn_viz.data

GALLERY = sorted(path for path in (Path(stn_viz.data.__file__).parent / "images").iterdir() if path.suffix != ".md")
RESIZE = """(m, t, [height, width]) => {
  const [channels, H, W] = t.image.shape;
  const reduction = m.areas.createReduction(m.areas.axis(W, width), m.areas.axis(H, height));
  const out = new Float32Array(channels * height * width);
  for (let c = 0; c < channels; c++) {
    const layout = {start: c * H * W, step: 1, stride: W, scale: 1};
    reduction.add(out, c * height * width, t.image.data, layout, 0, H);
  }
  return out;
}"""
PREPARE = """(m, t, settings, rounded) => {
  const [channels, height, width] = t.image.shape;
  const original = {data: t.image.data, channels, height, width};
  return m.preparation.prepareImage(original, settings, rounded).U.data;
}"""
AS_IT_IS = {"crop": "none", "size": None, "grey": False, "invert": False, "normalise": "none"}
RNG = np.random.default_rng(0)
NOISE = RNG.random((3, 37, 53), dtype=np.float32)  # neither square nor of a common divisor with the sizes below


def resized(numbers, image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return numbers.call(RESIZE, list(size), image=image).reshape(image.shape[0], *size)


@pytest.mark.parametrize("size", [(37, 53), (36, 52), (20, 31), (7, 5), (1, 53), (37, 1), (1, 1)], ids=str)
def test_shrinking_is_the_mean_over_each_pixels_area_as_opencvs(numbers, size) -> None:
    theirs = cv2.resize(NOISE.transpose(1, 2, 0), size[::-1], interpolation=cv2.INTER_AREA).transpose(2, 0, 1)
    np.testing.assert_allclose(resized(numbers, NOISE, size), theirs, rtol=0, atol=2e-6)


@pytest.mark.parametrize("size", [(38, 54), (74, 106), (100, 53), (111, 200)], ids=str)
def test_growing_is_bilinear_as_torchs(numbers, size) -> None:
    theirs = F.interpolate(torch.from_numpy(NOISE)[None].double(), size, mode="bilinear", align_corners=False)[0]
    np.testing.assert_allclose(resized(numbers, NOISE, size), theirs.numpy(), rtol=0, atol=2e-6)


def test_a_single_row_and_a_single_pixel_grow(numbers) -> None:
    assert resized(numbers, NOISE[:, :1, :1], (3, 4)) == pytest.approx(NOISE[:, :1, :1].repeat(3, 1).repeat(4, 2))
    theirs = F.interpolate(
        torch.from_numpy(NOISE[None, :, :1]).double(), (1, 200), mode="bilinear", align_corners=False
    )[0]
    np.testing.assert_allclose(resized(numbers, NOISE[:, :1], (1, 200)), theirs.numpy(), rtol=0, atol=2e-6)


def test_stripes_that_would_alias_keep_their_mean(numbers) -> None:
    stripes = np.zeros((1, 60, 60), np.float32)
    stripes[:, :, ::3] = 1
    assert resized(numbers, stripes, (20, 20)) == pytest.approx(np.full((1, 20, 20), 1 / 3), abs=1e-6)


@pytest.mark.parametrize("rows", [1, 5, 36])
def test_rows_that_come_in_pieces_give_the_same(numbers, rows) -> None:
    body = RESIZE.replace(
        "reduction.add(out, c * height * width, t.image.data, layout, 0, H);",
        f"""for (let y = 0; y < H; y += {rows}) {{
          const start = layout.start + y * W;
          reduction.add(out, c * height * width, t.image.data, {{...layout, start}}, y, Math.min(H, y + {rows}));
        }}""",
    )
    theirs = cv2.resize(NOISE.transpose(1, 2, 0), (20, 11), interpolation=cv2.INTER_AREA).transpose(2, 0, 1)
    np.testing.assert_allclose(numbers.call(body, [11, 20], image=NOISE).reshape(3, 11, 20), theirs, rtol=0, atol=2e-6)


def prepared(numbers, image: np.ndarray, rounded: bool = False, **settings) -> np.ndarray:
    return numbers.call(PREPARE, AS_IT_IS | settings, rounded, image=image)


def test_grey_is_what_pil_calls_grey(numbers) -> None:
    bytes_ = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    ours = prepared(numbers, (bytes_.transpose(2, 0, 1) / np.float32(255)), grey=True).reshape(20, 30)
    theirs = np.asarray(Image.fromarray(bytes_).convert("L"))
    np.testing.assert_allclose(ours * 255, theirs, rtol=0, atol=0.51)  # PIL rounds to a byte


@pytest.mark.parametrize(("height", "width", "box"), [(37, 53, (8, 0, 45, 37)), (30, 21, (0, 4, 21, 25))])
def test_the_centre_square_is_the_middle(numbers, height, width, box) -> None:
    image = RNG.random((3, height, width), dtype=np.float32)
    left, top, right, bottom = box
    ours = prepared(numbers, image, crop="square").reshape(3, bottom - top, right - left)
    np.testing.assert_array_equal(ours, image[:, top:bottom, left:right])


def test_crop_size_grey_and_invert_follow_one_another(numbers) -> None:
    ours = prepared(numbers, NOISE, crop="square", size=[28, 28], grey=True, invert=True).reshape(28, 28)
    square = NOISE[:, :, 8:45].transpose(1, 2, 0)
    small = cv2.resize(square, (28, 28), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(ours, 1 - small @ np.array([0.299, 0.587, 0.114]), rtol=0, atol=2e-6)


def test_what_the_network_gets_is_whole_bytes(numbers) -> None:
    ours = prepared(numbers, NOISE, rounded=True, size=[10, 11])
    plain = prepared(numbers, NOISE, size=[10, 11])
    np.testing.assert_allclose(ours, np.round(plain * 255) / 255, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "mean", "std"),
    [
        ("own", NOISE.mean((1, 2)), NOISE.std((1, 2))),
        ("half", [0.5] * 3, [0.5] * 3),
        ("mnist", [0.1307] * 3, [0.3081] * 3),
        ("imagenet", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ],
)
def test_normalising_is_by_channel(numbers, kind, mean, std) -> None:
    ours = prepared(numbers, NOISE, normalise=kind).reshape(NOISE.shape)
    theirs = (NOISE - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5)


def test_a_picture_of_one_value_normalises_to_zero(numbers) -> None:
    flat = np.full((1, 4, 5), 0.3, np.float32)
    np.testing.assert_allclose(prepared(numbers, flat, normalise="own"), np.zeros(20), rtol=0, atol=1e-6)


def test_preparing_leaves_the_original_as_it_was(numbers) -> None:
    body = PREPARE.replace(".U.data", ".U.data, original.data")
    after = numbers.call(body, AS_IT_IS | {"invert": True, "normalise": "half"}, True, image=NOISE)
    np.testing.assert_array_equal(after.reshape(NOISE.shape), NOISE)


NOTE = """(m, t, settings, input) => {
  const [channels, height, width] = t.image.shape;
  const picture = {name: "cat", original: {data: t.image.data, channels, height, width}};
  const {id, note, refusal} = m.preparation.preparedPicture(picture, settings, input);
  return {id, note, refusal};
}"""
CAT = np.full((3, 300, 451), 0.25, np.float32)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "451 × 300 colour, as it is"),
        (
            {"crop": "square", "size": [42, 42], "grey": True},
            "451 × 300 colour → centre square 300 × 300 → 42 × 42, averaged → grey (0.299, 0.587, 0.114)",
        ),
        ({"size": [42, 42]}, "451 × 300 colour → 42 × 42, averaged, squeezed (0.67 : 1)"),
        ({"size": [600, 902]}, "451 × 300 colour → 902 × 600, enlarged bilinearly"),
        (
            {"grey": True, "normalise": "mnist", "invert": True},
            "451 × 300 colour → grey (0.299, 0.587, 0.114) → inverted, 1 − v → "
            "(v − 0.1307) / 0.3081: values 2.01 to 2.01, drawn clipped to 0..1",
        ),
        (
            {"normalise": "imagenet"},
            "451 × 300 colour → (v − (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225): "
            "values −1.03 to −0.69, drawn clipped to 0..1",
        ),
    ],
    ids=str,
)
def test_one_line_says_what_was_done(numbers, settings, words) -> None:
    assert numbers.call(NOTE, AS_IT_IS | settings, None, image=CAT)["note"] == words


def test_a_picture_that_fits_the_network_is_not_refused_and_others_hear_why(numbers) -> None:
    def refusal(input_, **settings):
        return numbers.call(NOTE, AS_IT_IS | settings, input_, image=CAT)["refusal"]

    fitting = {"crop": "square", "size": [28, 28], "grey": True}
    assert refusal([1, 28, 28], **fitting) is None
    assert refusal(None) is None
    assert refusal([1, 28, 28]) == "The network takes 28 × 28 grey; this picture is 451 × 300 colour."
    assert refusal([1, 28, 42], **fitting) == "The network takes 42 × 28 grey; this picture is 28 × 28 grey."
    assert "values from 0 to 1" in refusal([1, 28, 28], **fitting, normalise="half")
    note = numbers.call(NOTE, AS_IT_IS | fitting, [1, 28, 28], image=CAT)["note"]
    assert note.endswith("→ rounded to 1/255")


CHOICES = itertools.product(
    ("none", "square"), (None, [28, 42]), (False, True), (False, True), ("none", "own", "half", "mnist", "imagenet")
)


def test_every_pre_processing_travels_in_a_link(numbers) -> None:
    keys = ("crop", "size", "grey", "invert", "normalise")
    every = [dict(zip(keys, choice, strict=True)) for choice in CHOICES]
    back = numbers.call(
        "(m, t, every) => every.map((each) => m.preparation.partsOf(m.preparation.idOf('sign', each)))", every
    )
    assert back == [{"name": "sign", "settings": settings} for settings in every]
    last = {"crop": "square", "size": [28, 42], "grey": True, "invert": True, "normalise": "own"}
    assert numbers.call("(m, t, s) => m.preparation.idOf('cat', s)", last) == "cat:square:28x42:grey:invert:own"


@pytest.mark.parametrize("text", ["cat:0x5", "cat:99999x5", "cat:9000x2", "cat:<b>", "cat:toString", "cat:::", "cat"])
def test_a_part_of_a_link_that_means_nothing_is_left_out(numbers, text) -> None:
    back = numbers.call("(m, t, text) => m.preparation.partsOf(text)", text)
    assert back == {"name": "cat", "settings": AS_IT_IS}


# --- files ---


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_of_size(width: int, height: int) -> bytes:
    """Only the header is true."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


WAVES = np.stack(
    [
        np.tile(np.linspace(0, 255, 61), (43, 1)),
        np.tile(np.linspace(255, 0, 43)[:, None], (1, 61)),
        np.tile(127 + 120 * np.sin(np.arange(61) / 9), (43, 1)),
    ],
    -1,
).astype(np.uint8)
PHOTO = Image.fromarray(WAVES)
GREY16 = Image.fromarray((np.arange(43 * 61, dtype=np.uint16) * 24).reshape(43, 61))
SHADE = np.tile(np.linspace(0, 255, 61), (43, 1)).astype(np.uint8)


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def with_alpha(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    image.putalpha(Image.fromarray(SHADE))
    return image


def clear_palette() -> bytes:
    return encoded(PHOTO.quantize(8), "PNG", transparency=0)


def with_gamma() -> bytes:
    """A PNG that claims to be linear: viewers brighten it, and its numbers are what they are."""
    png = encoded(PHOTO, "PNG")
    return png[:33] + chunk(b"gAMA", struct.pack(">I", 100_000)) + png[33:]


KINDS = {
    "PNG": encoded(PHOTO, "PNG"),
    "PNG gamma": with_gamma(),
    "JPEG": encoded(PHOTO, "JPEG", quality=95),
    "JPEG progressive": encoded(PHOTO, "JPEG", quality=95, progressive=True),
    "GIF": encoded(PHOTO.quantize(16), "GIF"),
    "WebP": encoded(PHOTO, "WEBP", quality=95),
    "WebP lossless": encoded(PHOTO, "WEBP", lossless=True),
    "WebP alpha": encoded(with_alpha(PHOTO), "WEBP", lossless=True, exact=True),
    "BMP": encoded(PHOTO, "BMP"),
    "AVIF": encoded(PHOTO, "AVIF"),
    "CMYK": encoded(PHOTO.convert("CMYK"), "JPEG", quality=95),
    "palette": encoded(PHOTO.quantize(8), "PNG"),
    "palette alpha": clear_palette(),
    "RGBA": encoded(with_alpha(PHOTO), "PNG"),
    "grey alpha": encoded(with_alpha(PHOTO.convert("L")).convert("LA"), "PNG"),
    "one bit": encoded(PHOTO.convert("1"), "PNG"),
    "grey": encoded(PHOTO.convert("L"), "PNG"),
    "grey JPEG": encoded(PHOTO.convert("L"), "JPEG", quality=95),
    **{f"EXIF {i}": encoded(PHOTO, "JPEG", quality=95, exif=turned(i)) for i in range(1, 9)},
}
DECODE = """async ([text, name]) => {
  const {decodeFile} = await import("/pictures/decode.js");
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const waits = [];
  try {
    const {image, remarks} = await decodeFile(new Blob([bytes]), name, (sentence) => waits.push(sentence));
    let data = "";
    const all = new Uint8Array(image.data.buffer, image.data.byteOffset, image.data.byteLength);
    for (let i = 0; i < all.length; i += 32768) data += String.fromCharCode(...all.subarray(i, i + 32768));
    return {shape: [image.channels, image.height, image.width], data: btoa(data), remarks, waits};
  } catch (error) {
    return {error: error.message, kind: error.constructor.name};
  }
}"""


@pytest.fixture
def decode(page, serve):
    serve(page)

    def decode(content: bytes, name: str = "mine.png") -> tuple[np.ndarray, list[str]]:
        answer = page.evaluate(DECODE, [base64.b64encode(content).decode(), name])
        if "error" in answer:
            assert answer["kind"] == "Error", answer
            raise ValueError(answer["error"])
        data = np.frombuffer(base64.b64decode(answer["data"]), np.float32).reshape(answer["shape"])
        return data, answer["remarks"]

    return decode


def pils(content: bytes) -> np.ndarray:
    """As PIL reads it, turned upright, on white: (C, H, W), bytes."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    if image.mode in ("RGBA", "LA") or "transparency" in image.info:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    bytes_ = np.asarray(image.convert("RGB")).astype(np.float64).transpose(2, 0, 1)
    return bytes_[:1] if (bytes_ == bytes_[:1]).all() else bytes_


@pytest.mark.parametrize("kind", KINDS)
def test_files_are_read_as_pil_reads_them(decode, kind) -> None:
    ours, _ = decode(KINDS[kind])
    theirs = pils(KINDS[kind])
    assert ours.shape == theirs.shape
    off = np.abs(ours * 255 - theirs)
    through_alpha = "alpha" in kind or kind == "RGBA"  # both round on the way through alpha
    assert off.max() <= (1.01 if through_alpha else 2.01 if kind == "AVIF" else 1e-3)


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.name)
def test_the_gallerys_images_are_read_as_pil_reads_them(decode, path) -> None:
    ours, _ = decode(path.read_bytes())
    theirs = pils(path.read_bytes())
    assert ours.shape == theirs.shape
    assert np.abs(ours * 255 - theirs).max() <= 1.01


def test_the_gallery_shows_every_image_of_the_package_and_each_has_its_licence(page, serve) -> None:
    serve(page)
    listed = page.evaluate("async () => (await import('/pictures/gallery.js')).IMAGES")
    files = {image["file"] for image in listed if image["file"]}
    assert files == {path.name for path in GALLERY}
    licences = (GALLERY[0].parent / "LICENCES.md").read_text(encoding="utf-8").splitlines()
    for image in listed:
        if image["file"]:
            row = next(line for line in licences if line.startswith(f"| {image['file']} |"))
            who = image["credit"].split(",")[0].split(" (")[0]
            assert who in row


def test_sixteen_bits_are_read_to_within_a_byte(decode) -> None:
    ours, remarks = decode(encoded(GREY16, "PNG"))
    assert ours.shape == (1, 43, 61)
    assert np.abs(ours[0] - np.asarray(GREY16) / 65535).max() <= 1 / 255
    assert remarks == ["16 bits read as 8"]


@pytest.mark.parametrize(
    ("kind", "remarks"),
    [
        ("PNG", []),
        ("palette", ["a palette read as colours"]),
        ("palette alpha", ["a palette read as colours", "transparent parts laid on white"]),
        ("RGBA", ["transparent parts laid on white"]),
        ("CMYK", ["CMYK read as colours"]),
        ("EXIF 1", []),
        ("EXIF 6", ["turned upright as its EXIF says"]),
    ],
)
def test_what_was_done_on_the_way_is_said(decode, kind, remarks) -> None:
    assert decode(KINDS[kind])[1] == remarks


def test_a_large_picture_is_reduced_by_area_to_2000_pixels_and_this_is_said(decode) -> None:
    wide = np.asarray(PHOTO.resize((3000, 1100)))
    ours, remarks = decode(encoded(Image.fromarray(wide), "PNG"))
    theirs = cv2.resize(wide.astype(np.float32), (2000, 733), interpolation=cv2.INTER_AREA).transpose(2, 0, 1)
    assert ours.shape == (3, 733, 2000)
    np.testing.assert_allclose(ours * 255, theirs, rtol=0, atol=1e-3)
    assert remarks == ["3000 × 1100 reduced to 2000 × 733, averaged"]


def test_fifty_megapixels_are_read_while_the_page_goes_on(page, decode) -> None:
    """The page's longest silence is a fraction of the whole: the browser's own decoding is off its main thread."""
    columns = np.tile(np.linspace(0, 255, 8000).astype(np.uint8)[None, :, None], (6250, 1, 3))
    page.evaluate(
        """() => {
          window.beats = [performance.now()];
          const beat = () => { beats.push(performance.now()); setTimeout(beat, 5); };
          beat();
        }"""
    )
    ours, remarks = decode(encoded(Image.fromarray(columns), "PNG", compress_level=1))
    silences = page.evaluate("() => beats.slice(1).map((at, i) => at - beats[i]).sort((a, b) => b - a)")
    assert ours.shape == (1, 1563, 2000)
    theirs = columns[0, :, 0].reshape(2000, 4).mean(1)
    np.testing.assert_allclose(ours[0, 700] * 255, theirs, rtol=0, atol=1e-3)
    assert remarks == ["8000 × 6250 reduced to 2000 × 1563, averaged"]
    assert silences[0] < sum(silences) / 3, silences[:5]
    assert silences[1] < sum(silences) / 6, silences[:5]


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
AVIF_BROKEN = KINDS["AVIF"][:300]
SENTENCES = {
    b"": "mine is empty (0 bytes). Save or download it again.",
    b"just words": "mine is no image that is known here. Save it as PNG, JPEG, WebP, GIF, BMP or AVIF and bring that.",
    b"\x00": "mine is no image that is known here. Save it as PNG, JPEG, WebP, GIF, BMP or AVIF and bring that.",
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>': "mine is SVG, which is not read here. "
    "Save it as PNG, JPEG, WebP, GIF, BMP or AVIF and bring that.",
    b"<!DOCTYPE html><html></html>": "mine is a web page, which is not read here. "
    "Save it as PNG, JPEG, WebP, GIF, BMP or AVIF and bring that.",
    encoded(PHOTO, "TIFF"): "mine is TIFF, which is not read here. "
    "Save it as PNG, JPEG, WebP, GIF, BMP or AVIF and bring that.",
    HEIC: "mine is HEIC, which is not read here. Save it as PNG, JPEG, WebP, GIF, BMP or AVIF and bring that.",
    png_of_size(0, 7): "mine is 0 × 7 pixels: there is nothing in it. Save it again.",
    png_of_size(9000, 9000): "mine is 9000 × 9000, 81 megapixels; up to 64 megapixels are read. "
    "Reduce it first, for instance to 2000 pixels.",
    **{
        KINDS[kind][: len(KINDS[kind]) // 2]: f"mine is a {kind} that is broken or ends too early. "
        "Save or download it again."
        for kind in ("PNG", "JPEG", "GIF", "WebP", "BMP", "AVIF")
    },
    KINDS["PNG"][:20]: "mine is a PNG that is broken or ends too early. Save or download it again.",
    KINDS["JPEG"][:5]: "mine is a JPEG that is broken or ends too early. Save or download it again.",
}


@pytest.mark.parametrize(("content", "sentence"), SENTENCES.items(), ids=lambda value: repr(value)[:30])
def test_what_is_no_picture_gets_one_sentence(decode, content, sentence) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        decode(content, "mine")
    assert str(caught.value) == sentence


HEADER = """(m, t) => {
  const {kind, width, height, bits, remarks} = m.headers.readHeader(new Uint8Array(t.file.data));
  return [kind, width, height, bits, remarks];
}"""


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("one bit",)])
def test_headers_tell_the_kind_and_the_size_as_stored(numbers, kind) -> None:
    found = numbers.call(HEADER, file=np.frombuffer(KINDS[kind], np.uint8))
    image = Image.open(io.BytesIO(KINDS[kind]))
    assert (found[0].upper(), found[1], found[2]) == (image.format, *image.size)


def test_a_jpeg_with_long_metadata_before_its_size_is_read(numbers) -> None:
    long = encoded(PHOTO, "JPEG", icc_profile=bytes(200_000), exif=turned(3))
    assert numbers.call(HEADER, file=np.frombuffer(long, np.uint8)) == ["JPEG", 61, 43, 8, []]


def test_the_sign_is_the_same_under_no_mirror_and_no_rotation(page, serve) -> None:
    serve(page)
    answer = page.evaluate(
        """async () => {
          const {drawSign} = await import("/pictures/sign.js");
          const {data, channels, height, width} = drawSign();
          return [channels, height, width, Array.from(data)];
        }"""
    )
    sign = np.array(answer[3]).reshape(answer[:3])
    assert sign.shape == (3, 300, 240)
    assert sign.min() >= 0
    assert sign.max() <= 1
    for other in (sign[:, ::-1], sign[:, :, ::-1], sign[:, ::-1, ::-1]):
        assert np.abs(sign - other).max(0).mean() > 0.02
