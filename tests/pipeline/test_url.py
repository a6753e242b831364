"""The plug-in that a URL names has the options of a pipeline, and keeps its secrets as a pipeline does."""

from __future__ import annotations

import pytest

from stillwell.connectors.base import Place
from stillwell.errors import ConnectorError, StillwellError
from stillwell.pipeline.url import built


def made(url, folder, **environment):
    return built(url, "Source", Place("p", folder, folder), environment=environment, until="end")


def test_options_of_the_url_come_before_the_defaults(tmp_path):
    source, _ = made("kafka://b:1/t?start=latest", tmp_path)
    assert (source._options.start, source._options.until) == ("latest", "end")


def test_references_are_filled_in_and_masked(tmp_path):
    url = "kafka://b:1/t?sasl.user=u&sasl.password=${PASSWORD}"
    source, outside = made(url, tmp_path, PASSWORD="hunter2-long")
    assert source._options.sasl.password.get_secret_value() == "hunter2-long"
    assert outside.mask("it is hunter2-long") == "it is ${PASSWORD}"
    assert "hunter2" not in repr(source._options)


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("kafkaa://b:1/t", "unknown-plugin", "kafkaa"),
        ("delta://b:1/t", "not-supported", "delta"),
        ("kafka://b:1/t?begin=latest", "unknown-key", "begin"),
        ("kafka://b:1/t?start=middle", "bad-value", "middle"),
        ("kafka://b:106301/t", "bad-value", "`b:106301` has no port that can be"),
        ("kafka://b/t", "bad-value", "`b` is no address of a broker"),
        ("kafka://b:1/t?sasl.user=u&sasl.password=${NONE}", "unset", "NONE is not set"),
        ("kafka://b:1/t?sasl.user=u", "missing-key", "password"),
        ("kafka://b:1/t?sasl.user=u&sasl.password=in-clear", "secret", "`password` is written out"),
    ],
)
def test_what_a_url_cannot_say_is_one_error_with_the_url_as_its_place(tmp_path, url, code, words):
    with pytest.raises(StillwellError) as raised:
        made(url, tmp_path)
    [problem] = raised.value.problems
    assert problem.code == code
    assert words in problem.what
    if isinstance(raised.value, ConnectorError):
        assert problem.where.file == url
