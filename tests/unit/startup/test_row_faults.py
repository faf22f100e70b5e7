"""Every row is accepted, or refused in one sentence with row and file; never a traceback."""

from __future__ import annotations

import base64
import copy
import io
import json
import random
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf
from PIL import Image

from recipe.mrpo.options.tree import OptionError
from recipe.mrpo.startup.data_rows import check_rows, row_fault
from tests.unit.startup.helpers import GOOD, LIMITS


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 8)) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 50).convert("RGB").save(out, kind)
    return out.getvalue()


PICTURE = picture()
WHOLE = {kind: picture(kind, (24, 24)) for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")}
INFO = GOOD["extra_info"]
SHOWN = {"prompt": [{"role": "user", "content": "<image>Is it large?"}]}
WHERE = {"prompt": "prompt", "images": "images"}


def fault(row: dict, *, reasoning_required: bool = True) -> str | None:
    return row_fault(GOOD | row, "row 3 of f.parquet", **WHERE, reasoning_required=reasoning_required, limits=LIMITS)


def check(*files, **more) -> bool:
    data = OmegaConf.create({"train_files": [str(file) for file in files], **more})
    return check_rows(data, "train_files", reasoning_required=True, limits=LIMITS).private


def refused(*files, **more) -> str:
    with pytest.raises(OptionError) as caught:
        check(*files, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"reward_model": {"ground_truth": ["yes", "yes, it is"]}},
        {"extra_info": INFO | {"gold_reasoning": ["It is.", None, "Very."], "answers": ["yes", 2, None]}},
        {"extra_info": INFO | {"index": 7, "image_id": None, "split": "train", "question": None}},
        {"data_source": None},
        {"images": []},
        {"images": None},
        {"images": [{"bytes": PICTURE}]} | SHOWN,
        *({"images": [{"bytes": data}]} | SHOWN for data in WHOLE.values()),
        {"images": [{"bytes": WHOLE["JPEG"] + b"\0" * 500}]} | SHOWN,
        {"images": [{"bytes": picture(size=(1, 200))}]} | SHOWN,
        {"prompt": [{"role": "user", "content": "What does <video> mean in this text?"}]},
        {"images": [{"bytes": PICTURE, "path": None}]} | SHOWN,
        {"images": ["data:image/png;base64," + base64.b64encode(PICTURE).decode()]} | SHOWN,
        {"prompt": [{"role": "system", "content": "Look."}, {"role": "user", "content": [{"type": "text"}]}]},
    ],
)
def test_a_row_that_a_run_can_train_on_is_accepted(row):
    assert fault(row) is None


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"reward_model": None}, "reward_model.ground_truth"),
        ({"reward_model": {}}, "reward_model.ground_truth"),
        ({"reward_model": json.dumps({"ground_truth": "yes"})}, "reward_model"),
        *(({"reward_model": {"ground_truth": gold}}, "reward_model.ground_truth")
          for gold in (None, "", " \n", [], [None], ["yes", ""], 5, True, float("nan"), {"a": 1}, b"yes")),
        ({"extra_info": json.dumps(INFO)}, "extra_info"),
        ({"extra_info": [1]}, "extra_info"),
        ({"extra_info": float("nan")}, "extra_info"),
        *(({"extra_info": INFO | {"gold_reasoning": text}}, "gold_reasoning")
          for text in (None, "", " ", [], [None], 5, {"a": "b"}, [["a"]], b"x", float("nan"))),
        *(({"extra_info": INFO | {"question": text}}, "question") for text in (5, {"a": "b"}, [5])),
        *(({"extra_info": INFO | {"answers": text}}, "answers") for text in ({"a": "b"}, [["a"]], [True], b"x")),
        *(({"extra_info": INFO | {"may_leave_machine": flag}}, "may_leave_machine")
          for flag in (None, "true", 1, 0, 1.0, [], "no")),
        *(({"extra_info": INFO | {name: [1]}}, name) for name in ("index", "split", "image_id")),
        ({"data_source": 5}, "data_source"),
        ({"agent_name": "tool_agent"}, "agent_name"),
        *(({"prompt": prompt}, "prompt") for prompt in
          (None, "text", [], [None], ["text"], [{"role": "user"}], [{"content": "x"}],
           [{"role": "user", "content": None}], [{"role": "user", "content": []}])),
        (SHOWN, "1 times <image> in its prompt and 0 images"),
        *(({"images": [{"bytes": data[: len(data) * 2 // 3]}]} | SHOWN, "cannot be opened") for data in WHOLE.values()),
        *(({"images": [{"bytes": picture(size=size)}]} | SHOWN, "200 times its width")
          for size in ((1, 201), (402, 2))),
        *(({"images": [{"bytes": PICTURE}], "prompt": [{"role": "user", "content": f"<image> and {mark}"}]}, mark)
          for mark in ("<video>", "<audio>")),
        *(({"prompt": [{"role": "user", "content": [{"type": "text", "text": "Is it?", key: None}]}]}, "parts")
          for key in ("image", "image_url", "video", "audio")),
        ({"images": [{"bytes": PICTURE}]}, "0 times <image> in its prompt and 1 images"),
        ({"images": [{"bytes": PICTURE}] * 2} | SHOWN, "1 times <image> in its prompt and 2 images"),
        *(({"images": image} | SHOWN, "images") for image in
          ({"bytes": PICTURE}, "a.png", PICTURE, [PICTURE], [None], [5], [{}], [{"bytes": None, "path": "a.png"}],
           [{"bytes": b""}], [{"bytes": b"no picture"}], ["/no/such.png"], ["file:///no/such.png"], ["a\0b"],
           [{"image": None}], [{"path": "a.png"}], ["http://host/a.png"], ["data:image/png,abc"], [""])),
    ],
)  # fmt: skip
def test_a_row_that_would_be_dropped_or_misread_is_one_sentence_with_row_file_and_column(row, named):
    sentence = fault(row)
    assert sentence is not None and named in sentence and "row 3 of f.parquet" in sentence and "\n" not in sentence


def test_gold_reasoning_may_be_missing_where_it_is_not_required():
    assert fault({"extra_info": {"split": "test"}}, reasoning_required=False) is None
    assert fault({"extra_info": None}, reasoning_required=False) is None


def test_the_columns_are_those_that_verl_is_told_to_read(tmp_path):
    rows = [GOOD | {"ask": SHOWN["prompt"], "scans": [{"bytes": PICTURE}]}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    check(tmp_path / "a.parquet", prompt_key="ask", image_key="scans")
    assert "no column question" in refused(tmp_path / "a.parquet", prompt_key="question")
    assert "0 images in the column images" in refused(tmp_path / "a.parquet", prompt_key="ask")


def test_a_column_that_stands_twice_is_refused(tmp_path):
    names = [*GOOD, "extra_info"]
    pq.write_table(
        pa.Table.from_arrays([pa.array([GOOD[name]]) for name in names], names=names), tmp_path / "a.parquet"
    )
    assert "has the column extra_info twice" in refused(tmp_path / "a.parquet")


def test_a_path_to_an_image_that_was_cut_off_is_refused(tmp_path):
    (tmp_path / "a.jpg").write_bytes(WHOLE["JPEG"][:-40])
    assert "cannot be opened" in fault({"images": [str(tmp_path / "a.jpg")]} | SHOWN)


def test_ten_thousand_random_rows_are_accepted_or_one_sentence_within_seconds():
    rng = random.Random(11)
    anything = [None, True, 0, -1, 2.5, float("nan"), "", " ", "text", b"\xff", [], [None], ["a"], [["a"]], {},
                {"a": 1}, {"role": "user", "content": "<image>"}, {"bytes": PICTURE}, {"bytes": b"GIF89a"}, "a\0b",
                "\ud800", "true", 10**400, json.dumps(INFO), [{"bytes": PICTURE}],
                [{"image": "/etc/passwd"}]]  # fmt: skip
    places = [("prompt",), ("images",), ("reward_model",), ("extra_info",), ("data_source",), ("agent_name",),
              ("reward_model", "ground_truth"), ("prompt", 0), ("prompt", 0, "content"), ("prompt", 0, "role"),
              *(("extra_info", n) for n in ("question", "gold_reasoning", "answers", "may_leave_machine", "split",
                                            "index", "image_id", "answer", "other"))]  # fmt: skip
    base = json.dumps(GOOD | SHOWN | {"data_source": "x", "agent_name": "single_turn_agent"})
    start, accepted = time.process_time(), 0
    for number in range(10_000):
        row = json.loads(base) | {"images": [{"bytes": PICTURE}]}
        for *above, last in rng.sample(places, rng.randint(0, 3)):
            node = row
            for key in above:  # a place that another change has removed is left alone
                node = node.get(key) if isinstance(node, dict) else node[0] if isinstance(node, list) and node else None
            if isinstance(node, dict) if isinstance(last, str) else isinstance(node, list) and node:
                node[last] = copy.deepcopy(rng.choice(anything))
        sentence = row_fault(
            row, f"row {number} of x.parquet", **WHERE, reasoning_required=bool(number % 2), limits=LIMITS
        )
        accepted += sentence is None
        assert sentence is None or ("\n" not in sentence and f"row {number} of x.parquet" in sentence)
    assert 500 < accepted < 9500 and time.process_time() - start < 60
