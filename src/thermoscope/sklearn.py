"""Temperature scaling as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.arguments import ArgumentError, refuse_subclasses
from thermoscope.calibration import TemperatureFit, fit_temperature
from thermoscope.definition import softmax

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        'TemperatureScaler needs scikit-learn: pip install "thermoscope[sklearn]"'
    ) from error

__all__ = ["TemperatureScaler"]

# As they are; what else there is becomes the first.
FLOATS = (np.float64, np.float32)


class TemperatureScaler(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # it has no types
    """Softmax of logits at the temperature that fits best, as a scikit-learn classifier.

    It takes logits that another classifier gave for rows it has not seen in training, and makes
    probabilities of them that can be trusted more.

    Parameters
    ----------
    classes : array_like, shape (K,), optional
        The class of each column of the logits. By default the classes in `y`, sorted, as a
        classifier of scikit-learn has them in its ``classes_``. Where `y` lacks some of them, and
        holds whole numbers, these are taken to count the columns, from 0.

    Attributes
    ----------
    classes_ : ndarray, shape (K,)
        The class of each column.
    fit_ : TemperatureFit
        All that `fit_temperature` says.
    temperature_ : float
        Its temperature.
    n_features_in_ : int
        How many columns the logits had.

    See Also
    --------
    thermoscope.fit_temperature : the same for arrays of any kind and size.

    Notes
    -----
    The logits have a column for each class. Of two classes, one column will do: what a binary
    `decision_function` gives, the logit of the second class against 0 for the first. At T = 1 that
    is the logistic function.

    Of scikit-learn's ``check_estimator``, four checks can't pass: they give two columns to three
    classes, or two that are no logits of two classes. All pass where the columns are made logits
    of the classes first; the tests hold both.

    Examples
    --------
    >>> import thermoscope as ts
    >>> logits, targets, _ = ts.samples.digits()
    >>> scaler = ts.TemperatureScaler().fit(logits[:1000], targets[:1000])
    >>> round(scaler.temperature_, 3)
    2.0
    >>> scaler.predict_proba(logits[1000:]).shape
    (597, 10)
    """

    classes: ArrayLike | None
    classes_: NDArray[Any]
    fit_: TemperatureFit
    temperature_: float

    def __init__(self, classes: ArrayLike | None = None) -> None:
        self.classes = classes

    def fit(
        self,
        X: ArrayLike,  # noqa: N803 - scikit-learn's name
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Find the temperature at which the softmax of logits explains the classes best.

        Parameters
        ----------
        X : array_like, shape (N, K)
            Logits: a column for each class, or one column for two classes. scikit-learn allows no
            -inf in them.
        y : array_like, shape (N,)
            The class of each row: numbers or text.
        sample_weight : array_like, shape (N,), optional
            How often each row counts.

        Returns
        -------
        TemperatureScaler
            Itself.

        Raises
        ------
        ValueError
            If there is not a column for each class, a class in `y` is none of `classes`, or as
            `fit_temperature` does.
        """
        refuse_subclasses("X", X)  # scikit-learn would drop a mask
        refuse_subclasses("y", y)
        logits, classes = validate_data(self, X, y, dtype=FLOATS)
        check_classification_targets(classes)
        self.classes_, targets = self._columns_of(classes, logits.shape[1])
        self.fit_ = fit_temperature(self._logits(logits), targets, sample_weight=sample_weight)
        self.temperature_ = self.fit_.temperature
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 - likewise
        """Return the softmax of logits at the temperature that was found.

        Parameters
        ----------
        X : array_like, shape (N, K)
            Logits, as for `fit`.

        Returns
        -------
        ndarray, shape (N, K)
            Probabilities, in the order of `classes_`.
        """
        return softmax(self._seen(X), self.temperature_)

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 - likewise
        """Return the likeliest class of each row: the temperature does not change it.

        Parameters
        ----------
        X : array_like, shape (N, K)
            Logits, as for `fit`.

        Returns
        -------
        ndarray, shape (N,)
            Classes.
        """
        logits = self._seen(X)
        likeliest: NDArray[Any] = self.classes_[logits.argmax(axis=1)]
        return likeliest

    def _seen(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 - likewise
        """Return the logits of X as those that were fitted."""
        check_is_fitted(self)
        refuse_subclasses("X", X)
        return self._logits(validate_data(self, X, dtype=FLOATS, reset=False))

    def _columns_of(self, y: NDArray[Any], columns: int) -> tuple[NDArray[Any], NDArray[np.intp]]:
        """Return the class of each column, and the column of each class in `y`."""
        found, targets = np.unique(y, return_inverse=True)
        if self.classes is not None:
            classes = np.asarray(self.classes)
            places = {each: place for place, each in enumerate(classes.tolist())}
            if classes.ndim != 1 or len(places) != len(classes):
                problem = f"must be a row of different ones, got {self.classes!r}"
                raise ArgumentError("classes", problem)
            unknown = [each for each in found.tolist() if each not in places]
            if unknown:
                raise ArgumentError("y", f"must be among classes, got {unknown[0]!r}")
            return classes, np.array([places[each] for each in found.tolist()])[targets]
        # One class alone says nothing of what the columns are.
        if 1 < len(found) < columns and found.dtype.kind in "iuf":
            counts = (found >= 0) & (found < columns) & (found == np.floor(found))
            if counts.all():
                return np.arange(columns, dtype=found.dtype), y.astype(np.intp)
        return found, targets

    def _logits(self, columns: NDArray[Any]) -> NDArray[Any]:
        given, classes = columns.shape[1], len(self.classes_)
        if (given, classes) == (1, 2):
            return np.hstack([np.zeros_like(columns), columns])
        if given != classes:
            raise ArgumentError(
                "X",
                f"must have a column of logits for each of {classes} classes, got {given}: "
                "where y lacks some, say which there are with classes",
            )
        return columns
