"""Downloads from the Hugging Face hub: one known commit, finished files are kept, with a progress bar."""

from __future__ import annotations

import re
from pathlib import Path

from data_preprocess.datasets import DatasetInfo
from data_preprocess.source.errors import DataError

_COMMIT = re.compile(r"[0-9a-f]{40}")


def download(info: DatasetInfo, *, revision: str, folder: Path | None) -> tuple[Path, str]:
    """Fetch a dataset's files; returns their folder and the commit that the revision stood for.

    `folder`: where to; None: the hub's own cache. A revision that is a branch is resolved first, so that all files are
    of one commit and the card can name it. Raises DataError for a gated or missing repository, or without a network.
    """
    if info.hub is None:
        raise DataError(f"{info.title} cannot be fetched from a hub; get it from {info.homepage} and use --source")
    import httpx
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        commit = revision if _COMMIT.fullmatch(revision) else HfApi().dataset_info(info.hub, revision=revision).sha
        path = snapshot_download(
            info.hub, repo_type="dataset", revision=commit, allow_patterns=list(info.hub_patterns), local_dir=folder
        )
    except GatedRepoError as error:
        raise DataError(f"{info.hub} is gated: accept its terms at {info.homepage}, then `hf auth login`") from error
    except RepositoryNotFoundError as error:
        raise DataError(f"{info.hub} does not exist on the hub, or is private") from error
    except RevisionNotFoundError as error:
        raise DataError(f"{info.hub} has no revision {revision}") from error
    except (HfHubHTTPError, httpx.HTTPError, OSError) as error:
        raise DataError(f"{info.hub} could not be downloaded ({error}); run again to go on, or use --source") from error
    return Path(path), commit
