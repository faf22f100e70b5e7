"""Where `prepare` is called: by verl's own check of a configuration, between Hydra and Ray.

verl has imported `verl.utils.config` before it loads its plugins, so every process imports this module; it therefore
imports only the modules that a check needs, and only when the check runs.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any


def wrap_validate_config(module: ModuleType) -> None:
    """Run `prepare` whenever verl validates a configuration: the one call between Hydra and Ray in `main_ppo`.

    verl 0.9.1 has no hook at this point; its own check still runs, on the completed configuration.
    """
    original = module.validate_config

    def validate_config(config: Any, *args: Any, **kwargs: Any) -> Any:
        from recipe.mrpo.options.tree import OptionError
        from recipe.mrpo.startup.prepare import prepare

        try:
            prepare(config)
        except OptionError as error:
            raise SystemExit(f"mrpo: {error}") from error  # one sentence for the user instead of Hydra's traceback
        return original(config, *args, **kwargs)

    validate_config.__wrapped__ = original  # type: ignore[attr-defined]
    module.validate_config = validate_config  # type: ignore[attr-defined]
