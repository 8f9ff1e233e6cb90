"""What is in the wheel beside the modules."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import back_end
import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(back_end.WHEEL is None, reason="VESTIBULE_VERIFY_WHEEL names the wheel to look into")
@pytest.mark.parametrize("name", ["LICENSE-MIT", "LICENSE-APACHE"])
def test_the_wheel_has_the_texts_of_the_licences(name: str) -> None:
    with ZipFile(str(back_end.WHEEL)) as wheel:
        (place,) = [entry for entry in wheel.namelist() if entry.endswith(f"/licenses/{name}")]
        assert wheel.read(place) == (ROOT / name).read_bytes()
