"""Traffic shares, keys and tokens, and the figures: all without a connection."""

from __future__ import annotations

import hashlib
import random
import time
from bisect import bisect_left
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_aml.local.authz import tokens
from jupyter_aml.local.serving.router import choice, cors, entry
from jupyter_aml.local.serving.router.measures import BOUNDS, Book, Measures, Minute
from jupyter_aml.local.store.catalogue import Store

SHARES = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 100), min_size=1)


@given(shares=SHARES, turns=st.integers(1, 300))
def test_shares_are_exact_to_less_than_one_request_each_at_any_time(shares: dict[str, int], turns: int) -> None:
    total = sum(shares.values())
    chosen = choice.serving(shares)
    counts = dict.fromkeys(shares, 0)
    for turn in range(1, turns + 1):
        name = chosen.next()
        if not total:
            assert not name
            continue
        counts[name] += 1
        for each, share in shares.items():
            assert abs(counts[each] - turn * share / total) < len(shares)
    assert all(counts[name] == 0 for name, share in shares.items() if share == 0)


def test_a_mirror_gets_its_percentage_of_all_requests() -> None:
    copies = choice.mirroring({"green": 30})
    names = [copies.next() for _ in range(1000)]

    assert names.count("green") == 300
    assert names.count("") == 700


def test_one_deployment_takes_all() -> None:
    assert choice.serving({"blue": 100, "green": 0}).only == "blue"
    assert choice.mirroring({"green": 50}).only is None


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("sent", ["Bearer one", "bearer two", "Bearer  one "])
def test_either_key_admits(sent: str) -> None:
    auth = entry.Auth("key", (_key("one"), _key("two")))

    assert entry.admit(sent, auth, lambda _token, _audience: None).granted


@pytest.mark.parametrize(
    "sent", [None, "", "one", "Basic one", "Bearer", "Bearer three", "Bearer one two", "Bearer \xff"]
)
def test_anything_else_does_not(sent: str | None) -> None:
    auth = entry.Auth("key", (_key("one"), _key("two")))

    assert not entry.admit(sent, auth, lambda _token, _audience: 1e12).granted


def test_no_key_admits_where_there_is_none() -> None:
    assert not entry.admit("Bearer ", entry.Auth("key", ()), lambda _token, _audience: None).granted


def test_tokens_of_the_store_are_for_one_endpoint_or_for_azure_ml(tmp_path: Path) -> None:
    store = Store(tmp_path)
    verify = entry.verifier(tmp_path)
    who = tokens.local_identity(store)
    house = entry.Auth("aml_token", (), "/x/house")
    own = tokens.issue(store, who, audience="/x/house", lifetime=60)
    other = tokens.issue(store, who, audience="/x/barn", lifetime=60)
    studio = tokens.issue(store, who, audience="https://ml.azure.com", lifetime=60)
    old = tokens.issue(store, who, audience="/x/house", lifetime=-5)

    granted = entry.admit(f"Bearer {own}", house, verify)
    assert granted.granted
    assert time.time() < granted.until < time.time() + 61
    assert entry.admit(f"Bearer {other}", house, verify).code == "token_auth_access_denied"
    assert entry.admit(f"Bearer {studio}", entry.Auth("aad_token"), verify).granted
    assert not entry.admit(f"Bearer {own}", entry.Auth("aad_token"), verify).granted
    expired = entry.admit(f"Bearer {old}", house, verify)
    assert expired.code == "token_expired"
    assert "--name house" in expired.message


def test_percentiles_are_good_to_a_tenth() -> None:
    chance = random.Random(1)
    values = sorted(chance.lognormvariate(-5, 1) for _ in range(20_000))
    measures = Measures()
    for value in values:
        measures.count(200, 200, value, (1, 1), 60.0)

    for share in (0.5, 0.9, 0.95, 0.99):
        exact = values[int(share * len(values))]
        assert measures.total.percentile(share) == pytest.approx(exact, rel=0.1)


def test_a_latency_beyond_all_buckets_is_told_as_it_was() -> None:
    measures = Measures()
    measures.count(408, 0, 1000.0, (1, 1), 60.0)

    assert measures.total.percentile(0.5) == 1000.0
    assert Minute().percentile(0.5) == 0.0
    assert BOUNDS[-1] > 180


def test_figures_per_minute_have_azures_names_and_dimensions() -> None:
    book = Book()
    for second, status in ((0, 200), (30, 200), (59, 500), (60, 200)):
        book.of("blue").count(status, status, 0.010, (5, 7), 600.0 + second)

    (good, bad) = book.monitor(["RequestsPerMinute"], 600, 720)
    assert good["dimensions"] == {
        "deployment": "blue", "statusCode": "200", "statusCodeClass": "2xx", "modelStatusCode": "200"
    }  # fmt: skip
    assert [(point["time"], point["total"]) for point in good["points"]] == [(600, 2), (660, 1)]
    assert [(point["time"], point["total"]) for point in bad["points"]] == [(600, 1)]
    (latency,) = book.monitor(["RequestLatency"], 600, 660)
    assert latency["points"][0]["average"] == pytest.approx(10.0)
    (median,) = book.monitor(["RequestLatency_P50"], 600, 720, 120)
    assert [point["time"] for point in median["points"]] == [600]
    assert median["points"][0]["average"] == pytest.approx(10.0)
    buckets = book.monitor(["RequestLatencyBucket"], 600, 660)
    assert buckets[-1]["dimensions"]["le"] == "+Inf"
    assert [point["total"] for point in buckets[-1]["points"]] == [3]
    assert {series["name"] for series in book.monitor(None, 0, 1e6)} >= {"RequestLatency_P99", "RequestsPerMinute"}


def test_the_rate_is_per_minute_whatever_the_grain() -> None:
    book = Book()
    for second in range(0, 300, 3):
        book.of("blue").count(200, 200, 0.01, (0, 0), 600.0 + second)

    (series,) = book.monitor(["RequestsPerMinute"], 600, 900, 300)

    assert [(point["total"], point["average"]) for point in series["points"]] == [(100, 20.0)]


def test_a_day_is_kept_and_a_clock_that_is_set_back_loses_nothing() -> None:
    measures = Measures()
    for minute in (0, 1, 0, 2, 1439, 1441, 1440):
        measures.count(200, 200, 0.01, (1, 1), minute * 60.0)

    assert measures.total.count == 7
    assert [start // 60 for start, _ in measures.spans(0, 1e9, 60)] == [2, 1439, 1440, 1441]


def test_prometheus_can_read_it() -> None:
    book = Book()
    book.of("blue").count(200, 200, 0.01, (5, 7), 60.0)
    book.of("blue").batch(3)
    lines = book.text().splitlines()

    families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(families) == len(set(families))
    samples = [line for line in lines if not line.startswith("#")]
    assert all(float(line.rpartition(" ")[2]) >= 0 for line in samples)
    assert 'azureml_online_request_seconds_bucket{deployment="blue",le="+Inf"} 1' in samples
    assert 'azureml_online_batch_requests_sum{deployment="blue"} 3' in samples
    assert 'azureml_online_received_bytes_total{deployment="blue"} 5' in samples


@pytest.mark.parametrize(
    ("origins", "origin", "told"),
    [
        ("http://a.com, www.b.com", "http://a.com", "http://a.com"),
        ("http://a.com, www.b.com", "http://evil.com", None),
        ("http://a.com, www.b.com", None, "http://a.com"),
        ("*", "http://c.com", "http://c.com"),
        ("*", None, "*"),
        ("", "http://a.com", None),
    ],
)
def test_origins_are_allowed_as_the_official_server_does(origins: str, origin: str | None, told: str | None) -> None:
    lines = cors.allowed(cors.listed(origins), origin).decode()

    assert (f"Access-Control-Allow-Origin: {told}\r\n" in lines) == (told is not None)
    assert bool(lines) == (told is not None)


def test_a_preflight_for_another_method_is_not_allowed() -> None:
    assert b"Allow-Methods" not in cors.preflight(("*",), "http://a.com", "PUT", "x")
    assert b"Allow-Methods: GET, POST" in cors.preflight(("*",), "http://a.com", "POST", "x")


@given(values=st.lists(st.one_of(st.floats(0, 300), st.sampled_from(BOUNDS)), min_size=1))
def test_latencies_put_into_buckets_together_land_as_one_by_one(values: list[float]) -> None:
    singly, together = Minute(), Minute()
    for value in values:
        singly.add(bisect_left(BOUNDS, value), (200, 200), value)
    together.add_good(list(values))

    assert together.buckets == singly.buckets
    assert together.statuses == singly.statuses
    assert together.seconds == pytest.approx(singly.seconds)
    assert (together.smallest, together.largest) == (singly.smallest, singly.largest)
