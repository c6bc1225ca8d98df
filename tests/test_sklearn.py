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
    """The checks give features, which are no logits: this makes logits of them first."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803, ANN401
        self._data, self._model = (y, sample_weight), None
        return super().fit(X, y, sample_weight)

    def _logits(self, columns: np.ndarray) -> np.ndarray:
        if self._model is None:
            self._model = LogisticRegression().fit(columns, *self._data)
            del self._data
        logits = self._model.decision_function(columns)
        return super()._logits(logits.reshape(len(columns), -1))


def test_it_keeps_the_rules_of_scikit_learn() -> None:
    done = check_estimator(OfFeatures(), on_skip=None)
    assert len(done) > 40
    # Of the estimator itself, nothing but their columns displeases the checks: there are too many
    # or too few, or, where there are two for two classes, they don't say the class.
    results = check_estimator(TemperatureScaler(), on_skip=None, on_fail=None)
    wrong = [result for result in results if result["status"] == "failed"]
    assert len(wrong) < len(done) / 2
    for result in wrong:
        error, texts = result["exception"], ""
        while error is not None:
            texts, error = texts + str(error), error.__cause__ or error.__context__
        name = result["check_name"]
        assert "a column of logits for each of" in texts or name == "check_classifiers_train", name


def test_it_is_the_fit() -> None:
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
