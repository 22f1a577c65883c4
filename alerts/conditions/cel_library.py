"""The CEL library without its command line, whose terminal parts would cost each process 10 MB and a quarter second."""

import sys
from types import ModuleType

_COMMAND_LINE = "cel.cli"
_placeholder = ModuleType(_COMMAND_LINE)
_held = sys.modules.setdefault(_COMMAND_LINE, _placeholder) is _placeholder

import cel  # noqa: E402  the placeholder must stand before

if _held:
    del sys.modules[_COMMAND_LINE], cel.cli  # whoever asks for it by name still gets the real one

__all__ = ["cel"]
