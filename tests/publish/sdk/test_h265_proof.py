"""The proof fails where the SDK does not offer H.265. (Where it does: test_h265.py.)"""

from tests.publish.sdk.support import needs_standins, python

PROVE = "from ingestd.publish.sdk import h265, h265_proof; "
WITHOUT_STANDINS = "h265.load_standins = lambda: None; "


@needs_standins
def test_the_proof_fails_where_the_sdk_offers_it_for_nothing() -> None:
    ended = python(PROVE + "h265_proof.main()", LK_DISABLE_NVDEC="1")
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (1, "the SDK does not offer H.265")


@needs_standins
def test_the_sdk_does_not_offer_it_by_itself() -> None:
    ended = python(PROVE + WITHOUT_STANDINS + "h265_proof.main()")
    said = (
        "this SDK offers H.265 without a hardware encoder: remove the stand-ins, and all that decides on them"
    )
    assert ended.returncode == 1, said
    assert ended.stderr.splitlines()[-1] == "the SDK does not offer H.265", said
