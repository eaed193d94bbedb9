"""Theta over training, read in gauge units where the family has a gauge."""

from dataclasses import replace

import numpy as np
import pytest

from stn_viz.lens import LensError, theta_of_all, theta_over_time
from stn_viz.view import View


def turning(run, degrees, pose_deg):
    """The run with every theta a rotation by `degrees` (S,) at zoom 2, shifted by 0.25, and its true rotation."""
    angle = np.deg2rad(np.asarray(degrees, float))
    zero = np.zeros_like(angle)
    rows = [np.cos(angle) / 2, -np.sin(angle) / 2, zero + 0.25, np.sin(angle) / 2, np.cos(angle) / 2, zero]
    theta = np.repeat(np.stack(rows, -1)[:, None].astype(np.float32), 5, axis=1)
    pose = np.tile(
        [np.cos(np.deg2rad(pose_deg)), -np.sin(np.deg2rad(pose_deg)), 0, np.sin(np.deg2rad(pose_deg)), 1, 0], (5, 1)
    )
    pose[:, 4] = pose[:, 0]
    steps = np.arange(len(angle)) * 5
    return replace(run, steps=steps, rows={"theta_0": theta}, probes=replace(run.probes, pose=pose.astype(np.float32)))


def test_affine_is_told_in_degrees_zoom_and_shift(run):
    series = theta_over_time(turning(run, [0, 30, 45], pose_deg=50), View(run.name, image=2))
    assert series.names == ("rotation", "zoom", "aspect", "shear", "shift x", "shift y")
    assert series.units == ("°", "×", "", "", "", "")
    assert series.steps.tolist() == [0, 5, 10]
    np.testing.assert_allclose(series.values[:, 0], [0, 30, 45], atol=1e-4)
    np.testing.assert_allclose(series.values[:, 1:], np.tile([2, 1, 0, 0.25, 0], (3, 1)), atol=1e-5)
    np.testing.assert_allclose(series.pose, [50, 1, 1, 0, 0, 0], atol=1e-4)


def test_rotation_runs_on_past_half_a_turn_and_its_truth_with_it(run):
    series = theta_over_time(turning(run, [0, 100, 170, 190, 240], pose_deg=-110), View(run.name))
    np.testing.assert_allclose(series.values[:, 0], [0, 100, 170, 190, 240], atol=1e-4)
    assert series.pose[0] == pytest.approx(250, abs=1e-3)


def test_a_family_without_a_gauge_shows_theta_itself_and_no_foreign_pose(spline):
    series = theta_over_time(spline, View(spline.name, image=1))
    assert len(series.names) == 18
    np.testing.assert_array_equal(series.values, spline.theta(0)[:, 1])
    assert series.pose is None


def test_raw_is_theta_itself_with_its_own_names_and_truth(run):
    series = theta_over_time(run, View(run.name, image=2), raw=True)
    assert series.names == ("t11", "t12", "t13", "t21", "t22", "t23")
    assert set(series.units) == {""}
    np.testing.assert_array_equal(series.values, run.theta(0)[:, 2])
    np.testing.assert_allclose(series.pose, run.probes.pose[2])


def test_all_images_are_told_as_each_is_alone_and_thinned_to_so_many_records(run):
    turned = turning(run, [0, 100, 170, 190, 240], pose_deg=0)
    for raw in (False, True):
        everyone = theta_of_all(turned, View(run.name), raw=raw, most=3)
        assert everyone.records.tolist() == [0, 2, 4]
        for image in range(5):
            alone = theta_over_time(turned, View(run.name, image=image), raw=raw)
            np.testing.assert_allclose(everyone.values[:, image], alone.values[[0, 2, 4]], atol=1e-9)
        np.testing.assert_allclose(everyone.median, np.median(everyone.values, axis=1))


def test_what_is_not_finite_is_left_out_and_the_rest_stands(run):
    theta = run.theta(0).copy()
    theta[4:, 1] = np.nan
    theta[-1] = np.inf
    diverged = replace(run, rows=dict(run.rows) | {"theta_0": theta})
    series = theta_over_time(diverged, View(run.name, image=1))
    assert np.isfinite(series.values[:4]).all()
    assert np.isnan(series.values[4:]).all()
    everyone = theta_of_all(diverged, View(run.name))
    kept = [0, 2, 3, 4]
    np.testing.assert_allclose(everyone.median[4], np.median(everyone.values[4][kept], axis=0))
    assert np.isnan(everyone.median[-1]).all()
    assert theta_of_all(diverged, View(run.name), raw=True).values.shape == (13, 5, 6)


def test_a_network_without_a_transformer_has_none(plain):
    with pytest.raises(LensError, match="There is no transformer in this network"):
        theta_over_time(plain, View(plain.name))
