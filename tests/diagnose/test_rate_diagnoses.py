"""What is said of pictures and bits that come too fast: each names a key, or an option of the tool."""

import pytest

from ingestd.config.key_tree import all_keys
from ingestd.diagnose.rate_diagnoses import RATES


@pytest.mark.parametrize("reason", RATES)
def test_every_cure_names_a_key_of_the_configuration(reason: str) -> None:
    keys = {key.rpartition(".")[2] for key in all_keys()}
    cure = str(RATES[reason].cures["any"])
    assert keys & {word.strip("`:,;") for word in cure.split()}, cure
