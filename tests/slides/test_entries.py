"""A DICOM slide is one slide, whichever of its files are named; labels never are; folders stand for their slides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawing import Squares
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from gastropath.errors import CannotReadSlide
from gastropath.slides.cohort import map_slides
from gastropath.slides.entries import find_slides
from gastropath.slides.task import SlideSettings

CHUNK = 64
WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"


def instance(path: Path, pixels: np.ndarray, series: dict[str, str], kind: str, step: int = 1) -> Path:
    """Write a file of a series, tiled and uncompressed."""
    height, width = (side // CHUNK * CHUNK for side in pixels.shape[:2])
    frames = [
        pixels[y : y + CHUNK, x : x + CHUNK].tobytes() for y in range(0, height, CHUNK) for x in range(0, width, CHUNK)
    ]
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(WHOLE_SLIDE), generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    values = {
        **series, "SOPClassUID": WHOLE_SLIDE, "SOPInstanceUID": meta.MediaStorageSOPInstanceUID, "Modality": "SM",
        "ImageType": ["DERIVED" if step > 1 else "ORIGINAL", "PRIMARY", kind, "RESAMPLED" if step > 1 else "NONE"],
        "InstanceNumber": 1, "SeriesNumber": 1, "Rows": CHUNK, "Columns": CHUNK, "NumberOfFrames": len(frames),
        "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0, "BitsAllocated": 8,
        "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0, "TotalPixelMatrixColumns": width,
        "TotalPixelMatrixRows": height, "TotalPixelMatrixFocalPlanes": 1, "NumberOfOpticalPaths": 1,
        "DimensionOrganizationType": "TILED_FULL",
    }  # fmt: skip
    for name, value in values.items():
        setattr(data, name, value)
    measures, shared, optical = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [0.0005 * step, 0.0005 * step]
    shared.PixelMeasuresSequence = Sequence([measures])
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    optical.OpticalPathIdentifier, optical.ObjectiveLensPower = "1", 20
    data.OpticalPathSequence = Sequence([optical])
    data.PixelData = b"".join(frames)
    data["PixelData"].VR = "OB"
    data.save_as(path, enforce_file_format=True)
    return path


def new_series() -> dict[str, str]:
    return {name: generate_uid() for name in ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")}


def write_series(folder: Path, seed: int = 0, *, prefix: str = "") -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    squares, series = Squares(256, 192, CHUNK, seed), new_series()
    files = [
        instance(
            folder / f"{prefix}c{step}.dcm",
            squares.render(0, 0, 256 // step, 192 // step, step),
            series,
            "VOLUME",
            step,
        )
        for step in (1, 2)
    ]
    label = np.full((CHUNK, CHUNK, 3), 200, np.uint8)
    return [*files, instance(folder / f"{prefix}a.dcm", label, series, "LABEL")]


@pytest.mark.parametrize("named", [[0], [1], [2], [0, 1, 2], [2, 1], "folder"])
def test_any_files_of_a_series_are_one_slide_mapped_once(by_colour, tmp_path, named):
    files = write_series(tmp_path / "s")
    given = [tmp_path / "s"] if named == "folder" else [files[number] for number in named]
    found = map_slides(given, tmp_path / "out", by_colour, SlideSettings(mask=False))
    assert [row["status"] for row in found.rows] == ["done"]
    (one,) = found.mapped
    assert (one.path, one.summary.size_px, one.summary.kind) == (files[0], (256, 192), "dicom")
    assert one.summary.tiles.classified == 12


def test_two_series_in_a_folder_are_two_slides(tmp_path):
    first, second = write_series(tmp_path / "s", 1, prefix="x"), write_series(tmp_path / "s", 2, prefix="y")
    assert [entry.path for entry in find_slides([*second, *first])] == [second[0], first[0]]
    assert {entry.path for entry in find_slides([tmp_path / "s"])} == {first[0], second[0]}


def test_a_label_in_a_series_of_its_own_is_never_the_slide(tmp_path):
    label = instance(tmp_path / "label.dcm", np.full((CHUNK, CHUNK, 3), 200, np.uint8), new_series(), "LABEL")
    (alone,) = find_slides([label])
    assert "is the label of a slide (DICOM image type LABEL), not the slide" in str(alone.error)
    files = write_series(tmp_path)
    assert [(entry.path, entry.error) for entry in find_slides([label, *files])] == [(files[0], None)]


def test_a_damaged_file_beside_a_series_does_not_stop_it(tmp_path):
    files = write_series(tmp_path)
    stump = tmp_path / "stump.dcm"
    stump.write_bytes(bytes(128) + b"DICM" + b"\xff" * 9)
    assert find_slides([files[1]])[0].path == files[0]
    (alone,) = find_slides([stump])
    assert isinstance(alone.error, CannotReadSlide)


def test_a_folder_stands_for_the_slides_in_it(by_colour, tmp_path):
    for name, seed in (("b/2.tif", 2), ("a/1.tif", 1), (".hidden/3.tif", 3), ("a/._1.tif", 4)):
        (tmp_path / "s" / name).parent.mkdir(parents=True, exist_ok=True)
        Squares(150, 100, 50, seed).write(tmp_path / "s" / name, 0.5)
    (tmp_path / "s" / "notes.txt").write_text("no slide")
    (tmp_path / "s" / "photograph.png").write_bytes(b"no slide")
    paths = [tmp_path / "s" / "a" / "1.tif", tmp_path / "s" / "b" / "2.tif"]
    assert [entry.path for entry in find_slides([tmp_path / "s", paths[0]])] == paths
    found = map_slides([tmp_path / "s"], tmp_path / "out", by_colour, SlideSettings(mask=False))
    assert [slide.path for slide in found.mapped] == paths


def test_a_folder_without_a_slide_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (entry,) = find_slides([tmp_path / "empty"])
    assert "holds no slide (a file such as .svs" in str(entry.error)
