"""What exists already, from a file: all of it, or every fault by its line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from plimsoll.localcloud.cloud import LocalCloud
from plimsoll.rehearse.seeds import EXAMPLE, read_seeds, seed
from plimsoll.settings.errors import SettingsError

BUCKET = "gcp:storage/bucket:Bucket"


def file(folder: Path, text: str | bytes) -> Path:
    path = folder / "seeds.jsonl"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_thing_a_line(tmp_path: Path):
    bare = '{"type": "random:index/randomPet:RandomPet", "id": "red-fox"}'
    found = read_seeds(file(tmp_path, f"{EXAMPLE}\n\n{bare}\n"))
    assert [(one.type, one.id, one.inputs, one.line) for one in found] == [
        (BUCKET, "photos", {"name": "photos"}, 1),
        ("random:index/randomPet:RandomPet", "red-fox", {}, 3),
    ]
    assert read_seeds(file(tmp_path, "")) == ()


WRONG = {
    "no-json": ("type: x", 1, "it is not JSON"),
    "no-object": ('["x"]', 1, "it is not a JSON object"),
    "unknown-key": (EXAMPLE.replace('"inputs"', '"input"'), 1, "input: not known here"),
    "no-type": ('{"id": "a"}', 1, "no type token"),
    "half-a-type": ('{"type": "gcp:Bucket", "id": "a"}', 1, "no type token"),
    "no-id": (f'{{"type": "{BUCKET}"}}', 1, "its id is missing"),
    "a-number-for-an-id": (f'{{"type": "{BUCKET}", "id": 3}}', 1, "its id is missing, or no text"),
    "a-list-for-inputs": (f'{{"type": "{BUCKET}", "id": "a", "inputs": []}}', 1, "its inputs are no object"),
    "twice": (f"{EXAMPLE}\n\n{EXAMPLE}", 3, "the gcp:storage/bucket:Bucket photos is in line 1 already"),
    "no-text": (b"\xff\xfe", None, "it is not UTF-8"),
}


@pytest.mark.parametrize(("text", "line", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_has_its_line(tmp_path: Path, text: str | bytes, line: int | None, message: str):
    path = file(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        read_seeds(path)
    (fault,) = caught.value.faults
    assert (fault.file, fault.line, fault.rule) == (path, line, "rehearse/seed")
    assert message in fault.message
    assert EXAMPLE in str(fault.remedy)


def test_all_faults_at_once_and_a_missing_file(tmp_path: Path):
    with pytest.raises(SettingsError) as caught:
        read_seeds(file(tmp_path, "x\n[]\n"))
    assert [fault.line for fault in caught.value.faults] == [1, 2]
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        read_seeds(tmp_path / "nowhere")


def test_inputs_are_judged_by_their_class_and_nothing_half_is_there(tmp_path: Path):
    lines = [
        '{"type": "parcel:index:Parcel", "id": "any", "inputs": {"weight": 3}}',
        '{"type": "gcp:storage/bucket:Bucket", "id": "b", "inputs": {"nam": "b", "location": "EU"}}',
        '{"type": "gcp:storage/bucket:Buckets", "id": "b"}',
        '{"type": "gcp:storage/bucket:Bucket", "id": "a", "inputs": {"name": "a", "location": "EU"}}',
    ]
    seeds = read_seeds(file(tmp_path, "\n".join(lines)))
    with LocalCloud(interpreter=Path(sys.executable), state=tmp_path / "cloud.jsonl") as cloud:
        with pytest.raises(SettingsError) as caught:
            seed(cloud, seeds)
        assert [(fault.line, fault.key) for fault in caught.value.faults] == [
            (2, BUCKET),
            (3, "gcp:storage/bucket:Buckets"),
        ]
        assert "did you mean name?" in caught.value.faults[0].message
        assert cloud.records == ()
        seed(cloud, [seeds[0], seeds[3]])
        assert [(record.type, record.id) for record in cloud.records] == [
            ("parcel:index:Parcel", "any"),
            (BUCKET, "a"),
        ]
        assert cloud.records[1].properties["selfLink"].startswith("https://")
