"""Makes `--config-name mrpo` and `--config-name mrpo_cpu` known to every Hydra program of verl."""

from __future__ import annotations

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin


class MRPOSearchPath(SearchPathPlugin):
    """Appends our config directory to the search path; verl's own stays first."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append(provider="mrpo", path="pkg://recipe.mrpo.config")


def register(module: object = None) -> None:
    """Make Hydra ask MRPOSearchPath; a post-import hook gives it the module `hydra.main`, which it does not need."""
    Plugins.instance().register(MRPOSearchPath)
