"""VQA-RAD: the real sample with its quirks, all three layouts, and every way in which a source can be broken."""

from __future__ import annotations

import hashlib
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_preprocess.command.dataset import main
from recipe.mrpo.rollout.steps import parse, split_steps
from tests.unit.data.helpers import GOLD, SAMPLES, VQA_RAD, read_rows, run


def rows_of(out, *splits):
    return [row for split in splits for row in read_rows(out / f"{split}.parquet")]


def test_the_official_split_and_its_counts(rad, capsys):
    assert rad.convert("--gold-reasoning", str(GOLD)) == 0
    train, test = rows_of(rad.out, "train"), rows_of(rad.out, "test")
    assert (len(train), len(test)) == (58, 19)
    # phrase_type test_* is the test split, in the order of the release.
    records = json.loads((VQA_RAD / "VQA_RAD Dataset Public.json").read_text())
    official = [r["question"] for r in records if r["phrase_type"].startswith("test")]
    assert [row["extra_info"]["question"] for row in test] == [" ".join(q.split()) for q in official]
    printed = capsys.readouterr().out
    assert "58 rows (33 open, 25 yes/no), 10 images, 33 with gold reasoning" in printed
    assert "19 rows (5 open, 14 yes/no), 9 images, 5 with gold reasoning" in printed


def test_quirks_of_the_release_are_read(rad):
    rad.convert()
    info = [row["extra_info"] for row in rows_of(rad.out, "train", "test")]
    by_question = {i["question"]: i for i in info}
    assert by_question["How many kidneys are visualizable in this image?"]["answer"] == "2"  # an integer in the release
    assert by_question["Are regions of the brain infarcted?"]["record_id"] == "0"  # the one string qid
    assert {i["answer_type"] for i in info} == {"OPEN", "CLOSED"}  # "CLOSED " twice in the release
    assert (
        by_question["Are there any other organs visualized in this image?"]["answer"] == "YES"
    )  # no question_rephrase
    assert {"YES", "Yes", "yes"} <= {i["answer"] for i in info}


def test_open_only_goes_by_the_answer(rad, capsys):
    rad.convert("--open-only")
    answers = [row["extra_info"]["answer"] for row in rows_of(rad.out, "train", "test")]
    assert len(answers) == 38 and not {"yes", "no"} & {answer.lower() for answer in answers}
    assert "Maybe" in answers  # CLOSED by type
    assert "dropped 25: yes/no question (--open-only)" in capsys.readouterr().out


def test_a_row_is_as_the_contract_says(rad):
    rad.convert("--gold-reasoning", str(GOLD))
    row = next(r for r in rows_of(rad.out, "test") if r["extra_info"]["question"] == "What plane is this?")
    assert list(row) == ["data_source", "prompt", "images", "ability", "reward_model", "extra_info"]
    assert row["data_source"] == "vqa-rad" and row["ability"] == "medical_vqa"
    assert row["reward_model"] == {"style": "rule", "ground_truth": "Axial"}
    (turn,) = row["prompt"]
    assert turn["role"] == "user" and turn["content"].startswith("<image>What plane is this?\n")
    assert "<think> </think>" in turn["content"] and "<answer> </answer>" in turn["content"]
    info = row["extra_info"]
    assert (info["split"], info["image_id"], info["organ"]) == ("test", "synpic35191.jpg", "HEAD")
    assert info["may_leave_machine"] is True and info["gold_reasoning"].endswith("is axial.")
    assert "not by clinicians" in info["gold_source"]


def test_images_are_the_original_bytes(rad):
    rad.convert()
    for row in rows_of(rad.out, "train", "test"):
        info = row["extra_info"]
        original = rad.image(info["image_id"]).read_bytes()
        assert row["images"] == [{"bytes": original}]
        assert info["image_sha256"] == hashlib.sha256(original).hexdigest() and info["image_quirks"] == []


def test_every_open_question_of_the_sample_has_gold_reasoning_of_a_few_steps_that_ends_in_the_answer(rad):
    rad.convert("--open-only", "--gold-reasoning", str(GOLD))
    for row in rows_of(rad.out, "train", "test"):
        info = row["extra_info"]
        parsed = parse(f"<think>{info['gold_reasoning']}</think>")
        assert 3 <= len(split_steps(parsed, splitter="rules", unclosed_think="drop")) <= 6, info["question"]
        assert info["gold_reasoning"].rstrip(".?").lower().endswith(info["answer"].rstrip("?").lower()), info[
            "question"
        ]


@pytest.mark.parametrize(
    ("backbone", "tag"), [("qwen2_5_vl", "<think>"), ("internvl3", "<think>"), ("qwen3_vl", "<thinking>")]
)
def test_the_prompt_asks_for_the_backbones_tag(rad, backbone, tag):
    rad.convert("--backbone", backbone)
    assert all(tag in row["prompt"][0]["content"] for row in rows_of(rad.out, "train"))


def test_sft_rows_are_chat_messages_with_gold_reasoning_as_think_block(rad, capsys):
    rad.convert("--sft", "--gold-reasoning", str(GOLD), "--backbone", "qwen3_vl")
    rows = rows_of(rad.out, "train")
    assert len(rows) == 33 and "dropped 25: no gold reasoning (--sft)" in capsys.readouterr().out
    for row in rows:
        user, assistant = row["messages"]
        assert (user["role"], assistant["role"]) == ("user", "assistant")
        parsed = parse(assistant["content"])
        assert parsed.well_formed and parsed.answer == row["extra_info"]["answer"]
        assert assistant["content"].startswith("<thinking>")


@pytest.mark.parametrize(
    ("options", "train"),
    [
        (["--limit", "7"], 7),
        (
            ["--split", "train", "--open-only", "--drop-duplicates"],
            32,
        ),  # one question is there twice with the same text
        (["--reasoning", "required", "--gold-reasoning", str(GOLD)], 33),
    ],
)
def test_options_that_choose_rows(rad, options, train):
    assert rad.convert(*options) == 0
    assert len(rows_of(rad.out, "train")) == train
    assert (rad.out / "test.parquet").exists() is ("--split" not in options)


def test_limit_keeps_the_official_index(rad):
    rad.convert("--open-only", "--limit", "3")
    everything = json.loads((VQA_RAD / "VQA_RAD Dataset Public.json").read_text())
    train = [r for r in everything if not r["phrase_type"].startswith("test")]
    for row in rows_of(rad.out, "train"):
        assert train[row["extra_info"]["index"]]["question"] == row["extra_info"]["question"]


# --- other layouts ---


def test_mevf_layout(rad, tmp_path):
    records = json.loads((VQA_RAD / "VQA_RAD Dataset Public.json").read_text())
    folder = tmp_path / "mevf"
    folder.mkdir()
    (tmp_path / "vqa_rad" / "VQA_RAD Image Folder").rename(folder / "images")
    keys = ("qid", "image_name", "image_organ", "answer", "answer_type", "question_type", "question")
    for split in ("train", "test"):
        part = [r for r in records if r["phrase_type"].startswith("test") == (split == "test")]
        plain = [{k: r[k] for k in keys} | {"phrase_type": r["phrase_type"].removeprefix("test_")} for r in part]
        if split == "train":
            plain.append(plain[0] | {"question": plain[0]["question_type"] + "?", "phrase_type": "frame"})
        (folder / f"{split}set.json").write_text(json.dumps(plain))
    assert main(["vqa_rad", "--source", str(folder), "--out", str(rad.out)]) == 0
    assert [len(rows_of(rad.out, split)) for split in ("train", "test")] == [
        59,
        19,
    ]  # the frame question is a row of its own


def test_real_rows_of_the_mevf_and_hugging_face_layouts(rad, tmp_path):
    images = str(VQA_RAD / "VQA_RAD Image Folder")
    gold = ("--open-only", "--gold-reasoning", str(GOLD), "--images", images)
    assert run("vqa_rad", SAMPLES / "vqa_rad" / "mevf_layout", tmp_path / "mevf", *gold) == 0
    assert run("vqa_rad", SAMPLES / "vqa_rad" / "hf_layout", tmp_path / "hf", *gold) == 0
    mevf, hf = (rows_of(tmp_path / name, "train") for name in ("mevf", "hf"))
    assert (len(mevf), sum(row["extra_info"]["gold_reasoning"] is not None for row in mevf)) == (52, 33)
    assert len(hf) == 4 and all(row["extra_info"]["gold_reasoning"] for row in hf)  # names found by equal bytes


def hf_copy(folder, *, column="answer", named=True):
    (folder / "data").mkdir(parents=True)
    image = VQA_RAD / "VQA_RAD Image Folder" / "synpic35191.jpg"
    rows = [
        {
            "image": {"bytes": image.read_bytes(), "path": image.name if named else None},
            "question": "what plane is this?",
            column: "axial",
        }
    ] * 20
    for split in ("train", "test"):
        pq.write_table(
            pa.Table.from_pylist(rows), folder / "data" / f"{split}-00000-of-00001.parquet", row_group_size=7
        )


def test_hugging_face_layout(rad, tmp_path):
    hf_copy(tmp_path / "hf")
    assert (
        main(["vqa_rad", "--source", str(tmp_path / "hf"), "--out", str(rad.out), "--gold-reasoning", str(GOLD)]) == 0
    )
    rows = rows_of(rad.out, "test")
    assert len(rows) == 20 and all(row["extra_info"]["gold_reasoning"] for row in rows)  # joined without regard to case


@pytest.mark.parametrize("images", [True, False])
def test_hugging_face_images_without_names_are_named_by_their_bytes(rad, tmp_path, images):
    hf_copy(tmp_path / "hf", named=False)
    options = ["--images", str(VQA_RAD / "VQA_RAD Image Folder")] if images else []
    main(["vqa_rad", "--source", str(tmp_path / "hf"), "--out", str(rad.out), *options])
    name = rows_of(rad.out, "test")[0]["extra_info"]["image_id"]
    assert name == "synpic35191.jpg" if images else name.startswith("sha256-31f1cff4467c0ecb")


# --- broken sources: a clear error, and nothing written ---


def edit_first(**values):
    def edit(records):
        records[0].update(values)
        for name, value in values.items():
            if value is ...:
                del records[0][name]

    return edit


def drop_image(rad):
    rad.image("synpic46720.jpg").unlink()


def cut_image(rad):
    path = rad.image("synpic46720.jpg")
    path.write_bytes(path.read_bytes()[:4000])


def text_as_image(rad):
    rad.image("synpic46720.jpg").write_text("<html>429 Too Many Requests</html>")


def link_outside(rad):
    path = rad.image("synpic46720.jpg")
    path.unlink()
    path.symlink_to("/etc/hostname")


BROKEN_ROWS = {
    "no answer": (lambda rad: rad.records(edit_first(answer="")), "row 0: answer is empty"),
    "blank answer": (lambda rad: rad.records(edit_first(answer=" \t")), "row 0: answer is empty"),
    "NULL answer": (lambda rad: rad.records(edit_first(answer="NULL")), "row 0: answer is empty"),
    "NaN answer": (lambda rad: rad.records(edit_first(answer=float("nan"))), "row 0: answer is empty"),
    "list as answer": (
        lambda rad: rad.records(edit_first(answer=["a"])),
        "row 0: answer: text or a number is expected",
    ),
    "no question": (lambda rad: rad.records(edit_first(question=None)), "row 0: question is empty"),
    "missing field": (lambda rad: rad.records(edit_first(image_name=...)), "row 0: fields missing: image_name"),
    "no record": (lambda rad: rad.records(lambda rs: ["x", *rs]), "row 0: a record must be a JSON object, not str"),
    "placeholder": (
        lambda rad: rad.records(edit_first(question="<image> What?")),
        "row 0: the question contains <image>",
    ),
    "path traversal": (
        lambda rad: rad.records(edit_first(image_name="../../secret.jpg")),
        "row 0: image ../../secret.jpg: the file name '../../secret.jpg' leads out of its folder",
    ),
    "absolute path": (lambda rad: rad.records(edit_first(image_name="/etc/passwd")), "leads out of its folder"),
    "image missing": (drop_image, "image synpic46720.jpg: the image synpic46720.jpg is missing"),
    "image truncated": (cut_image, "image synpic46720.jpg: the image is corrupt: image file is truncated"),
    "no image": (text_as_image, "image synpic46720.jpg: not an image of a known format"),
    "link outside": (link_outside, "is a link that leads out of VQA_RAD Image Folder"),
}


@pytest.mark.parametrize("case", BROKEN_ROWS)
def test_a_bad_row_is_named_and_nothing_is_written(rad, written, capsys, case):
    damage, message = BROKEN_ROWS[case]
    damage(rad)
    assert rad.convert() == 1
    captured = capsys.readouterr()
    assert "VQA_RAD Dataset Public.json, row " in captured.err and message in captured.err
    assert "--skip-bad" in captured.err and captured.out == ""
    assert written() == []


@pytest.mark.parametrize("case", BROKEN_ROWS)
def test_skip_bad_leaves_just_the_bad_rows_out(rad, capsys, case):
    damage, _ = BROKEN_ROWS[case]
    damage(rad)
    assert rad.convert("--skip-bad") == 0
    bad = 7 if case in ("image missing", "image truncated", "no image", "link outside") else 1  # rows of that image
    total = 78 if case == "no record" else 77
    assert len(rows_of(rad.out, "train", "test")) == total - bad
    assert capsys.readouterr().err.count("skipped: VQA_RAD Dataset Public.json, row ") == bad


def test_an_earlier_result_survives_a_failing_run(rad):
    rad.convert("--limit", "5")
    before = (rad.out / "train.parquet").read_bytes()
    drop_image(rad)
    assert rad.convert() == 1
    assert (rad.out / "train.parquet").read_bytes() == before


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "VQA_RAD Dataset Public.json").write_text('[{"qid": 1, '), "is no JSON (truncated download?)"),
        (
            lambda f: (f / "VQA_RAD Dataset Public.json").write_text('{"a": 1}'),
            "must hold a JSON list of records, not dict",
        ),
        (lambda f: (f / "VQA_RAD Dataset Public.json").write_text("[]"), "the source has no usable record"),
        (
            lambda f: (f / "VQA_RAD Dataset Public.json").unlink(),
            "there is neither 'VQA_RAD Dataset Public.json' (OSF)",
        ),
        (lambda f: (f / "VQA_RAD Image Folder").rename(f / "pictures"), "name it with --images DIR"),
    ],
)
def test_a_broken_source_is_told_in_one_line(rad, written, capsys, damage, message):
    damage(rad.folder)
    assert rad.convert() == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and "Traceback" not in error
    assert written() == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: hf_copy(f, column="label"), "lacks the columns answer; it has image, question, label"),
        (
            lambda f: [(f / "data").mkdir(parents=True), (f / "data" / "train-0.parquet").write_bytes(b"PAR1 half")],
            "train-0.parquet is not a parquet file (truncated download?)",
        ),
    ],
)
def test_a_broken_hugging_face_download(tmp_path, capsys, make, message, written):
    make(tmp_path / "hf")
    assert main(["vqa_rad", "--source", str(tmp_path / "hf"), "--out", str(tmp_path / "out")]) == 1
    assert message in capsys.readouterr().err and written() == []


def test_help_names_every_default(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["vqa_rad", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert stop.value.code == 0 and "(default: qwen2_5_vl)" in printed and "(default: convert)" in printed
