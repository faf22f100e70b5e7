"""BERTScore against a second computation, on a random BERT made here."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest

from recipe.mrpo.cpu.shim import mrpo_cpu_shim

mrpo_cpu_shim.install()  # a CUDA build of torchvision beside a CPU build of torch would keep transformers from loading
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from recipe.mrpo.options.tree import load_options  # noqa: E402
from reward_fns.answer.reward import answer_reward  # noqa: E402
from reward_fns.bertscore import Encoder, get_encoder  # noqa: E402
from reward_fns.build import build_rewards  # noqa: E402

VOCABULARY = "[PAD] [UNK] [CLS] [SEP] [MASK] left right lung lobe of the mass ##es 2 3 . no effusion".split()
PAIRS = [
    ("left lung", "right lung"),
    ("mass of the left lung lobe", "right lung"),
    ("no effusion", "effusion"),
    ("left", "left"),
    ("zzz", "left lung"),  # an unknown word is a token all the same
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY))
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return str(folder)


FAMILIES = {
    "bert": ("BertConfig", "BertModel", 64),
    "roberta": ("RobertaConfig", "RobertaModel", 62),
    "xlm-roberta": ("XLMRobertaConfig", "XLMRobertaModel", 62),
    "camembert": ("CamembertConfig", "CamembertModel", 62),
    "mpnet": ("MPNetConfig", "MPNetModel", 62),
    "electra": ("ElectraConfig", "ElectraModel", 64),
    "distilbert": ("DistilBertConfig", "DistilBertModel", 64),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_long_text_is_cut_at_the_positions_that_the_encoder_has(tmp_path, family):
    config, model, positions = FAMILIES[family]
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    if family == "distilbert":
        sizes = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}
    made = getattr(transformers, config)(
        vocab_size=len(VOCABULARY), max_position_embeddings=64, pad_token_id=1 if positions == 62 else 0, **sizes
    )
    getattr(transformers, model)(made).save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY))
    transformers.BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)  # without a limit
    long = "left lung lobe " * 70
    encoder = make(str(tmp_path), layer=1)
    assert encoder._max_length == positions
    assert 0 <= encoder.f1([long], ["left lung"])[0] <= 1 and 0 <= encoder.similarity(long, "lung") <= 1


def make(directory: str, **over) -> Encoder:
    settings = {"layer": 2, "device": "cpu", "batch_size": 4, "cache_size": 100}
    return Encoder(directory, **{**settings, **over})


@cache
def whole_model(directory: str):
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    return tokenizer, transformers.AutoModel.from_pretrained(directory).eval()


def embed(directory: str, text: str, layer: int) -> np.ndarray:
    """Unit vectors of [CLS] tokens [SEP] at a layer, one text at a time, from the whole model."""
    tokenizer, model = whole_model(directory)
    with torch.inference_mode():
        hidden = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states[layer][0]
    vectors = hidden.numpy().astype(np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def greedy(p: np.ndarray, r: np.ndarray) -> float:
    precision = np.mean([max(float(v @ w) for w in r) for v in p[1:-1]])
    recall = np.mean([max(float(v @ w) for w in p) for v in r[1:-1]])
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_f1_is_greedy_matching_of_the_layers_unit_vectors(directory, layer):
    encoder = make(directory, layer=layer, batch_size=3)
    scores = encoder.f1([p for p, _ in PAIRS], [r for _, r in PAIRS])
    expected = [greedy(embed(directory, p, layer), embed(directory, r, layer)) for p, r in PAIRS]
    assert scores == pytest.approx(expected, abs=1e-5)
    assert min(scores) < 0.99, "the pairs do not tell the texts apart"


def test_another_layer_gives_another_score(directory):
    first, last = (make(directory, layer=layer).f1(["left lung"], ["right lung"])[0] for layer in (1, 3))
    assert abs(first - last) > 1e-4


def test_equal_texts_score_one_and_empty_texts_zero(directory):
    scores = make(directory).f1(["left lung", "", "left", "\ud800 "], ["left lung", "left", "", "left"])
    assert scores[0] == pytest.approx(1.0, abs=1e-6) and scores[1:3] == [0.0, 0.0]
    assert 0 <= scores[3] <= 1


def test_padding_and_batches_change_nothing(directory):
    alone = make(directory).f1(["left"], ["right lung"])
    beside = make(directory, batch_size=16).f1(["left", "mass of the left lung lobe ."], ["right lung", "no"])
    assert beside[0] == pytest.approx(alone[0], abs=1e-6)


def test_a_text_beyond_the_encoders_length_is_cut(directory):
    assert 0 <= make(directory).f1(["left lung " * 200], ["right"])[0] <= 1


def test_a_text_is_encoded_once_and_the_cache_is_bounded(directory, monkeypatch):
    encoder = make(directory, cache_size=2)
    seen: list[str] = []
    forward = encoder._forward
    monkeypatch.setattr(encoder, "_forward", lambda batch: seen.extend(batch) or forward(batch))
    first = encoder.f1(["left"], ["right"])
    assert encoder.f1(["left"], ["right"]) == first and seen == ["left", "right"]
    encoder.f1(["lung"], ["lobe"])
    encoder.f1(["left"], ["left"])
    assert seen == ["left", "right", "lung", "lobe", "left"] and len(encoder._cache) == 2


def rollouts(count: int) -> list[tuple[str, list[str]]]:
    """Predictions and three gold answers each, no text twice, of different lengths."""
    words = VOCABULARY[5:12]
    texts = [f"{words[i % 7]} {words[i // 7 % 7]} {words[i // 49]}" + " mass of" * (i % 5) for i in range(4 * count)]
    assert len(set(texts)) == 4 * count
    return [(texts[4 * i], texts[4 * i + 1 : 4 * i + 4]) for i in range(count)]


def in_threads(count: int, work, items):
    """Results in order; an exception of a worker is its result. Fails if they do not end."""
    before = set(threading.enumerate())
    pool = ThreadPoolExecutor(count)
    barrier = threading.Barrier(count, timeout=300)
    pending = []
    for number, item in enumerate(items):

        def run(item=item, first=number < count):
            if first:
                barrier.wait()
            return work(item)

        pending.append(pool.submit(run))
    found = [future.exception(timeout=300) or future.result() for future in pending]
    pool.shutdown()
    assert not set(threading.enumerate()) - before, "a thread is left behind"
    return found


def test_many_threads_need_few_forward_passes_and_get_the_same_scores(directory, answer_options):
    given = rollouts(64)
    encoder, alone = make(directory, batch_size=32, cache_size=4096), make(directory, batch_size=1, cache_size=0)
    passes: list[int] = []
    encoder._model.register_forward_pre_hook(
        lambda model, args, kwargs: passes.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    options = answer_options(conflicts=[])

    def score(rollout):
        return answer_reward(rollout[0], rollout[1], options=options, encoder=encoder).value

    found = in_threads(16, score, given)
    pairs = sum(len(golds) for _, golds in given)
    assert max(passes) <= 32, "a pass holds at most encoder_batch_size texts"
    assert sum(passes) <= 4 * len(given), "a text went through the model twice"
    assert len(passes) <= pairs / 5, f"{len(passes)} passes for {pairs} pairs"
    expected = [answer_reward(p, golds, options=options, encoder=alone).value for p, golds in given]
    assert found == pytest.approx(expected, abs=1e-6)


def test_one_caller_alone_is_batched_up_to_the_batch_size(directory):
    encoder = make(directory, batch_size=4)
    sizes: list[int] = []
    forward = encoder._forward
    encoder._forward = lambda batch: sizes.append(len(batch)) or forward(batch)
    texts = ["left", "right", "lung", "lobe", "mass", "the", "no", "2", "3"]
    assert len(encoder.f1(texts, ["effusion"] * 9)) == 9
    assert sizes == [4, 4, 2]


def test_texts_that_are_under_way_are_not_computed_again(directory):
    encoder = make(directory, batch_size=64)
    seen: list[str] = []
    forward = encoder._forward
    encoder._forward = lambda batch: seen.extend(batch) or forward(batch)
    found = in_threads(8, lambda _: encoder.f1(["left lung"], ["right lung"]), range(8))
    assert found == [found[0]] * 8 and sorted(seen) == ["left lung", "right lung"]


def test_an_error_reaches_those_who_asked_for_the_text_and_nobody_else(directory, caplog):
    encoder = make(directory, batch_size=64)
    forward = encoder._forward

    def failing(batch):
        if "bad" in batch:
            raise RuntimeError("out of memory")
        return forward(batch)

    encoder._forward = failing
    texts = [("bad" if i % 5 == 0 else text) for i, (text, _) in enumerate(rollouts(20))]
    found = in_threads(10, lambda text: encoder.f1([text], ["left lung"]), texts)
    for text, result in zip(texts, found, strict=True):
        assert isinstance(result, RuntimeError) == (text == "bad"), (text, result)
    assert not encoder._waiting and not encoder._queue and not encoder._working
    encoder._forward = forward
    assert encoder.f1(["bad"], ["left lung"]), "an error is not cached"


def test_an_interrupted_pass_is_taken_up_by_another_thread(directory):
    encoder = make(directory, batch_size=64)
    forward, interrupted = encoder._forward, []

    def interrupting(batch):
        if not interrupted:
            interrupted.append(batch)
            raise KeyboardInterrupt
        return forward(batch)

    encoder._forward = interrupting
    expected = make(directory).f1(["left"], ["right"])
    found = in_threads(4, lambda _: encoder.f1(["left"], ["right"]), range(4))
    assert sorted(isinstance(result, KeyboardInterrupt) for result in found) == [False, False, False, True]
    assert all(result == expected for result in found if not isinstance(result, KeyboardInterrupt))


def test_similarity_is_the_cosine_of_mean_vectors(directory):
    p, r = (embed(directory, text, 2)[1:-1].mean(axis=0) for text in ("left lung", "no effusion"))
    expected = max(0.0, float(p @ r / (np.linalg.norm(p) * np.linalg.norm(r))))
    assert make(directory).similarity("left lung", "no effusion") == pytest.approx(expected, abs=1e-5)
    assert make(directory).similarity("left lung", "") == 0.0


def test_an_encoder_that_cannot_be_loaded_stops_the_start_and_names_its_option(tmp_path):
    options = load_options({"rewards": {"answer": {"encoder": str(tmp_path / "nothing")}}})
    with pytest.raises(ValueError, match=r"mrpo\.rewards\.answer\.encoder: .*nothing cannot be loaded"):
        build_rewards(options.rewards)


def test_a_layer_that_the_encoder_lacks_is_named(directory):
    options = load_options({"rewards": {"answer": {"encoder": directory}}})  # three layers, twelve asked for
    with pytest.raises(ValueError, match=r"mrpo\.rewards\.answer\.encoder_layer: 12 .* layers 1 to 3"):
        build_rewards(options.rewards)


def test_answer_and_semantic_reward_share_one_encoder(directory, rollout):
    options = load_options(
        {"rewards": {"answer": {"encoder": directory, "encoder_layer": 2}, "semantic": {"enabled": True}}}
    )
    get_encoder.cache_clear()
    rewards = {reward.name: reward for reward in build_rewards(options.rewards)}
    assert get_encoder.cache_info().currsize == 1, "the encoder was loaded twice"
    score = rewards["answer"].fn.score(rollout(prediction="left lung", gold=("right lung",)))
    assert score.parts["encoder"] == 1.0
    expected = greedy(embed(directory, "left lung", 2), embed(directory, "right lung", 2))
    assert score.parts["bertscore"] == pytest.approx(expected, abs=1e-5)
    assert score.parts["conflict"] == "laterality" and score.value == 0.5
