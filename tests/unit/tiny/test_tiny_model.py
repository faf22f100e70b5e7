"""Laws of the tiny models. Warm-ups of three steps only; the whole one is the test marked slow."""

import io
import json
import random
from pathlib import Path

import pandas
import pytest
import torch
from PIL import Image

from recipe.mrpo.cpu import apply_shim
from recipe.mrpo.rollout.steps import parse
from recipe.mrpo.tiny import __main__ as command
from recipe.mrpo.tiny import build as builder
from recipe.mrpo.tiny.backbones import BACKBONES
from recipe.mrpo.tiny.batch import IGNORED, collate, completion_labels, encode
from recipe.mrpo.tiny.build import MANIFEST, build
from recipe.mrpo.tiny.rows import Row, read_rows
from recipe.mrpo.tiny.sampling import Sample, shares
from recipe.mrpo.tiny.targets import Noise, gold, lesson
from recipe.mrpo.tiny.tokenizer import END_OF_TURN
from recipe.mrpo.tiny.warmup import warm_up

NO_NOISE = Noise(wrong_step=0.0, wrong_end=0.0, drop=0.0, extra=0.0)
MUCH_NOISE = Noise(wrong_step=0.5, wrong_end=0.5, drop=0.5, extra=0.5)
FACTS = [
    (
        "What plane is this?",
        "Axial",
        "The skull is cut across. Both ventricles are seen at 3.5 cm depth. The plane is axial.",
    ),
    (
        "Which organ is shown?",
        "Liver",
        "A large grey organ fills the left side. Vessels run through it. It is the liver.",
    ),
    (
        "Where is the mass?",
        "Right lobe",
        "One round mass is bright. It lies to the right of the veins. It is in the right lobe.",
    ),
    ("What is this modality?", "CT", "Bone is white. Air is black. A table is seen below. The modality is CT."),
]


def png(side: int, shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side + 16), (shade, 40, 255 - shade)).save(out, "PNG")
    return out.getvalue()


def record(number: int, question: str, answer: str, reasoning: str | None, **changes) -> dict:
    row = {
        "data_source": "made-up",
        "prompt": [
            {
                "role": "user",
                "content": f"<image>{question}\nReason inside <think> </think>, answer inside <answer> </answer>.",
            }
        ],
        "images": [{"bytes": png(64 + 40 * number, 60 * number)}],
        "ability": "medical_vqa",
        "reward_model": {"style": "rule", "ground_truth": answer},
        "extra_info": {"question": question, "answer": answer, "gold_reasoning": reasoning},
    }
    return row | changes


def write(path: Path, records: list[dict]) -> Path:
    pandas.DataFrame(records).to_parquet(path)
    return path


@pytest.fixture(scope="module", autouse=True)
def images_can_be_processed_on_one_thread():
    if torch.version.cuda is None:
        apply_shim()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def short_samples(monkeypatch):
    monkeypatch.setattr(builder, "MAX_NEW_TOKENS", 4)
    monkeypatch.setattr(builder, "SAMPLES_PER_ROW", 2)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("data") / "train.parquet", [record(n, *fact) for n, fact in enumerate(FACTS)])


@pytest.fixture(scope="module")
def rows(data) -> list[Row]:
    return read_rows(data)


def make(data: Path, out: Path, *, backbone: str = "qwen2_5_vl", seed: int = 0, steps: int = 0) -> builder.Built:
    return build(backbone=backbone, data=data, out=out, seed=seed, steps=steps, progress=lambda line: None)


@pytest.fixture(scope="module", params=BACKBONES)
def loaded(request, data, tmp_path_factory):
    """Each backbone, random, as others load it: (model, processor, directory)."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    out = make(data, tmp_path_factory.mktemp(request.param) / "model", backbone=request.param).path
    return AutoModelForImageTextToText.from_pretrained(out), AutoProcessor.from_pretrained(out), out


# every backbone


def test_vocabulary_has_exactly_as_many_ids_as_the_tokenizer(loaded):
    model, processor, _ = loaded
    ids = sorted(processor.tokenizer.get_vocab().values())
    assert ids == list(range(len(processor.tokenizer)))
    assert model.get_input_embeddings().weight.shape[0] == len(ids)
    assert model.get_output_embeddings().weight.shape[0] == len(ids)
    assert model.config.get_text_config().vocab_size == len(ids)


def test_image_reaches_the_logits_of_the_loaded_model(loaded, rows):
    model, processor, _ = loaded
    prompt = encode(processor, rows[0])
    other = prompt._replace(media=dict(prompt.media, pixel_values=-prompt.media["pixel_values"]))
    pad = processor.tokenizer.pad_token_id
    with torch.no_grad():
        logits, changed = (model(**collate([each], [[]], pad)).logits for each in (prompt, other))
    assert logits.shape[-1] == len(processor.tokenizer)
    assert torch.isfinite(logits).all()
    assert not torch.allclose(logits[:, -1], changed[:, -1])


def test_padding_changes_no_logit_of_a_completion(loaded, rows):
    model, processor, _ = loaded
    prompts = [encode(processor, row) for row in rows]
    texts = processor.tokenizer([gold(row) for row in rows])["input_ids"]
    pad = processor.tokenizer.pad_token_id
    keep = max(map(len, texts)) + 1
    with torch.no_grad():
        together = model(**collate(prompts, texts, pad), logits_to_keep=keep).logits
        for number, (prompt, ids) in enumerate(zip(prompts, texts, strict=True)):
            alone = model(**collate([prompt], [ids], pad), logits_to_keep=len(ids) + 1).logits[0]
            torch.testing.assert_close(together[number, : len(ids) + 1], alone, atol=1e-4, rtol=1e-3)


def test_turn_ends_with_im_end_in_tokenizer_and_generation_config(loaded):
    model, processor, _ = loaded
    tokenizer = processor.tokenizer
    assert tokenizer.eos_token == END_OF_TURN
    assert tokenizer.eos_token_id in model.generation_config.eos_token_id
    assert tokenizer.pad_token_id not in (None, tokenizer.eos_token_id)
    assert model.config.get_text_config().eos_token_id == tokenizer.eos_token_id


def test_weights_are_saved_in_float32(loaded):
    model, _, out = loaded
    assert model.dtype == torch.float32
    assert json.loads((out / "config.json").read_text())["dtype"] == "float32"


@pytest.mark.parametrize(
    "text",
    [
        "<think>Bone is white. Ångström 3.5 µm.</think><answer>CT</answer>",  # letters that the data does not have
        "肝臓 🙂\n\n  two  spaces",  # any text is bytes
        "<thinking>x</thinking>",
    ],
)
def test_tokenizer_writes_any_text(loaded, text):
    tokenizer = loaded[1].tokenizer
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_qwen3_owns_its_think_tags_as_ordinary_text(data, tmp_path):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(make(data, tmp_path / "m", backbone="qwen3_vl").path)
    ids = tokenizer("<think></think>")["input_ids"]
    assert len(ids) == 2
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<think></think>"


# seeds and cache


def weights(out: Path) -> bytes:
    return (out / "model.safetensors").read_bytes()


def test_same_seed_gives_the_same_weights_and_another_seed_others(data, tmp_path):
    first, again, other = (
        make(data, tmp_path / name, seed=seed, steps=3).path for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert weights(first) == weights(again)
    assert (first / "tokenizer.json").read_bytes() == (again / "tokenizer.json").read_bytes()
    assert weights(first) != weights(other)


def test_building_leaves_torch_as_it_was(data, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    torch.set_num_threads(2)
    make(data, tmp_path / "m")
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


def test_second_build_with_the_same_inputs_touches_nothing(data, tmp_path):
    out = make(data, tmp_path / "m").path
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert make(data, out).reused
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"steps": 1}, {"backbone": "qwen2_vl"}, {"data": b"other rows"}],
    ids=lambda change: next(iter(change)),
)
def test_every_input_is_part_of_the_key(change):
    inputs = {"backbone": "qwen2_5_vl", "seed": 0, "steps": 0, "data": b"rows"}
    assert builder.cache_key(**inputs) == builder.cache_key(**inputs)
    assert builder.cache_key(**inputs) != builder.cache_key(**inputs | change)


def test_changed_rows_replace_the_model(data, tmp_path):
    out = make(data, tmp_path / "m").path
    other = write(tmp_path / "other.parquet", [record(0, "What is this?", "A spleen", "It is purple. It is a spleen.")])
    built = make(other, out)
    assert not built.reused
    assert json.loads((out / MANIFEST).read_text())["key"] == built.manifest["key"]


def test_directory_of_something_else_is_left_alone(data, tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="is not a tiny model of this builder"):
        make(data, tmp_path / "theirs")
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["config.json"]


def test_failed_build_leaves_nothing_behind(data, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("out of memory")

    monkeypatch.setattr("recipe.mrpo.tiny.warmup.warm_up", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        make(data, tmp_path / "m", steps=3)
    assert list(tmp_path.iterdir()) == []


# rows and lessons


def test_rows_carry_sentences_and_the_image_in_its_place(rows):
    assert rows[0].sentences == (
        "The skull is cut across.",
        "Both ventricles are seen at 3.5 cm depth.",
        "The plane is axial.",
    )
    image, text = rows[0].messages[0]["content"]
    assert image == {"type": "image"}
    assert text["text"].startswith("What plane is this?")
    assert "<image>" not in rows[0].text


def test_think_tag_is_the_one_the_prompt_asks_for(tmp_path):
    asks = [{"role": "user", "content": "<image>What? Reason inside <thinking> </thinking>."}]
    (row,) = read_rows(write(tmp_path / "a.parquet", [record(0, *FACTS[0], prompt=asks)]))
    assert gold(row).startswith("<thinking>The skull")
    assert parse(gold(row)).well_formed


def test_row_that_does_not_place_its_images_is_refused_by_number(tmp_path):
    two = [{"bytes": png(64, 0)}, {"bytes": png(64, 9)}]
    path = write(tmp_path / "a.parquet", [record(0, *FACTS[0]), record(1, *FACTS[1], images=two)])
    with pytest.raises(ValueError, match="row 1 has 2 images and 1 times <image>"):
        read_rows(path)


def test_lesson_without_noise_is_the_gold_completion(rows):
    assert all(lesson(row, rows, NO_NOISE, random.Random(0)) == gold(row) for row in rows)


def test_lessons_are_well_formed_and_wrong_answers_follow_from_wrong_ends(rows):
    draw = random.Random(0)
    answers = {row.answer: row.sentences[-1] for row in rows}
    wrong = 0
    for _ in range(200):
        parsed = parse(lesson(rows[0], rows, MUCH_NOISE, draw))
        assert parsed.well_formed
        assert parsed.text[slice(*parsed.think[0])].endswith(answers[parsed.answer])
        wrong += parsed.answer != rows[0].answer
    assert 0 < wrong < 200


def test_labels_leave_padding_out():
    assert completion_labels([[5, 6, 7], [8]]).tolist() == [[5, 6, 7], [8, IGNORED, IGNORED]]


def test_warm_up_lowers_the_loss(loaded, rows):
    model, processor, _ = loaded
    options = dict(batch_size=4, learning_rate=3e-3, noise=NO_NOISE, seed=0, progress=lambda line: None)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    first = warm_up(model, processor, rows, steps=1, **options)
    last = warm_up(model, processor, rows, steps=6, **options)
    model.load_state_dict(state)
    assert last < first - 1


# the report


def one(text: str, *, ended: bool = True) -> Sample:
    row = Row((), "", b"", "Axial", ("The skull is cut.", "It is axial."), "think")
    return Sample(row, text, tokens=10, ended=ended)


GOOD = "<think>The skull is cut. It is axial.</think><answer>axial</answer>"


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (one(GOOD), dict(well_formed=1, several_steps=1, right=1, verbatim=1, steps=2)),
        (one(GOOD, ended=False), dict(well_formed=0, right=1)),  # not ended within the limit
        (
            one("<think>It is axial.</think><answer>Sagittal</answer>"),
            dict(well_formed=1, several_steps=0, right=0, verbatim=0),
        ),
        (one("<think>It is axial. It is"), dict(well_formed=0, several_steps=0, right=0, steps=0)),  # never closed
    ],
)
def test_shares_count_what_they_say(sample, expected):
    found = shares([sample], 1)
    assert {name: getattr(found, name) for name in expected} == expected


def test_prompt_is_mixed_when_its_samples_disagree():
    wrong = one("<think>No.</think><answer>Liver</answer>")
    assert shares([one(GOOD), wrong, one(GOOD), one(GOOD)], 2).mixed == 0.5


# the command


def test_command_reports_samples_and_then_reuses(data, tmp_path, capsys):
    arguments = ["--data", str(data), "--out", str(tmp_path / "m"), "--steps", "3"]
    assert command.main(arguments) == 0
    made = capsys.readouterr().out
    assert "warm-up step 3/3" in made
    assert "8 samples at temperature 1" in made
    assert command.main(arguments) == 0
    again = capsys.readouterr().out
    assert "was there already" in again
    assert made.split("\n8 samples")[1] == again.split("\n8 samples")[1]


def test_rows_without_gold_reasoning_are_refused_unless_weights_stay_random(tmp_path, capsys):
    data = write(tmp_path / "a.parquet", [record(0, "Is this a liver?", "Yes", None)])
    arguments = ["--data", str(data), "--out", str(tmp_path / "m")]
    assert command.main(arguments) == 2
    assert "--no-warmup" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()
    assert command.main([*arguments, "--no-warmup"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
def test_warmed_up_model_reasons_in_steps_and_is_often_wrong(backbone, tmp_path, monkeypatch):
    from data_preprocess.command.dataset import main as convert

    monkeypatch.setattr(builder, "MAX_NEW_TOKENS", 128)
    monkeypatch.setattr(builder, "SAMPLES_PER_ROW", 8)
    source = Path(__file__).parents[3] / "examples" / "data" / "vqa_rad_sample"
    gold_reasoning = str(source / "gold_reasoning.jsonl")
    options = ["--source", str(source), "--out", str(tmp_path), "--open-only", "--gold-reasoning", gold_reasoning]
    assert convert(["vqa_rad", *options, "--backbone", backbone]) == 0
    steps = command.parser().get_default("steps")
    found = make(tmp_path / "train.parquet", tmp_path / "m", backbone=backbone, steps=steps).manifest["shares"]
    assert found["well_formed"] >= 0.9
    assert found["several_steps"] >= 0.8
    assert 0.1 <= found["right"] <= 0.6  # 64 samples: the bounds of the target, 0.15 to 0.6, less their error
    assert found["mixed"] >= 0.5
    assert found["verbatim"] <= 0.3
