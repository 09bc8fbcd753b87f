"""Another method of a third-party module as a model of the library: one that is there, or a new import."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from perform.core.errors import PerformError
from perform.library import model_library
from perform.library.cards import ModuleMethods, module_methods, read_card
from perform.library.idle_import import Process, import_model
from perform.library.model_library import file_name


def method_model(made: Path, method: str, on_start: Callable[[Process], None] = lambda process: None) -> str:
    """Return the name of the model that plays a method of a module; import it if there is none. [disk, slow]

    made     : a model file of the module
    on_start : gets the process that imports, which may be terminated
    PerformError: the reason of the import, which probes the method in another process.
    """
    card, played = read_card(made), module_methods(made)
    base = card.name.removesuffix(f"-{played.method}")
    name, models = f"{file_name(base)}-{file_name(method)}", model_library.models()
    for known in (file_name(base), name):
        if known in models and module_methods(models[known]) == ModuleMethods(method, played.methods):
            other = read_card(models[known])
            if (other.parameters, other.sample_rate) == (card.parameters, card.sample_rate):
                return known
    code, lines = import_model([str(made), "--method", method, "--name", name], on_start)
    if code != 0:
        raise PerformError(lines[-1])
    return name
