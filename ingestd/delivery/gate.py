"""Lets nothing pass that no decoder could show."""

from ingestd.delivery.books import Drop
from ingestd.media.access_unit import AccessUnit


class Gate:
    """Closed until a keyframe comes, and again whenever a picture was lost on the way."""

    def __init__(self) -> None:
        self._open = False

    def close(self) -> None:
        """Wait for the next keyframe."""
        self._open = False

    def refuses(self, access_unit: AccessUnit) -> Drop | None:
        """Return why ``access_unit`` may not pass; None when it may."""
        if access_unit.lacks_parameter_sets:
            self._open = False
            return Drop.NO_PARAMETER_SETS
        if access_unit.keyframe:
            self._open = True
        return None if self._open else Drop.BEFORE_KEYFRAME
