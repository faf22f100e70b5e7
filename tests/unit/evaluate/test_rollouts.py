"""The one reader of rollouts: all that is known arrives, nothing vanishes in silence."""

from __future__ import annotations

import json

import pytest

from recipe.mrpo.evaluate.ids import digest, question_id, sample_id
from recipe.mrpo.evaluate.rollouts import read_rollouts
from tests.unit.evaluate.made import case, dump_row, evaluation, generation, judgement, record, write


def read(path, **options):
    told: list[str] = []
    return list(read_rollouts(path, left_out=told.append, **options)), told


# --- training runs ---


def test_a_training_run_is_read_step_by_step_training_first(tmp_path):
    for folder, step in (("validation", 0), ("rollouts", 1), ("rollouts", 10), ("validation", 10), ("rollouts", 2)):
        write(tmp_path / folder / f"{step}.jsonl", [dump_row(f"{folder}{step}_0_0") | {"step": step}])
    found, told = read(tmp_path)
    assert [(r.origin, r.step) for r in found] == [
        ("validation", 0), ("train", 1), ("train", 2), ("train", 10), ("validation", 10)]  # fmt: skip
    assert not told and {r.run for r in found} == {tmp_path.name}
    assert len({r.id for r in found}) == 5
    assert [r.step for r in read(tmp_path, origins=["validation"], steps=[10])[0]] == [10]


def test_every_field_of_a_row_arrives(tmp_path):
    about = case(7, modality="CT", organ="liver", question_type="ABN", answer_type="OPEN", patient="p1", study=4)
    row = dump_row("g_1_0", about=about, advantage=0.5, step_advantages=[0.5, None])
    row["mrpo"]["judge"]["reasons"] = ["seen", None]
    (r,), _ = read(write(tmp_path / "rollouts" / "3.jsonl", [row]))
    assert (r.modality, r.organ, r.question_type, r.answer_type) == ("CT", "liver", "ABN", "OPEN")
    assert r.clusters == {"image": "vqa-rad/a.jpg", "patient": "vqa-rad/p1", "study": "vqa-rad/4"}
    assert (r.advantage, r.step_advantages, r.reasons) == (0.5, (0.5, None), ("seen", None))
    assert (r.group, r.origin, r.step, r.index, r.labels) == ("g", "train", 3, 7, (1, 0))
    assert r.question_id == question_id(about) and r.wrong is True and r.right is False
    assert "reasons" not in r.judge and r.judge["latency_s"] == 0.5


def test_samples_of_a_group_are_numbered(tmp_path):
    rows = [dump_row(uid) for uid in ("a_0_0", "b_0_0", "a_1_0", "a_2_0")]
    assert [r.sample for r in read(write(tmp_path / "1.jsonl", rows))[0]] == [0, 0, 1, 2]


def test_a_file_alone_tells_training_from_validation_by_its_advantages(tmp_path):
    rows = [dump_row("a_0_0", advantage=0.1, step_advantages=[0.1, 0.1]), dump_row("b_0_0")]
    assert [r.origin for r in read(write(tmp_path / "some.jsonl", rows))[0]] == ["train", "validation"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("null", "no object"),
        ("{", "broken"),
        ('{"step": 1, "data": {}}', "a row of metrics"),
        (dump_row() | {"mrpo": None}, "a row of padding"),
        (dump_row() | {"uid": 3}, "a uid that is no text"),
        (dump_row(labels=(1, 7)), "a label that is none"),
        (dump_row() | {"mrpo": record() | {"labels": [1]}}, "fewer labels than steps"),
        (dump_row(spans=[[0, 1]]), "fewer spans than steps"),
        (dump_row(wrong="no"), "wrong is text"),
        (dump_row(rewards={"mine": 1.0}), "a reward without a weight"),
        (dump_row(about={"question": 7}), "a question that is no text"),
    ],
)
def test_a_row_that_is_not_a_rollout_is_left_out_and_told_with_its_place(tmp_path, line, why):
    file = write(tmp_path / "1.jsonl", [dump_row("a_0_0"), line, dump_row("b_0_0")])
    found, told = read(file)
    assert len(found) == 2 and len(told) == 1 and told[0].startswith(f"{file}:2"), why


def test_a_torn_last_line_is_told(tmp_path):
    file = write(tmp_path / "1.jsonl", [dump_row()])
    file.write_bytes(file.read_bytes() + b'{"uid": "b_0_0", "mrpo": {"st')
    found, told = read(file)
    assert len(found) == 1 and "cut off" in told[0]


def test_numbers_that_no_one_computed_are_not_known(tmp_path):
    row = dump_row(rewards={"answer": float("nan"), "process": float("inf")}, advantage=float("nan"),
                   step_advantages=[0.0, float("nan")])  # fmt: skip
    (r,), _ = read(write(tmp_path / "1.jsonl", [row]))
    assert r.rewards == {"answer": None, "process": None} and r.advantage is None and r.step_advantages == (0.0, None)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda d: d / "nothing", "does not exist"),
        (lambda d: d, "has no rollouts"),
        (lambda d: write(d / "notes.txt", ["x"]), "not a file of rollouts"),
    ],
)
def test_a_path_without_rollouts_is_one_sentence(tmp_path, make, said):
    with pytest.raises(ValueError, match=said):
        read(make(tmp_path))


# --- questions and clusters ---


def test_a_question_has_one_id_in_every_run(tmp_path):
    about = case(5)
    dumped, _ = read(write(tmp_path / "run" / "validation" / "2.jsonl", [dump_row("x_0_0", about=about)]))
    evaluated, _ = read(evaluation(tmp_path / "e", [(generation(about=about), None)]))
    assert dumped[0].question_id == evaluated[0].question_id == question_id(about)
    assert question_id(case(5, image="other.jpg")) == question_id(about), "the index names it"
    assert question_id(case(5, source="slake")) != question_id(about)
    assert question_id(case("")) != question_id(case("", image="b.jpg")), "image and text name it"
    assert digest("a", "bc") != digest("ab", "c") and len(sample_id(about, 0)) == 16


def test_a_hash_names_an_image_everywhere_and_a_name_only_in_its_set(tmp_path):
    rows = [
        dump_row("a_0_0", about=case(0, image="1.jpg")),
        dump_row("b_0_0", about=case(1, image="1.jpg", source="slake")),
        dump_row("c_0_0", about=case(2, image="1.jpg", image_sha256="ab")),
        dump_row("d_0_0", about=case(3, image="2.jpg", image_sha256="ab", source="slake")),
        dump_row("e_0_0", about=case(4, image=None)),
        dump_row("f_0_0", about=case(5, image=None)),
    ]
    clusters = [r.clusters["image"] for r in read(write(tmp_path / "1.jsonl", rows))[0]]
    assert len(set(clusters)) == 5 and clusters[2] == clusters[3]


# --- evaluations ---


def test_an_evaluation_joins_generations_and_judgements(tmp_path):
    one, two, three = (generation(i, answer_logprobs=[-0.5, -0.25]) for i in range(3))
    two |= {"output": None, "failure": "timeout"}
    folder = evaluation(tmp_path, [
        (one, judgement(one, right=True, verdict={"label": 1, "status": "ok"}, repeats=[[1, 1], None, [0]])),
        (two, None), (three, None),
    ])  # fmt: skip
    (a, b, c), told = read(folder)
    assert not told and (a.origin, a.step, a.right, a.verdict, a.labels) == ("evaluation", None, True, 1, (1, 0))
    assert a.repeats == ((1, 1), None, None), "labels that are not one for each step are not known"
    assert a.answer_logprobs == (-0.5, -0.25)
    assert (b.failure, b.wrong, b.labels, b.judge_status) == ("timeout", None, None, "skipped:no_output")
    assert (c.failure, c.wrong, c.verdict_status, c.judge_status) == (None, None, None, "skipped:not_judged")


def test_the_newest_line_of_an_id_counts(tmp_path):
    old, new = generation(0, output="old"), generation(0, output="new")
    folder = evaluation(tmp_path, [(old, judgement(old, right=True)), (generation(1), None), (new, None)])
    (other, r), _ = read(folder)
    assert r.output == "new" and other.index == 1
    assert r.wrong is None and r.judge_status == "skipped:not_judged", "the judgement was of the old text"
    with (folder / "judgements.jsonl").open("a") as log:
        log.write(json.dumps(judgement(new, right=False)) + "\n" + json.dumps(judgement(new, right=True)) + "\n")
    assert read(folder)[0][1].right is True


def test_a_failed_verdict_is_neither_right_nor_wrong(tmp_path):
    g = generation()
    (r,), _ = read(evaluation(tmp_path, [(g, judgement(g, verdict={"label": None, "status": "failed:http_500"}))]))
    assert r.verdict is None and r.verdict_status == "failed:http_500"


def test_lines_of_an_evaluation_that_are_none_are_told(tmp_path):
    g = generation()
    folder = evaluation(tmp_path, [(g, None), ({"id": "x"}, {"id": 7})])
    found, told = read(folder)
    assert len(found) == 1 and [t.rpartition("/")[2].split(" ")[0] for t in told] == [
        "generations.jsonl:2", "judgements.jsonl:1"]  # fmt: skip
