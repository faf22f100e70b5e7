"""Before a run: can the endpoints of its judges be used, and may they see its rows?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recipe.mrpo.endpoint.certificates import check_environment
from recipe.mrpo.judge.chat.address import judge_endpoint, judge_key, run_options_named
from recipe.mrpo.judge.member_options import AT_ENDPOINT, judges_asked


def check_endpoint(options: Mapping[str, Any], *, private_data: bool) -> None:
    """For start-up: can the judge of `options` (the node `mrpo.judge`) take the data of this run?

    `private_data`: does some row say may_leave_machine=false? Raises ValueError for an address, key, proxy or
    certificate that cannot work and PermissionError for private rows with a host that they may not go to; nothing is
    sent.
    """
    for judge in judges_asked(options):
        if judge["name"] in AT_ENDPOINT:
            judge_key(judge)
            endpoint = judge_endpoint(judge)
            endpoint.require(may_leave_machine=not private_data)
            with run_options_named():
                check_environment(endpoint)
