"""The reference of the API from docstrings: the directive `objects`."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

__all__ = ["Objects", "skipped"]

ALIAS: Final = "Alias for field number "


class Objects(SphinxDirective):
    """List public objects, one a line, with what each is, and describe them below."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the table and the descriptions."""
        names = [name for line in self.content if (name := line.strip())]
        lines = [
            ".. autosummary::",
            "   :nosignatures:",
            "",
            *(f"   ~{name}" for name in names),
            "",
        ]
        for name in names:
            lines += [*_description(name), ""]
        return self.parse_text_to_nodes("\n".join(lines))


def _description(name: str) -> list[str]:
    module, _, last = name.rpartition(".")
    found = getattr(import_module(module), last)
    if inspect.ismodule(found):
        return [f".. automodule:: {name}", "   :members:"]
    if inspect.isclass(found):
        return [f".. autoclass:: {name}", "   :members:"]
    return [f".. autofunction:: {name}"]


def skipped(_: Sphinx, __: str, name: str, found: Any, *___: Any) -> bool | None:
    """Tell autodoc to leave out what a class does not say itself.

    These are the fields of named tuples, which the docstring of the class has, and the methods by
    which scikit-learn routes metadata.
    """
    routing = name.startswith("set_") and name.endswith("_request")
    return True if routing or (inspect.getdoc(found) or "").startswith(ALIAS) else None
