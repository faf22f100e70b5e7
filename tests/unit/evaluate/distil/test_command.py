"""`mrpo judge distil`: what a judge is taught is what it is asked, and an unknown label is never taught."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from recipe.mrpo.evaluate.distil.rows import LeftOut, reply_of
from recipe.mrpo.judge.__main__ import main
from recipe.mrpo.judge.chat.grades import Grades
from recipe.mrpo.judge.chat.reply import parse_reply
from recipe.mrpo.judge.chat.rubric_folder import Rubric, rubric_names
from tests.fake_judge_server import FakeJudgeServer

STEPS = ["The lung is white.", "So it is <image> pneumonia.", "Nothing else."]


def picture(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, 0, 0)).save(out, "PNG")
    return out.getvalue()


def write_run(folder, *, rows=24, private=()):
    """Rows with an image for two of them each, and a dump with a known, an unknown and an unlabelled rollout a row."""
    table, lines = [], []
    for n in range(rows):
        info = {"split": "train", "index": n, "question": f"Question {n}?", "may_leave_machine": n not in private}
        prompt = [{"role": "user", "content": f"<image>Question {n}?"}]
        table.append({"data_source": "d", "prompt": prompt, "images": [{"bytes": picture(n // 2)}], "extra_info": info})
        case = {"question": info["question"], "gold": ["yes"], "gold_reasoning": "White is fluid.", "data_source": "d",
                "split": "train", "index": str(n)}  # fmt: skip
        labels = [n % 2, 1, int(n % 3 > 0)]
        grades = [{"alignment": label, "contribution": 0} for label in labels]
        known = {"steps": STEPS, "labels": labels, "judge_status": "ok", "case": case}
        if n % 2:
            known["judge"] = {"grades": grades}
        unknown = {**known, "labels": None, "judge_status": "failed:timeout"}
        bare = {"steps": [], "labels": [], "judge_status": "ok", "case": case}
        lines += [
            {"step": 1, "uid": f"{n}_{at}", "output": "x", "mrpo": m} for at, m in enumerate((known, unknown, bare))
        ]
    (folder / "rollouts").mkdir(parents=True)
    (folder / "rollouts" / "1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    pq.write_table(pa.Table.from_pylist(table), folder / "train.parquet")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("distil") / "run")


def distil(run, out, *more):
    data = ["--data", str(run / "train.parquet")]
    return main(["distil", str(run), *data, "--out", str(out), "--held-out", "0.4", "--seed", "1", *more])


@pytest.fixture(scope="module")
def made(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "out"
    assert distil(run, out, "--teacher", "judge-72b") == 0
    return out


def rows_of(folder, name):
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def test_unknown_labels_are_left_out_and_counted_and_every_known_one_is_there(made):
    rows = rows_of(made, "train") + rows_of(made, "heldout")
    assert len(rows) == 24 and rows_of(made, "heldout")
    card = json.loads((made / "distil.json").read_text())
    assert card["left_out"] == {"no_steps": 24, "unknown_failed:timeout": 24}
    assert (card["teacher"], card["rubric"], card["grades_of_teacher"]) == ("judge-72b", "study", 12)
    assert sum(card["rollouts"].values()) == 24
    assert {row["extra_info"]["rubric"] for row in rows} == {"study"}


def test_the_judges_own_parser_reads_the_labels_back_from_every_reply(made):
    rubric = Rubric.load("study")
    for row in rows_of(made, "train") + rows_of(made, "heldout"):
        reply, labels = row["messages"][-1]["content"], row["extra_info"]["labels"]
        read = parse_reply(reply, num_steps=3, quoted=STEPS, overall=False, grades=rubric.grades)
        assert read.labels == tuple(labels)
        if row["extra_info"]["grades_of_teacher"]:
            assert [dict(one) for one in read.grades] == [{"alignment": v, "contribution": 0} for v in labels]


def test_what_is_taught_is_what_the_judge_is_sent(run, made, capsys):
    """The same rollouts put to `openai` by the audit: the same words, and the image in its place."""
    with FakeJudgeServer() as server:
        options = [
            "mrpo.judge.name=openai",
            f"mrpo.judge.openai.base_url={server.base_url}",
            "mrpo.judge.openai.model=m",
        ]
        data = ["--data", str(run / "train.parquet")]
        assert main(["audit", str(made / "heldout.jsonl"), "--sample", "0", *data, *options]) == 0
        sent = {_words(body["messages"]) for body in server.requests}
    taught = {(row["messages"][0]["content"], row["messages"][1]["content"]) for row in rows_of(made, "heldout")}
    assert taught == sent and len(sent) == len(rows_of(made, "heldout"))
    assert all(user.count("<image>") == 1 for _, user in taught), "a step that spells one is escaped"


def _words(messages):
    parts = messages[1]["content"]
    return messages[0]["content"], "".join("<image>" if p["type"] == "image_url" else p["text"] for p in parts)


def test_no_image_is_in_both_files(made):
    train, held = (
        {h for row in rows_of(made, name) for h in row["extra_info"]["image_hashes"]} for name in ("train", "heldout")
    )
    assert train and held and not train & held
    pixels = [{row["images"][0]["bytes"] for row in rows_of(made, name)} for name in ("train", "heldout")]
    assert not pixels[0] & pixels[1]


def test_balance_leaves_out_and_counts_the_larger_side_of_the_training_rows_alone(run, tmp_path):
    """Of 24 rollouts 16 have an invalid step."""
    assert distil(run, tmp_path / "a", "--balance", "--held-out", "0") == 0
    labels = [row["extra_info"]["labels"] for row in rows_of(tmp_path / "a", "train")]
    assert (sum(0 in own for own in labels), len(labels)) == (8, 16)
    assert json.loads((tmp_path / "a" / "distil.json").read_text())["left_out"]["balance"] == 8
    sizes = []
    for name, more in (("b", []), ("c", ["--balance"])):
        assert distil(run, tmp_path / name, *more) == 0
        sizes.append(len(rows_of(tmp_path / name, "heldout")))
    assert sizes[0] == sizes[1] > 0, "what is held out stays as it is"


def test_private_rows_are_refused_left_out_or_kept_by_option(tmp_path, capsys):
    run = write_run(tmp_path / "run", private=(0, 5))
    assert distil(run, tmp_path / "a") == 1
    assert "may_leave_machine=false" in capsys.readouterr().err and not (tmp_path / "a").exists()
    assert distil(run, tmp_path / "b", "--private", "leave_out") == 0
    assert json.loads((tmp_path / "b" / "distil.json").read_text())["left_out"]["private"] == 2
    assert distil(run, tmp_path / "c", "--private", "keep") == 0
    rows = rows_of(tmp_path / "c", "train") + rows_of(tmp_path / "c", "heldout")
    assert sorted(row["extra_info"]["index"] for row in rows if not row["extra_info"]["may_leave_machine"]) == [
        "0",
        "5",
    ]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--held-out", "1"], "--held-out must be a share in [0, 1)"),
        (["mrpo.judge.openai.rubric=dimensions"], "have the grades alignment, contribution"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(run, tmp_path, capsys, more, sentence):
    assert distil(run, tmp_path / "out", *more) == 1
    assert sentence in capsys.readouterr().err and not (tmp_path / "out" / "train.parquet").exists()


def test_without_the_data_there_is_no_image_to_teach_with_and_nothing_is_overwritten(run, made, tmp_path, capsys):
    assert main(["distil", str(run), "--out", str(tmp_path / "out")]) == 1
    assert "--data" in capsys.readouterr().err
    assert main(["distil", str(run), "--out", str(tmp_path / "out"), "mrpo.judge.openai.send_image=false"]) == 0
    assert all(row["images"] == [] for row in rows_of(tmp_path / "out", "train"))
    assert distil(run, made) == 1 and "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("name", rubric_names())
@pytest.mark.parametrize("labels", [(1,), (0,), (1, 0, 1)])
def test_labels_without_grades_are_read_back_under_every_rubric(name, labels):
    grades = Rubric.load(name).grades
    read = parse_reply(
        reply_of(labels, None, None, grades), num_steps=len(labels), quoted=[], overall=False, grades=grades
    )
    assert read.labels == labels


def test_a_rubric_that_asks_for_reasons_is_not_taught_without_them():
    grades = Grades(("alignment",), "any", reasons=True)
    assert json.loads(reply_of((1,), None, ["It is white."], grades))["steps"]["1"] == {
        "reason": "It is white.",
        "alignment": 1,
    }
    for reasons in (None, [None], [""]):
        with pytest.raises(LeftOut, match="no_reason"):
            reply_of((1,), None, reasons, grades)
