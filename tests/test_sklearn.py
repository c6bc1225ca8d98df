"""The scikit-learn estimator: scikit-learn's own checks, and the fit that it wraps."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pytest

import thermoscope as ts

pytest.importorskip("sklearn")

from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_estimator

from thermoscope.sklearn import TemperatureScaler


class OfFeatures(TemperatureScaler):
    """Makes logits of the features that the checks give."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        self._data, self._model = (y, sample_weight), None
        return super().fit(X, y, sample_weight)

    def _columns_of(self, y: np.ndarray, columns: int) -> Any:  # noqa: ARG002
        return super()._columns_of(y, len(np.unique(y)))

    def _logits(self, columns: np.ndarray) -> np.ndarray:
        if self._model is None:
            self._model = LogisticRegression().fit(columns, *self._data)
            del self._data
        logits = self._model.decision_function(columns)
        return super()._logits(logits.reshape(len(columns), -1))


def test_the_estimator_passes_the_checks_of_scikit_learn() -> None:
    assert len(check_estimator(OfFeatures(), on_skip=None)) > 40
    # The estimator itself passes all checks except those whose columns cannot be logits.
    too_few = "two columns for three classes"
    expected = {
        "check_classifiers_classes": too_few,
        "check_classifiers_train": "two columns that do not say the class",
        "check_estimators_fit_returns_self": too_few,
        "check_estimators_overwrite_params": too_few,
        "check_readonly_memmap_input": too_few,
    }
    results = check_estimator(
        TemperatureScaler(), expected_failed_checks=expected, on_skip=None, on_fail="raise"
    )
    assert {each["check_name"] for each in results if each["status"] == "xfail"} == set(expected)
    assert sum(each["status"] == "passed" for each in results) > 50


def test_the_estimator_gives_the_fit() -> None:
    logits, targets, names = ts.samples.digits()
    classes = np.array(names)[targets]
    order = np.argsort(names)
    scaler = ts.TemperatureScaler().fit(logits[:, order], classes)
    fit = ts.fit_temperature(logits, targets)
    assert scaler.fit_.temperature == pytest.approx(fit.temperature, rel=1e-12)
    assert scaler.classes_.tolist() == sorted(names)
    p = scaler.predict_proba(logits[:, order])
    np.testing.assert_allclose(p, ts.softmax(logits[:, order], fit.temperature), rtol=1e-5)
    assert (scaler.predict(logits[:, order]) == classes).mean() > 0.9
    binary = ts.TemperatureScaler().fit([[3.0], [-1.0], [2.0], [-2.0]], ["b", "b", "b", "a"])
    pair = ts.fit_temperature([[0, 3.0], [0, -1.0], [0, 2.0], [0, -2.0]], [1, 1, 1, 0])
    assert binary.temperature_ == pytest.approx(pair.temperature, rel=1e-12)
    assert binary.predict([[1.0], [-1.0]]).tolist() == ["b", "a"]
    with pytest.raises(ValueError, match="X must have a column of logits for each of 10 classes"):
        scaler.fit(logits[:, :4], classes)


def test_classes_missing_from_y_keep_their_columns() -> None:
    logits, targets, names = ts.samples.digits()
    some = targets != 3
    want = ts.fit_temperature(logits[some], targets[some]).temperature
    scaler = ts.TemperatureScaler().fit(logits[some], targets[some])
    assert scaler.temperature_ == pytest.approx(want, rel=1e-12)
    assert scaler.classes_.tolist() == list(range(10))
    assert 3 in scaler.predict(logits)
    words = np.array(names)[targets]
    with pytest.raises(ValueError, match="of 9 classes, got 10: if y lacks some classes, name all"):
        ts.TemperatureScaler().fit(logits[some], words[some])
    named = ts.TemperatureScaler(classes=names).fit(logits[some], words[some])
    assert named.temperature_ == pytest.approx(want, rel=1e-12)
    assert named.predict(logits[:5]).tolist() == [names[at] for at in logits[:5].argmax(axis=1)]
    with pytest.raises(ValueError, match="y must be among classes, got 'three'"):
        ts.TemperatureScaler(classes=[*names[:3], *names[4:], "else"]).fit(logits, words)
    with pytest.raises(ValueError, match="classes must be 1-D without duplicates"):
        ts.TemperatureScaler(classes=["a"] * 10).fit(logits, words)
    with pytest.raises(ValueError, match="of 1 classes, got 10"):
        ts.TemperatureScaler().fit(logits[targets == 1], targets[targets == 1])


def test_data_that_hardly_determine_the_temperature_can_be_fitted() -> None:
    logits = np.tile(np.float32([8, 0]), (201, 1))
    logits[200, 1] = np.nextafter(np.float32(8), np.float32(9))
    scaler = ts.TemperatureScaler(classes=["a", "b"]).fit(logits, ["a"] * 201)
    assert scaler.fit_.interval == (0.0, np.inf)
    assert "do not determine T" in scaler.fit_.reason
    assert np.isfinite(scaler.predict_proba(logits)).all()
    # A class may be any number, also the one that elsewhere means no target.
    named = ts.TemperatureScaler().fit([[2.0, 1.0], [1.0, 3.0], [1.0, 0.5]], [-100, 7, 7])
    assert (named.fit_.n, named.fit_.n_ignored) == (3, 0)


def test_what_a_server_reported_is_refused_before_and_after_the_fit() -> None:
    reported = ts.Reported([-0.1])
    scaler = ts.TemperatureScaler().fit([[2.0, 1.0], [0.5, 3.0], [1.0, 0.0]], [0, 1, 1])
    for function in (lambda X: scaler.fit(X, [0]), scaler.predict, scaler.predict_proba):  # noqa: N803
        with pytest.raises(ts.ArgumentError, match="X must have all entries, got a Reported"):
            function(reported)
