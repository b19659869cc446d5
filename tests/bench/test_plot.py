"""Plots as the docs show them."""

from xml.etree import ElementTree

from bench.plot import Line, Panel, page


def test_a_plot_is_an_image_with_a_line_for_each_series_and_gaps_where_nothing_is_known() -> None:
    line = Line("a < b", "#123456", [(0.0, 1.0), (1.0, float("nan")), (2.0, 9.0), (3.0, 2.0)])
    image = ElementTree.fromstring(page("cut & back", [[Panel("delay, s", 3.0, [line])]]))
    texts = [text.text for text in image.iter("{http://www.w3.org/2000/svg}text")]
    assert {"cut & back", "delay, s", "a < b"} <= set(texts)
    (drawn,) = (p.get("d") for p in image.iter("{http://www.w3.org/2000/svg}path") if p.get("fill") == "none")
    assert drawn is not None
    assert drawn.count("M") == 2
