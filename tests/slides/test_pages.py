"""Of the pictures in a TIFF the slide is mapped, right, or the file is refused by name; nothing beside it ever is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from gastropath.errors import CannotParse, CannotReadSlide
from gastropath.slides.source import header
from gastropath.slides.source.ome import read_ome
from gastropath.slides.source.slide import Slide, open_slide
from gastropath.slides.source.tiff_layout import is_level

HALF: Any = {"photometric": "rgb", "resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER", "metadata": None}
TILED: Any = {**HALF, "tile": (128, 128)}
GREY: Any = {**TILED, "photometric": "minisblack"}


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    return np.clip(np.random.default_rng(5).normal((200, 120, 180), 25, (420, 500, 3)), 0, 255).astype(np.uint8)


def check(path: Path, drawn: np.ndarray, levels: int = 1, most: int = 0) -> Slide:
    slide = open_slide(path)
    assert slide.size_px == (drawn.shape[1], drawn.shape[0])
    assert len(slide.downsamples) == levels
    assert slide.spacing.x == pytest.approx(0.5)
    for x, y, width, height in ((0, 0, 40, 30), (100, 90, 200, 150), (460, 400, 40, 20)):
        found = np.asarray(slide.read(0, x, y, width, height)).astype(int)
        assert np.abs(found - drawn[y : y + height, x : x + width]).max() <= most
    beyond = np.asarray(slide.read(0, 480, -10, 40, 20))
    assert (beyond[:10] == 255).all()
    assert (beyond[:, 20:] == 255).all()
    for level, (across, _) in enumerate(slide.downsamples):
        small = np.asarray(slide.read(level, 10, 10, 30, 30)).astype(int)
        step = round(across)
        assert np.abs(small - drawn[::step, ::step][10:40, 10:40]).max() <= most
    return slide


def write(path: Path, *pages: tuple[np.ndarray, Any], **options: Any) -> Path:
    with tifffile.TiffWriter(path, **options) as tiff:
        for pixels, how in pages:
            tiff.write(np.ascontiguousarray(pixels), **how)
    return path


def test_a_macro_marked_as_a_smaller_copy_is_no_level(drawn, tmp_path):
    macro = np.full((90, 400, 3), 243, np.uint8)
    reduced = {"subfiletype": 1}
    path = write(tmp_path / "a.tif", (drawn, TILED), (macro, TILED | reduced), (drawn[::2, ::2], TILED | reduced))
    check(path, drawn, levels=2)


def glass(width: int, height: int, seed: int = 1) -> np.ndarray:
    """Draw what a macro photograph may look like: bright, with a dark label at one end."""
    rows = np.random.default_rng(seed).normal(225, 4, (height, width, 3))
    rows[:, : width // 4] = (60, 90, 120)
    return np.clip(rows, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("how", [
    {"subfiletype": 1}, {"subfiletype": 1, "photometric": "rgb", "tile": None}, {}, {"subfiletype": 9},
    {"description": "Scanner\nmacro 125x105"}, {"extratags": [(285, 2, 0, "Label", True)]},
], ids=["reduced", "strips", "plain", "subfile type of a macro", "description", "page name"])  # fmt: skip
def test_a_macro_of_the_shape_of_the_slide_is_no_level(drawn, tmp_path, how):
    blank = np.clip(np.random.default_rng(2).normal(235, 3, drawn.shape), 0, 255).astype(np.uint8)
    blank[100:300, 150:400] = drawn[100:300, 150:400]
    for name, slide in (("tissue", drawn), ("blank", blank)):
        copy = (slide[::2, ::2], TILED | {"subfiletype": 1})
        macro = glass(125 if how else 100, 105 if how else 84)  # a quarter or more may be another scene
        path = write(tmp_path / f"{name}.tif", (slide, TILED), copy, (macro, TILED | how))
        check(path, slide, levels=2)


def test_a_macro_whose_picture_is_that_of_the_slide_by_chance_of_words_is_judged_by_them(drawn, tmp_path):
    label = (drawn[::4, ::4], TILED | {"subfiletype": 1, "description": "label 125x105"})
    check(write(tmp_path / "a.tif", (drawn, TILED | {"description": "label"}), label), drawn)


def test_another_scene_of_the_same_shape_is_refused(drawn, tmp_path):
    path = write(tmp_path / "a.tif", (drawn, TILED), (glass(250, 210), TILED))
    with pytest.raises(CannotReadSlide, match=r"2 pictures that may each be the slide \(500 x 420, 250 x 210 pixels\)"):
        open_slide(path)


@pytest.mark.parametrize("times", [2, 4, 16])
@pytest.mark.parametrize("tile", [(128, 128), None], ids=["tiled", "strips"])
def test_a_copy_is_a_level_however_it_was_resampled(tmp_path, times, tile):
    picture = glass(1600, 1280)
    picture[200:900, 500:1400] = np.random.default_rng(3).integers(0, 255, (700, 900, 3), np.uint8) // 2 + 90
    small = Image.fromarray(picture).resize((1600 // times, 1280 // times), Image.Resampling.LANCZOS)
    for name, level in (("mean", np.asarray(small)), ("nearest", picture[::times, ::times])):
        how = {key: value for key, value in (TILED | {"tile": tile}).items() if value}
        path = write(tmp_path / f"{name}.tif", (picture, how), (level, how | {"subfiletype": 1}))
        assert len(open_slide(path).downsamples) == 2


def test_a_macro_before_the_slide_is_not_the_slide(drawn, tmp_path):
    macro = np.full((60, 110, 3), 243, np.uint8)
    path = write(tmp_path / "a.tif", (macro, TILED | {"resolution": (2500, 2500)}), (drawn, TILED))
    check(path, drawn)


def test_a_small_copy_before_the_slide_is_not_the_slide(drawn, tmp_path):
    path = write(tmp_path / "a.tif", (drawn[::4, ::4], TILED | {"resolution": (5000, 5000)}), (drawn, TILED))
    check(path, drawn, levels=2)


def test_a_macro_in_strips_before_a_tiled_slide_is_not_the_slide(drawn, tmp_path):
    check(write(tmp_path / "a.tif", (np.full((60, 110, 3), 243, np.uint8), HALF), (drawn, TILED)), drawn)


def test_two_scenes_are_refused_with_their_sizes(drawn, tmp_path):
    path = write(tmp_path / "a.tif", (drawn, TILED), (drawn[:300, :200], TILED))
    with pytest.raises(CannotReadSlide, match=r"2 pictures that may each be the slide \(500 x 420, 200 x 300 pixels\)"):
        open_slide(path)


@pytest.mark.parametrize("how", [TILED, HALF], ids=["tiled", "strips"])
def test_focal_planes_are_refused(drawn, tmp_path, how):
    with pytest.raises(CannotReadSlide, match="holds 3 pictures of 500 x 420 pixels, as focal planes"):
        open_slide(write(tmp_path / "a.tif", *[(drawn, how)] * 3))


def test_focal_planes_of_an_ome_tiff_are_refused(drawn, tmp_path):
    how = {key: value for key, value in TILED.items() if key != "metadata"}
    tifffile.imwrite(tmp_path / "a.ome.tif", np.stack([drawn] * 2), metadata={"axes": "ZYXS"}, **how)
    with pytest.raises(CannotReadSlide, match="holds 2 focal planes"):
        open_slide(tmp_path / "a.ome.tif")


def test_colours_in_separate_grey_pages_are_refused_and_not_mapped_in_grey(drawn, tmp_path):
    path = write(tmp_path / "a.tif", *[(drawn[..., colour], GREY) for colour in range(3)])
    with pytest.raises(CannotReadSlide, match="3 channels of 8 bits as separate grey pictures"):
        open_slide(path)
    with pytest.raises(CannotReadSlide, match="grey picture"):
        open_slide(write(tmp_path / "b.tif", (drawn[..., 0], GREY)))


def test_colours_in_separate_planes_of_one_page_are_joined(drawn, tmp_path):
    how = TILED | {"planarconfig": "separate"}
    check(write(tmp_path / "a.tif", (drawn.transpose(2, 0, 1), how)), drawn)
    check(write(tmp_path / "b.tif", (drawn.transpose(2, 0, 1), how | {"compression": "lzma"})), drawn)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_tiled_slide_is_refused(drawn, tmp_path, orientation):
    how = TILED | {"extratags": [(274, 3, 1, orientation, True)]}
    with pytest.raises(CannotReadSlide, match=f"orientation tag {orientation}"):
        open_slide(write(tmp_path / "a.tif", (drawn, how)))


def test_a_turned_slide_of_a_scanner_is_refused_too(drawn, tmp_path):
    description = "Aperio Image Library v11\n500x420 [0,0 500x420] |AppMag = 20|MPP = 0.5"
    how = TILED | {"description": description, "compression": "jpeg"}
    upright = open_slide(write(tmp_path / "a.svs", (drawn, how)))
    assert (upright.kind, upright.size_px) == ("aperio", (500, 420))
    with pytest.raises(CannotReadSlide, match="turned by 90 degrees"):
        open_slide(write(tmp_path / "b.svs", (drawn, how | {"extratags": [(274, 3, 1, 6, True)]})))


def test_what_openslide_reads_and_tifffile_does_not_is_read(drawn, tmp_path, monkeypatch):
    def fail(path):
        raise IndexError("odd")

    monkeypatch.setattr(header, "in_kept_process", lambda function, source: function(source))
    monkeypatch.setattr(header, "read_pages", fail)
    check(write(tmp_path / "a.tif", (drawn, TILED)), drawn)


@pytest.mark.parametrize("compression", ["jpeg2000", "webp", "jpegxl", "lzma", "lerc", "png", "zstd", "lzw", None])
@pytest.mark.parametrize("how", [TILED, HALF], ids=["tiled", "strips"])
def test_compressions_are_read_whoever_knows_them(drawn, tmp_path, compression, how):
    lossless = {"compressionargs": {"lossless": True}} if compression in ("webp", "jpegxl") else {}
    pages = [(drawn, how), (drawn[::2, ::2], how | {"subfiletype": 1})]
    options = {"compression": compression, **lossless}
    check(write(tmp_path / "a.tif", *[(pixels, one | options) for pixels, one in pages]), drawn, levels=2)


def test_a_compression_that_nobody_decodes_is_named_and_not_called_damage(drawn, tmp_path):
    path = write(tmp_path / "a.tif", (drawn, TILED | {"compression": "jpegxl"}))
    data = bytearray(path.read_bytes())
    at = data.find((259).to_bytes(2, "little") + (3).to_bytes(2, "little"))
    for code, words in ((48124, "Jetraw"), (65123, "number 65123")):
        data[at + 8 : at + 10] = code.to_bytes(2, "little")
        path.write_bytes(data)
        with pytest.raises(CannotReadSlide) as caught:
            open_slide(path)
        assert f"is compressed as {words}, which is not read; convert it" in str(caught.value)
        assert str(caught.value).count(str(path)) == 1


def test_levels_in_subifds_and_the_scale_of_the_ome_xml_are_used(drawn, tmp_path):
    scale = {"PhysicalSizeX": 500, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 500, "PhysicalSizeYUnit": "nm"}
    wrong = TILED | {"resolution": (10_000, 10_000)}
    path = write(
        tmp_path / "a.ome.tif",
        (drawn, wrong | {"subifds": 2, "metadata": scale}),
        (drawn[::2, ::2], wrong | {"subfiletype": 1}),
        (drawn[::4, ::4], wrong | {"subfiletype": 1}),
        ome=True,
    )
    slide = check(path, drawn, levels=3)
    assert slide.spacing.source == "OME-XML"


@pytest.mark.parametrize(
    ("value", "unit"), [("0.5", None), ("0.5", "µm"), ("500", "nm"), ("0.0005", "mm"), ("5e-7", "m")]
)
def test_units_of_an_ome_xml(value, unit):
    units = f' PhysicalSizeXUnit="{unit}" PhysicalSizeYUnit="{unit}"' if unit else ""
    pixels = f'<Pixels SizeX="9" SizeY="9" PhysicalSizeX="{value}" PhysicalSizeY="{value}"{units}/>'
    (image,) = read_ome(f'<?xml version="1.0"?><OME xmlns="any"><Image Name="a">{pixels}</Image></OME>')
    assert image.mpp == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize("unit", ["pixel", "reference frame", "parsec", ""])
def test_a_scale_in_no_length_is_not_believed(unit):
    pixels = f'<Pixels SizeX="9" SizeY="9" PhysicalSizeX="0.5" PhysicalSizeXUnit="{unit}"/>'
    (image,) = read_ome(f"<OME><Image>{pixels}</Image></OME>")
    assert image.mpp is None


def test_no_file_that_an_ome_xml_names_is_opened(drawn, tmp_path):
    secret = write(tmp_path / "secret.tif", (drawn[:64, :64] // 4, HALF))
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1"><Image ID="Image:0" Name="a">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="500" '
        'SizeY="420" SizeC="3" SizeZ="1" SizeT="1">'
        '<Channel ID="Channel:0:0" SamplesPerPixel="3"/><TiffData IFD="0" PlaneCount="1">'
        f'<UUID FileName="{secret.name}">urn:uuid:2</UUID></TiffData></Pixels></Image></OME>'
    )
    path = write(tmp_path / "a.ome.tif", (drawn, TILED | {"description": xml}))
    secret.unlink()
    secret.mkdir()  # whoever opened it would fail
    check(path, drawn)


def test_part_of_a_slide_without_the_rest_is_refused_by_name(drawn, tmp_path):
    Image.fromarray(drawn).save(tmp_path / "case.jpg")
    (tmp_path / "case.jpg").rename(tmp_path / "case.mrxs")
    with pytest.raises(CannotReadSlide, match="the folder 'case' beside it, where its pixels lie, is missing"):
        open_slide(tmp_path / "case.mrxs", 0.25)
    (tmp_path / "case").mkdir()
    with pytest.raises(CannotReadSlide, match=r"Slidedat\.ini in the folder 'case'"):
        open_slide(tmp_path / "case.mrxs", 0.25)
    with pytest.raises(CannotReadSlide, match="only the preview of an Olympus slide"):
        open_slide(write(tmp_path / "preview.vsi", (drawn, HALF)), 0.5)
    (tmp_path / "case.vms").write_text(
        "[Virtual Microscope Specimen]\nNoLayers=1\nNoJpegColumns=1\nNoJpegRows=1\nImageFile=a.jpg\nMapFile=m.jpg\n"
    )
    with pytest.raises(CannotReadSlide, match=r"is one part of a slide of several files; 'm\.jpg', which it names, is"):
        open_slide(tmp_path / "case.vms", 0.5)


def test_a_tiled_picture_of_numbers_is_refused_as_a_whole_and_not_tile_by_tile(tmp_path, drawn):
    path = tmp_path / "float.tif"
    tifffile.imwrite(path, (drawn / 255).astype(np.float32), photometric="rgb", tile=(256, 256), metadata=None)
    with pytest.raises(CannotReadSlide, match="has values of 32 bits"):
        open_slide(path, 0.5)


@pytest.mark.parametrize(("full", "part", "is_one"), [
    ((2220, 2967), (555, 741), True), ((2220, 2967), (138, 185), True), ((100_000, 60_001), (6250, 3750), True),
    ((2240, 2240), (2100, 900), False), ((500, 420), (250, 300), False), ((500, 420), (501, 420), False),
])  # fmt: skip
def test_a_level_has_the_shape_of_the_slide(full, part, is_one):
    assert is_level(full, part) is is_one


@pytest.mark.parametrize(
    "data", [b"", b"II*\0", b"II*\0\x08\0\0\0", b"MM\0*" + bytes(60), b"II+\0\x08\0\0\0" + b"\xff" * 40]
)
def test_a_stump_of_a_file_is_refused(tmp_path, data):
    (tmp_path / "a.svs").write_bytes(data)
    with pytest.raises(CannotReadSlide, match=r"a\.svs: is (empty|damaged|truncated|a damaged|not an)"):
        open_slide(tmp_path / "a.svs", 0.5)


def test_a_path_stands_once_in_a_message(drawn, tmp_path, monkeypatch):
    path = write(tmp_path / "a.tif", (drawn, TILED))

    def fail(function, source):
        raise CannotParse(f"{source}: cannot open {source}, no such thing")

    monkeypatch.setattr(header, "in_kept_process", fail)
    with pytest.raises(CannotReadSlide) as caught:
        open_slide(path)
    assert str(caught.value) == f"{path}: is a damaged slide: cannot open the file, no such thing"


def test_two_scenes_of_an_ome_tiff_are_refused_by_name_and_a_macro_beside_the_slide_is_not(drawn, tmp_path):
    how = {key: value for key, value in TILED.items() if key != "metadata"}
    pages = [(drawn, how | {"metadata": {"Name": "left"}}), (drawn[:300], how | {"metadata": {"Name": "right"}})]
    path = write(tmp_path / "a.ome.tif", *pages, ome=True)
    with pytest.raises(CannotReadSlide, match=r"'left' of 500 x 420, 'right' of 500 x 300"):
        open_slide(path)
    macro = (np.full((300, 400, 3), 240, np.uint8), how | {"metadata": {"Name": "macro image"}})
    check(write(tmp_path / "b.ome.tif", macro, pages[0], ome=True), drawn)


@pytest.mark.parametrize("code", ["time", "memory", "ended"])
def test_a_header_that_cannot_be_read_within_bounds_is_a_refusal_of_the_file(drawn, tmp_path, monkeypatch, code):
    def refuse(function, source):
        raise CannotParse("could not be read within 30 seconds", code=code)

    monkeypatch.setattr(header, "in_kept_process", refuse)
    path = write(tmp_path / "a.tif", (drawn, TILED))
    with pytest.raises(CannotReadSlide, match=r"a\.tif: could not be read within 30 seconds: a damaged slide\?"):
        open_slide(path)
