"""Networks are imported before torchvision, so that it is cured where it must be."""

import galviz.nn  # noqa: F401 - imported for its effect
