"""Lets nothing pass that no decoder could show."""

from ingestd.delivery.accounting import Drop
from ingestd.media.access_unit import AccessUnit


class Gate:
    """Closed until a keyframe comes, and again whenever a picture was lost on the way."""

    def __init__(self) -> None:
        self.is_open = False
        self._reason = Drop.BEFORE_KEYFRAME

    def close(self, reason: Drop = Drop.BEFORE_KEYFRAME) -> None:
        """Wait for the next keyframe; ``reason`` is why what comes before it may not pass."""
        self.is_open = False
        self._reason = reason

    def refuses(self, access_unit: AccessUnit) -> Drop | None:
        """Return why ``access_unit`` may not pass; None when it may."""
        if access_unit.lacks_parameter_sets:
            self.close()
            return Drop.NO_PARAMETER_SETS
        if access_unit.keyframe:
            self.is_open = True
        return None if self.is_open else self._reason
