import json
import math
from typing import get_args

import numpy as np
import pytest
from runs_helpers import a_site, an_info

from stn_viz.runs import Probes, RunError, RunInfo
from stn_viz.runs.info import Kernel, Padding


def test_what_is_written_is_what_is_read():
    info = an_info(sites=(a_site(family="tps", options={"points": 5}), a_site(family=None)), snapshots={0: 12, 800: 13})
    assert RunInfo.from_json(json.loads(json.dumps(info.to_json()))) == info


def test_numbers_that_json_does_not_have_become_null():
    info = an_info(metrics={"test_error": math.nan, "best": [np.float32(0.5), math.inf], "count": np.int64(3)})
    metrics = json.loads(json.dumps(info.to_json(), allow_nan=False))["metrics"]
    assert metrics == {"test_error": None, "best": [0.5, None], "count": 3}


def test_the_title_says_task_network_and_families():
    assert an_info(sites=(a_site(),)).title == "rts · ST-CNN · affine"
    assert an_info(sites=(a_site(), a_site(family=None))).title == "rts · ST-CNN · affine + grid"
    assert an_info(network={"name": "cnn"}).title == "rts · CNN"
    assert an_info(network=None, task="").title == "mine"


def test_kernels_and_paddings_are_the_transformers():
    from stn_viz.transformer import sampler

    assert get_args(Kernel) == get_args(sampler.Kernel)
    assert get_args(Padding) == get_args(sampler.Padding)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": 2}, r"written by a newer STN Viz \(format 2; this one reads 1\): update"),
        ({"format": None}, "says format missing, expected a whole number such as 1"),
        ({"format": True}, "says format True"),
        ({"status": "lost"}, "'status' is 'lost', expected one of running, stopped, finished"),
        ({"classes": "0123"}, "'classes' is '0123', expected a list"),
        ({"seed": 1.5}, "'seed' is 1.5, expected a whole number"),
        ({"sites": [3]}, "site 0 holds a whole number, not an object"),
        ({"sites": [{}] * 65}, "lists 65 sites; at most 64"),
        ({"snapshots": {"../800": 3}}, r"snapshots has the key '../800', expected a step such as '800'"),
        ({"snapshots": {"800": "big"}}, "'800' is 'big', expected a whole number"),
        ({"network": [1]}, r"'network' is \[1\], expected an object"),
    ],
)
def test_a_wrong_entry_is_named(change, sentence):
    with pytest.raises(RunError, match=sentence):
        RunInfo.from_json(an_info().to_json() | change)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kernel": "cubic"}, "site 0: 'kernel' is 'cubic', expected one of nearest, bilinear, bicubic"),
        ({"padding": None}, "site 0: 'padding' is missing, expected one of zeros, border, reflection"),
        ({"align_corners": 0}, "site 0: 'align_corners' is 0, expected true or false"),
        ({"output_size": [28]}, r"site 0: 'output_size' is \[28\], expected two or three whole numbers from 1 to"),
        ({"output_size": [28, 10**9]}, "expected two or three whole numbers"),
        ({"options": {"points": "4"}}, "site 0: options: 'points' is '4', expected a whole number"),
    ],
)
def test_a_wrong_entry_of_a_site_is_named(change, sentence):
    content = json.loads(json.dumps(an_info(sites=(a_site(),)).to_json()))
    content["sites"][0] |= change
    with pytest.raises(RunError, match=sentence):
        RunInfo.from_json(content)


def test_probe_images_are_as_the_network_sees_them():
    U = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    probes = Probes(U=U, labels=np.array([7]))
    assert probes.U.dtype == np.float32
    np.testing.assert_array_equal(probes.U, (np.arange(256) / 255).astype(np.float32).reshape(U.shape))
    np.testing.assert_array_equal(probes.compact, U)
    assert probes.compact.dtype == np.uint8


@pytest.mark.parametrize("value", [0.3, -1.0, 1.5, math.nan])
def test_images_that_are_not_bytes_are_kept_as_they_are(value):
    U = np.full((1, 1, 2, 3), value, np.float32)
    np.testing.assert_array_equal(Probes(U=U, labels=np.array([7])).compact, U)


def test_probes_that_do_not_belong_together_are_refused():
    with pytest.raises(RunError, match=r"U \(2, 1, 4, 4\), labels \(3,\); expected U \(n, C, h, w\) and one label"):
        Probes(U=np.zeros((2, 1, 4, 4)), labels=np.zeros(3))
