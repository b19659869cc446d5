from ingestd.probe.size_series import Column
from ingestd.probe.text_plot import plot


def test_keyframes_stand_out_and_are_marked() -> None:
    columns = [Column(4000, True), *[Column(400, False)] * 3, Column(3600, True), Column(1, False)]
    assert plot(columns, "4 kB") == [
        "4 kB │█   ▄",
        "     │█   █",
        "     │█   █",
        "     │█   █",
        "     │█▄▄▄█▁",
        "   0 └▲───▲─",
    ]
