"""Temperature scaling as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.arguments import ArgumentError, refuse_incomplete, refuse_subclasses
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

# Dtypes that are kept; any other is converted to the first.
FLOATS = (np.float64, np.float32)


class TemperatureScaler(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # it has no types
    """Softmax of logits at the temperature that fits best, as a scikit-learn classifier.

    Fit it to the logits that another classifier gives for rows outside of its training set. Then
    it turns logits of that classifier into calibrated probabilities.

    Parameters
    ----------
    classes : array_like, shape (K,), optional
        The class of each column of the logits. By default the classes in `y`, sorted, as in the
        ``classes_`` of scikit-learn's classifiers. If there are more columns than classes in `y`,
        and those are whole numbers, they are the numbers of columns, counted from 0.

    Attributes
    ----------
    classes_ : ndarray, shape (K,)
        The class of each column.
    fit_ : TemperatureFit
        The result of `fit_temperature`.
    temperature_ : float
        The fitted temperature.
    n_features_in_ : int
        The number of columns of the logits.

    See Also
    --------
    thermoscope.fit_temperature : the same for arrays of any kind and size.

    Notes
    -----
    The logits have a column for each class. For two classes one column is enough, as a binary
    `decision_function` gives it: the logit of the second class, with 0 for the first. At T = 1 the
    softmax of these is the logistic function.

    Some checks of scikit-learn's ``check_estimator`` can't pass: their columns are features, two
    for three classes, or two that don't tell the class. All checks pass if the features are turned
    into logits first.

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
        """Find the temperature at which the classes have the lowest negative log-likelihood.

        Parameters
        ----------
        X : array_like, shape (N, K)
            Logits: a column for each class, or one column for two classes. They must be finite, as
            scikit-learn checks.
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
            If there is not a column for each class, or a class in `y` is not among `classes`; also
            as for `fit_temperature`.
        """
        refuse_incomplete("X", X)
        refuse_subclasses("X", X)  # scikit-learn would drop a mask
        refuse_subclasses("y", y)
        logits, classes = validate_data(self, X, y, dtype=FLOATS)
        check_classification_targets(classes)
        self.classes_, targets = self._columns_of(classes, logits.shape[1])
        self.fit_ = fit_temperature(self._logits(logits), targets, sample_weight=sample_weight)
        self.temperature_ = self.fit_.temperature
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 - likewise
        """Return the softmax of logits at the fitted temperature.

        Parameters
        ----------
        X : array_like, shape (N, K)
            Logits, as for `fit`.

        Returns
        -------
        ndarray, shape (N, K)
            Probabilities, in the order of `classes_`.
        """
        return softmax(self._validated(X), self.temperature_)

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 - likewise
        """Return the likeliest class of each row; it does not depend on the temperature.

        Parameters
        ----------
        X : array_like, shape (N, K)
            Logits, as for `fit`.

        Returns
        -------
        ndarray, shape (N,)
            Classes.
        """
        logits = self._validated(X)
        likeliest: NDArray[Any] = self.classes_[logits.argmax(axis=1)]
        return likeliest

    def _validated(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803 - likewise
        """Return the logits of X, which must have the columns that were fitted."""
        check_is_fitted(self)
        refuse_incomplete("X", X)
        refuse_subclasses("X", X)
        return self._logits(validate_data(self, X, dtype=FLOATS, reset=False))

    def _columns_of(self, y: NDArray[Any], columns: int) -> tuple[NDArray[Any], NDArray[np.intp]]:
        """Return the class of each column, and the column of the class of each row."""
        found, targets = np.unique(y, return_inverse=True)
        if self.classes is not None:
            classes = np.asarray(self.classes)
            columns_by_class = {each: column for column, each in enumerate(classes.tolist())}
            if classes.ndim != 1 or len(columns_by_class) != len(classes):
                problem = f"must be 1-D without duplicates, got {self.classes!r}"
                raise ArgumentError("classes", problem)
            unknown = [each for each in found.tolist() if each not in columns_by_class]
            if unknown:
                raise ArgumentError("y", f"must be among classes, got {unknown[0]!r}")
            return classes, np.array([columns_by_class[each] for each in found.tolist()])[targets]
        # A single class does not determine what the columns are.
        if 1 < len(found) < columns and found.dtype.kind in "iuf":
            is_column = (found >= 0) & (found < columns) & (found == np.floor(found))
            if is_column.all():
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
                "if y lacks some classes, name all of them with classes=",
            )
        return columns
