"""The objects chosen and the one in focus, shared by every view that shows them."""

import param


class Selection(param.Parameterized):
    """What is chosen. Views with the same selection are linked; everything is keyed by `object_id`.

    Parameters
    ----------
    focus : str or None
        The one object that is looked at closely.
    ids : tuple of str
        The objects chosen together.
    """

    focus = param.String(default=None, allow_None=True, doc="object_id of the object in focus")
    ids = param.ClassSelector(class_=tuple, default=(), doc="object_id of each chosen object")

    def to_json(self) -> dict[str, str | list[str] | None]:
        """Give the state as plain JSON values."""
        return {"focus": self.focus, "ids": list(self.ids)}
