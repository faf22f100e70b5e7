"""Replies of models that think first."""

from __future__ import annotations

import time

import pytest

from recipe.mrpo.endpoint.thoughts import after_thoughts, unwrapped


@pytest.mark.parametrize(
    ("reply", "answer", "why"),
    [
        ("1", "1", "no reasoning"),
        ("<think>2?</think>1", "1", "DeepSeek, Qwen"),
        ("2?</think>1", "1", "an opening mark that the template wrote"),
        ("<THINK>2?</THINK>1", "1", "capitals"),
        ("<think>2?</think>3?</think>1", "1", "a mark that is quoted in the reasoning"),
        ("<thinking>2?</thinking>1", "1", "another tag"),
        ("<thought>2?</thought>1", "1", "EXAONE"),
        ("<reasoning>2?</reasoning>1", "1", "and another"),
        ("<seed:think>2?</seed:think>1", "1", "Seed-OSS"),
        ("[THINK]2?[/THINK]1", "1", "Magistral"),
        ("\u25c1think\u25b72?\u25c1/think\u25b71", "1", "Kimi-VL"),
        ("<unused94>thought\n2?<unused95>1", "1", "MedGemma 1.5"),
        ("<|begin_of_thought|>2?<|end_of_thought|>1", "1", "OpenThinker"),
        ("<|START_THINKING|>2?<|END_THINKING|>1", "1", "Command A"),
        ("<|channel|>analysis<|message|>2?<|end|><|start|>assistant<|channel|>final<|message|>1", "1", "gpt-oss"),
        (
            "<|channel|>analysis<|message|>2?<|channel|>final <|constrain|>json<|message|>1",
            "1",
            "and a format",
        ),
        ("analysisLet me see: 2?assistantfinal1", "1", "gpt-oss without its control tokens"),
        ("<|channel>thought\n2?<channel|>1", "1", "Gemma 4"),
        ("<think>2?", "", "reasoning that never ends"),
        ("Well. [THINK]2?", "Well. ", "also where it begins later"),
        ("<think>2?</think>1<think>3?", "1", "or again"),
        ("<unused94>thought 2", "", "in each spelling"),
        ("<|channel|>analysis<|message|>2", "", "of the marks"),
        ("A think tank thinks.", "A think tank thinks.", "words are no marks"),
    ],
)
def test_the_answer_is_what_follows_the_reasoning(reply, answer, why):
    assert after_thoughts(reply).text == answer, why


@pytest.mark.parametrize(
    "text", ["<think>" * 100_000, "</think>" * 100_000, "<|channel|>" + " " * 500_000, "analysis" * 50_000]
)
def test_a_long_reply_costs_little_time(text):
    start = time.process_time()
    after_thoughts(text)
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("answer", "inside"),
    [
        ("```json\n{}\n```", "{}"),
        ("```\n{}\n```\n", "{}"),
        ("<|begin_of_box|>{}<|end_of_box|>", "{}"),
        ("<answer>\n{}\n</answer>", "{}"),
        ("{}<|im_end|>", "{}"),
        ("{}<|eot_id|>\n</s>", "{}"),
        ("Here:\n```json\n{}\n```", "Here:\n```json\n{}"),
        ("{}", "{}"),
        ("", ""),
    ],
)
def test_an_answer_is_taken_out_of_what_is_wrapped_around_it(answer, inside):
    assert unwrapped(answer) == inside
