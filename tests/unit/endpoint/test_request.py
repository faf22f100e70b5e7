"""The body of a request is the JSON of the request, images included."""

from __future__ import annotations

import base64
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from recipe.mrpo.endpoint.image import DataUrl, data_url, prepare_image
from recipe.mrpo.endpoint.request import request_body

urls = st.one_of(st.text(), st.just(DataUrl("data:image/png;base64,AA==")), st.text().map(lambda t: f"data:{t}"))
parts = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, st.text()),
    st.builds(lambda url: {"type": "image_url", "image_url": {"url": url}}, urls),
    st.builds(lambda url: {"type": "image_url", "image_url": {"url": url, "detail": "low"}}, urls),
)
messages = st.builds(
    lambda role, content: {"role": role, "content": content}, st.text(), st.text() | st.lists(parts, max_size=3)
)


@given(messages=st.lists(messages, max_size=3), more=st.dictionaries(st.sampled_from(["model", "n"]), st.text()))
def test_a_body_is_the_json_of_its_request(messages, more):
    request = {**more, "messages": messages}
    assert json.loads(request_body(request)) == request


@pytest.mark.parametrize("side", [3, 1200])
def test_a_data_url_is_the_base64_of_the_image(side):
    out = io.BytesIO()
    Image.effect_noise((side, side), 90).save(out, "PNG")
    url = data_url(out.getvalue(), 10**8)
    assert url == "data:image/png;base64," + base64.b64encode(prepare_image(out.getvalue(), 10**8)[0]).decode()
