"""The explorer in a notebook: a widget whose logits, labels and temperature are traits."""

from __future__ import annotations

import base64
import html
import io
import math
import operator
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from thermoscope.arguments import (
    ArgumentError,
    ArgumentTypeError,
    labels_of,
    one_row,
    one_temperature,
    seed_of,
    writable,
)
from thermoscope.data.dataset import Dataset
from thermoscope.explorer.activity import Activity
from thermoscope.explorer.browse import RowSource, has_rows, reported_parts
from thermoscope.explorer.front_end import Kind, language_of
from thermoscope.explorer.page import page_html, write_page
from thermoscope.explorer.parts import LOCKS, NOTES, PARTS, names_of
from thermoscope.explorer.summary import Summary, whole_only
from thermoscope.link import parse_link, state_of_link, write_link
from thermoscope.state import State, Tail, scale_of, tail_of
from thermoscope.truncation import keep, truncate
from thermoscope.truncation.settings import settings_of

try:
    import anywidget
    from IPython.core.getipython import get_ipython
    from traitlets import Instance, Int, TraitError, TraitType, Unicode, observe, validate
except ImportError as error:
    raise ImportError(
        'the explorer in a notebook needs anywidget: pip install "thermoscope[notebook]"'
    ) from error

__all__ = ["Explorer", "explore"]

STATE: Final = tuple(part.name for part in fields(State))
SETTINGS: Final = ("temperature", "truncation", "scale")
"""The parts of a state that are not about its logits."""
LESSON_ITEMS: Final = 5
LARGEST_PICTURE: Final = 50_000
"""Characters of base64 above which a picture is made again at a lower resolution."""
TALL: Final = 7.0
"""In inches: figures of at least this height start at a lower resolution."""
EMBEDDED_HEIGHT: Final = "min(900px, 90vh)"


class _Logits(TraitType):  # type: ignore[type-arg]
    """One row of logits, compared by value.

    Assignment updates the traits that depend on it: the index of a Series becomes the labels,
    labels that no longer fit are dropped, and source, row and target are updated. `set` changes
    nothing else: the browser, and traitlets when it undoes changes, set every trait themselves.
    """

    info_text = "one row of real numbers"

    def validate(self, _obj: Explorer, value: object) -> NDArray[np.float64]:
        try:
            return one_row("logits", value)
        except (TypeError, ValueError) as error:
            raise TraitError(str(error)) from error

    def set(self, obj: Any, value: object) -> None:
        new = self.validate(obj, value)
        known = obj.trait_has_value(self.name)
        if not (known and np.array_equal(obj.logits, new, equal_nan=True)):
            super().set(obj, new)

    def __set__(self, obj: Any, value: object) -> None:
        before = obj.logits if obj.trait_has_value(self.name) else None
        with obj.hold_trait_notifications():
            super().__set__(obj, value)
            labels = _own_labels(value)
            if labels is not None or not _labels_fit(obj):
                obj.labels = labels
            if obj.logits is not before:
                obj.source = _source_of(value)
                for name in ("row", "target", "seed", "tail"):
                    obj.set_trait(name, None)


class _ComparableLogits(np.ndarray[Any, np.dtype[np.float64]]):
    """A view of logits whose `!=` with the viewed array is one bool, as traitlets' links need."""

    def __ne__(self, other: object) -> Any:
        return False if other is self.base else super().__ne__(other)


class _Labels(TraitType):  # type: ignore[type-arg]
    """None or a tuple of strings; `Explorer` checks that there is one for each logit."""

    info_text = "None or one string for each logit"
    default_value = None

    def validate(self, _obj: Explorer, value: object) -> tuple[str, ...] | None:
        try:
            return labels_of(value)
        except TypeError as error:
            raise TraitError(str(error)) from error


class _Checked(TraitType):  # type: ignore[type-arg]
    """What a function makes of a value, or the error that it raises."""

    def __init__(self, check: Callable[[Any], Any], info_text: str, default: Any) -> None:
        super().__init__(default_value=default)
        self.check = check
        self.info_text = info_text

    def validate(self, _obj: Explorer, value: Any) -> Any:
        try:
            return self.check(value)
        except (TypeError, ValueError) as error:
            raise TraitError(str(error)) from error


class _Row(TraitType):  # type: ignore[type-arg]
    """The number of the row that is shown; None for logits that are not one of several rows.

    Assignment reads the row and sets all traits; `set` changes nothing else, as in `_Logits`.
    """

    info_text = "the number of a row"
    default_value = None

    def validate(self, obj: Explorer, value: object) -> int | None:
        if value is None:
            return None
        if obj.rows is None:
            raise TraitError(f"row must be None where there is one row of logits, got {value!r}")
        try:
            row = operator.index(value)  # type: ignore[arg-type]
        except TypeError as error:
            raise TraitError(f"row must be a whole number, got {value!r}") from error
        if not 0 <= row < obj.rows.count:
            raise TraitError(f"row must be 0 to {obj.rows.count - 1}, got {row}")
        return row

    def __set__(self, obj: Any, value: object) -> None:
        row = self.validate(obj, value)
        if row is None or row == obj.row:
            super().__set__(obj, row)
            return
        _show(obj, obj.rows.state(row))


class _Seed(TraitType):  # type: ignore[type-arg]
    """The seed of random logits; None for other logits.

    Assignment draws as many logits as there are, and sets all traits; `set` changes nothing else,
    as in `_Logits`.
    """

    info_text = "None or a seed"
    default_value = None

    def validate(self, _obj: Explorer, value: Any) -> int | None:
        try:
            return None if value is None else seed_of(value)
        except (TypeError, ValueError) as error:
            raise TraitError(str(error)) from error

    def __set__(self, obj: Any, value: object) -> None:
        seed = self.validate(obj, value)
        if seed is None or seed == obj.seed:
            super().__set__(obj, seed)
        else:
            _show(obj, State.random(obj.logits.size, obj.labels, seed=seed))


def _show(explorer: Explorer, state: State) -> None:
    """Set every trait that is about the logits to its part of a state."""
    with explorer.hold_trait_notifications():
        for name in STATE:
            if name not in SETTINGS:
                explorer.set_trait(name, getattr(state, name))


def _logits_to_json(logits: NDArray[np.float64], _widget: Explorer) -> bytes:
    return logits.astype("<f8", copy=False).tobytes()


def _logits_from_json(buffer: bytes | memoryview, _widget: Explorer) -> NDArray[np.float64]:
    return np.frombuffer(buffer, "<f8")


def _temperature_to_json(temperature: float, _widget: Explorer) -> float | str:
    return "inf" if math.isinf(temperature) else temperature


def _temperature_from_json(value: object, _widget: Explorer) -> Any:
    return math.inf if value == "inf" else value


def _tail_to_json(tail: Tail | None, _widget: Explorer) -> dict[str, Any] | None:
    return None if tail is None else asdict(tail)


def _tasks_of(value: object) -> dict[str, Any] | None:
    """Return what a view reads of tasks."""
    return None if value is None else Activity.of(value).written


class Explorer(anywidget.AnyWidget):
    """The explorer in a notebook: a widget that shows what temperature does to a softmax.

    Changes in the browser arrive here while they are made, and changes here arrive in every view:
    ``observe``, and ipywidgets' ``link`` and ``jslink``, work as for any widget. Where no widget
    can run, the output is a picture of the logits and their softmax, before truncation.

    Parameters
    ----------
    logits, labels, targets, row, temperature, truncation, scale, state, hide, lock, notes, embed, \
server, model, tokenizer, prompt, tasks, language
        As for `explore`.
    **traits
        Other traits of a widget, such as ``layout``.

    Attributes
    ----------
    logits : ndarray of float64, shape (n,)
        Read-only array. Assign a list, an array, a tensor or a Series, as to `explore`; labels that
        no longer fit are dropped. Assigning equal logits changes nothing.
    labels : tuple of str or None
        One for each logit; None where the label is the index, counted from 0.
    temperature : float
        In [0, inf].
    source : str or None
        Where the logits came from; None for logits drawn at random.
    row : int or None
        Which of several rows the logits are, counted from 0; None for any other logits. Assign a
        number to go to that row.
    target : int or None
        The true class of the row, if it is known.
    seed : int or None
        The seed of random logits; None for other logits. Assign a number to draw as many logits
        with it.
    tail : Tail or None
        What is known of the tokens that a server did not report; None for any other logits.
    truncation : dict
        The steps of the sampler besides the temperature, as keywords of `truncate`.
    scale : {"full", "0-2"}
        The scale of the slider.
    hide : tuple of str
        The parts that are not shown.
    lock : tuple of str
        What the user can't change; Python still can.
    tasks : dict or None
        The tasks of an activity, if it has any.
    progress : dict or None
        What came of the tasks: "score", "possible", and "done" once each has its result; None until
        a view has shown them.
    rows : RowSource or None
        The rows to step through, if there are several.

    Notes
    -----
    To change logits and labels together, so that no observer sees one without the other, set them
    inside ``with explorer.hold_trait_notifications():``. Values that don't fit raise a
    ``TraitError`` and change nothing.

    Examples
    --------
    >>> explorer = Explorer([2.0, 1.0, 0.1], ["cat", "dog", "eel"], temperature=0.5)
    >>> explorer.probabilities.round(3)
    array([0.864, 0.117, 0.019])
    >>> explorer.observe(lambda change: print("T is now", change.new), "temperature")
    >>> explorer.temperature = 2
    T is now 2.0
    """

    # Each explorer has those of its kind and its language.
    _esm: str
    _css: str

    logits = _Logits().tag(sync=True, to_json=_logits_to_json, from_json=_logits_from_json)
    labels = _Labels().tag(sync=True)
    temperature = _Checked(one_temperature, "a number in [0, inf]", 1.0).tag(
        sync=True, to_json=_temperature_to_json, from_json=_temperature_from_json
    )
    source = Unicode(None, allow_none=True).tag(sync=True)
    row = _Row().tag(sync=True)
    target = Int(None, allow_none=True).tag(sync=True)
    seed = _Seed().tag(sync=True)
    tail = _Checked(tail_of, "what is known of a tail", None).tag(sync=True, to_json=_tail_to_json)
    truncation = _Checked(settings_of, "keywords of truncate", {}).tag(sync=True)
    scale = _Checked(scale_of, "the name of a scale", "full").tag(sync=True)
    hide = _Checked(partial(names_of, "hide", known=PARTS), "names of parts", ()).tag(sync=True)
    lock = _Checked(partial(names_of, "lock", known=LOCKS), "names of parts", ()).tag(sync=True)
    tasks = _Checked(_tasks_of, "tasks", None).tag(sync=True)
    progress = Instance(dict, allow_none=True).tag(sync=True)
    _rows = Instance(dict, allow_none=True).tag(sync=True)

    def __init__(
        self,
        logits: Any = None,
        labels: Sequence[str] | None = None,
        *,
        targets: Any = None,
        row: int | None = None,
        temperature: float = 1.0,
        truncation: Mapping[str, Any] | None = None,
        scale: str = "full",
        state: State | str | None = None,
        hide: str | Sequence[str] = (),
        lock: str | Sequence[str] = (),
        notes: bool = True,
        embed: bool = False,
        server: str | None = None,
        model: Any = None,
        tokenizer: Any = None,
        prompt: str | os.PathLike[str] | None = None,
        tasks: Any = None,
        language: str = "en",
        **traits: Any,
    ) -> None:
        frame = parse_link(state).frame if isinstance(state, str) else {}
        activity = _activity_of(tasks, frame)
        if activity is not None and logits is None and state is None:
            state = activity.state
        hide = names_of("hide", hide or frame.get("hide") or _of(activity, "hide"), PARTS)
        lock = names_of("lock", lock or frame.get("lock") or _of(activity, "lock"), LOCKS)
        if not notes:
            hide = (*hide, *(part for part in NOTES if part not in hide))
        settings: dict[str, Any] = {
            "temperature": temperature,
            "truncation": truncation,
            "scale": scale,
        }
        self.rows: RowSource | None = None
        given = {"logits": logits, "labels": labels, "targets": targets, "row": row}
        asked = {"server": server, "model": model, "tokenizer": tokenizer, "prompt": prompt}
        if any(value is not None for value in asked.values()):
            _alone("prompt", **given, state=state)
            self.rows, settings = _writing(asked, settings)
            state = self.rows.state(self.rows.count - 1, **settings)
        elif state is not None:
            set_apart = {name: each for name, each in settings.items() if each not in (1, "full")}
            _alone("state", **given, **set_apart)
            state = state if isinstance(state, State) else state_of_link(state)
        elif has_rows(logits):
            self.rows = RowSource(logits, labels, targets=targets)
            state = self.rows.state(row or 0, **settings)
        else:
            _without_rows(targets=targets, row=row)
            state = _state_of(logits, labels, settings)
        if self.rows is not None:
            traits["_rows"] = self.rows.about()
        if activity is not None:
            traits["tasks"] = activity.written
        self.embed, self.language = embed, language_of(language)
        kind = _kind_of(state, traits.get("_rows"), activity)
        self._esm, self._css = kind.script("widget", self.language), kind.style
        super().__init__(
            logits=state.logits,
            labels=state.labels,
            source=state.source,
            hide=hide,
            lock=lock,
            **{name: getattr(state, name) for name in SETTINGS},
            **traits,
        )
        for name in ("row", "target", "seed", "tail"):
            self.set_trait(name, getattr(state, name))
        self.on_msg(self._answer)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """The probabilities that a draw follows, in float64: the softmax, after truncation."""
        whole_only(self.tail, "probabilities")
        result: NDArray[np.float64] = truncate(self.logits, self.temperature, **self.truncation)
        return result

    @property
    def kept(self) -> NDArray[np.bool]:
        """Which entries the sampler keeps."""
        whole_only(self.tail, "kept")
        mask: NDArray[np.bool_] = keep(self.logits, self.temperature, **self.truncation)
        return mask

    def summary(self) -> Summary:
        """Return what the page says of the state: it prints with the page's digits.

        The entropy, the effective choices and the top probability are those of the softmax, before
        truncation.

        Returns
        -------
        Summary
            The numbers as attributes.

        Examples
        --------
        >>> explorer = Explorer([2.0, 1.0, 0.1], truncation={"top_k": 2, "engine": "llama.cpp"})
        >>> print(explorer.summary())
        T = 1
        entropy 0.84674 nats
        effective choices 2.3320 of 3
        top probability 65.90 %
        llama.cpp: top-k 2, temperature
        kept 2 of 3, 90.14 %
        """
        return Summary.of(self._state())

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the explorer as one HTML file, which works without a network.

        Of several rows it has the one that is shown, and the reliability of all of them where they
        have targets; of a text that a server reported it has all.

        Raises
        ------
        OSError
            If the file cannot be written; then nothing is written.
        """
        write_page(path, self._state(), self.rows, **self._frame())

    def to_link(self) -> str:
        """Return a link to what is shown: for `explore`, or after "#" in the address of a page.

        Returns
        -------
        str
            The address of a page is completed by it, after "#".

        Raises
        ------
        ValueError
            If the link would have more than 2,000 characters, which many logits have.

        Examples
        --------
        >>> Explorer([2.0, 1.0, 0.1], ["cat", "dog", "eel"], temperature=0.5).to_link()
        'logits=2,1,0.1&labels=cat,dog,eel&T=0.5'
        """
        whole_only(self.tail, "a link")
        frame = {"hide": ",".join(self.hide), "lock": ",".join(self.lock)}
        link = write_link(self._state(), {name: names for name, names in frame.items() if names})
        if link is None:
            raise ValueError("a link must have at most 2,000 characters: use to_html instead")
        return link

    def _state(self) -> State:
        return State(**{name: getattr(self, name) for name in STATE})

    def _page(self) -> str:
        return page_html(self._state(), self.rows, offline=True, **self._frame())

    def _frame(self) -> dict[str, Any]:
        """Return what a page has besides the state."""
        reliability = None
        if self.rows is not None and "reliability" not in self.hide:
            reliability = self.rows.measured()
        frame = {
            "hide": self.hide,
            "lock": self.lock,
            "reliability": reliability,
            "language": self.language,
        }
        return frame if self.tasks is None else {**frame, "activity": Activity.of(self.tasks)}

    def _answer(self, _widget: object, content: Any, _buffers: object) -> None:
        """Answer a view: the page of what is shown, a row, or the progress of an order."""
        if not isinstance(content, dict):
            return
        answer: dict[str, object]
        try:
            if "page" in content:
                answer = {"answer": self._page()}
            elif self.rows is not None and "ask" in content:
                answer = {"answer": self.rows.answer(content["ask"])}
                if "write" in content["ask"]:
                    # Before the answer, which the view that asked must not hear of twice.
                    self._rows = self.rows.about()
            else:
                return
        except (OSError, TypeError, ValueError) as error:
            answer = {"error": str(error)}
        self.send({"id": content.get("id"), **answer})

    @observe("tasks")
    def _begin_anew(self, _: object) -> None:
        self.progress = None

    @validate("labels")
    def _check_labels(self, proposal: dict[str, Any]) -> tuple[str, ...] | None:
        try:
            return labels_of(proposal["value"], self.logits.size)
        except ValueError as error:
            raise TraitError(str(error)) from error

    @validate("target")
    def _check_target(self, proposal: dict[str, Any]) -> int | None:
        target: int | None = proposal["value"]
        if target is not None and not 0 <= target < self.logits.size:
            raise TraitError(f"target must be 0 to {self.logits.size - 1}, got {target}")
        return target

    @contextmanager
    def hold_trait_notifications(self) -> Iterator[None]:
        """Delay all notifications of observers and the browser until the block ends."""
        with self.hold_sync(), super().hold_trait_notifications():
            try:
                yield
            except BaseException:
                # traitlets undoes changes after a TraitError. After any other error, they must fit.
                if not _labels_fit(self):
                    self.labels = None
                raise

    def notify_change(self, change: Any) -> None:
        """Notify the browser and observers of a change."""
        if change["name"] == "logits":
            change["new"] = change["new"].view(_ComparableLogits)
        super().notify_change(change)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Apply a change from the browser; if it is invalid, send back the current values."""
        try:
            size = self.logits.size
            if "logits" in sync_data:
                size = one_row("logits", _logits_from_json(sync_data["logits"], self)).size
            if "logits" in sync_data or "labels" in sync_data:
                labels_of(sync_data.get("labels", self.labels), size)
            if "temperature" in sync_data:
                one_temperature(_temperature_from_json(sync_data["temperature"], self))
            if not isinstance(sync_data.get("source"), (str, type(None))):
                raise ArgumentTypeError("source", "must be a string or None")
            checked = {
                name: self.traits()[name].validate(self, sync_data[name])
                for name in ("row", "seed", "tail", "truncation", "scale", "hide", "lock")
                if name in sync_data
            }
            target = sync_data.get("target")
            if not (target is None or (type(target) is int and 0 <= target < size)):
                raise ArgumentError("target", f"must be 0 to {size - 1} or None")
            for name in ("row", "seed"):
                if checked.get(name) is not None and "logits" not in sync_data:
                    # Only the number, as from a slider linked to it: assignment brings the logits.
                    del sync_data[name]
                    setattr(self, name, checked[name])
        except (OSError, TraitError, TypeError, ValueError) as error:
            self.log.warning("a change from the browser was refused: %s", error)
            self.send_state(STATE)
        else:
            super().set_state(sync_data)

    # The comm carries the whole front end, which a notebook with only a picture or a page must not
    # store.
    def open(self) -> None:
        """Do nothing: the comm opens when a view, or a widget around this one, reads `model_id`."""

    @property
    def model_id(self) -> str:
        """The name by which a view finds this widget; reading it opens the comm."""
        if self.comm is None:
            super().open()
        model_id: str = super().model_id
        return model_id

    def __repr__(self) -> str:
        place = ""
        if self.rows is not None and self.row is not None:
            place = f"row {self.row:,} of {self.rows.count:,}: "
        return f"Explorer({place}{self.logits.size:,} logits, temperature={self.temperature})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        if self.embed or not _widgets_can_run():
            data, metadata = {"text/plain": repr(self)}, {}
        else:
            data, metadata = super()._repr_mimebundle_(**kwargs)  # type: ignore[misc]
        picture = _picture(self._state())
        description = f"Logits and their softmax: {self!r}"
        if picture is not None:
            data["image/png"] = picture
            metadata["image/png"] = {"alt": description}
        if self.embed:
            data["text/html"] = _embedded(self._page(), picture, description)
        return data, metadata


def explore(
    logits: Any = None,
    labels: Sequence[str] | None = None,
    *,
    targets: Any = None,
    row: int | None = None,
    temperature: float = 1.0,
    truncation: Mapping[str, Any] | None = None,
    scale: str = "full",
    state: State | str | None = None,
    hide: str | Sequence[str] = (),
    lock: str | Sequence[str] = (),
    notes: bool = True,
    embed: bool = False,
    server: str | None = None,
    model: Any = None,
    tokenizer: Any = None,
    prompt: str | os.PathLike[str] | None = None,
    tasks: Any = None,
    language: str = "en",
) -> Explorer:
    """Explore what temperature does to the softmax of some logits, in a notebook.

    Parameters
    ----------
    logits : array_like, shape (n,) or (N, n), optional
        A list, a NumPy array, a pandas Series (its index gives the labels, its name the source), a
        PyTorch tensor or a JAX array; ±inf and NaN included. By default five random logits.
        Several rows are stepped through and read one at a time: a memory map, a Dask array or a
        data set of `open_logits` may be larger than memory.
    labels : sequence of str, optional
        One for each logit, taken as plain text; by default the index, counted from 0.
    targets : array_like, shape (N,) or (N, n), optional
        The true class of each row, counted from 0, or soft targets, where the class with the
        highest probability counts as the true one. It is marked, mistakes can be shown first, and
        the reliability of all rows follows the temperature.
    row : int, optional
        The row to show first, counted from 0.
    temperature : float, default 1.0
        In [0, inf]; where the slider starts.
    truncation : mapping, optional
        The steps of the sampler besides the temperature, as keywords of `truncate`: ``{"top_k": 40,
        "engine": "llama.cpp"}``.
    scale : {"full", "0-2"}, default "full"
        The scale of the slider: 1e-4 to 1e4 with 0 and infinity at its ends, or 0 to 2.
    state : str or State, optional
        All of the above in one: a link that the page gave ("Share", then "Copy link") or that
        `Explorer.to_link` returned, with or without the address before "#". What it hides or
        locks is hidden or locked, unless `hide` or `lock` is given.
    hide : str or sequence of str, default ()
        Parts that are not shown, such as ``"curves,values"``; `docs/page.md` lists all of them.
    lock : str or sequence of str, default ()
        What the user can't change: "items", "logits", "sampler" or "temperature".
    notes : bool, default True
        Whether the formula and the lesson are shown; False also hides "why" and "lesson".
    embed : bool, default False
        Show the page itself instead of a widget. It works without a kernel, and so in a saved
        notebook, on nbviewer and in ``nbconvert --to html``. But it exchanges nothing with Python,
        and the notebook grows by the size of the page.
    server : str, optional
        The address of a model's server, as for `connect`. With a prompt, a text is written step by
        step: the model gives the distribution of each token, and the temperature and truncation
        that are shown draw from it here.
    model : str or transformers.PreTrainedModel, optional
        Its name on the server; or, without a server, a model in this process.
    tokenizer : transformers.PreTrainedTokenizerBase, optional
        Of a model in this process.
    prompt : str or path_like, optional
        What the text goes on from. A path, as ``Path("text.json")``, is a text that was saved: it
        goes on with all of its branches, their seeds, and the temperature and truncation that it
        was drawn by last.
    tasks : sequence of dict, or dict, optional
        An activity: tasks to choose, to type a number, to draw a prediction or to reach a state, as
        `docs/activities.md` has them. `Explorer.progress` tells what came of them.
    language : {"en", "de", "es", "zh", "ar", "auto"}, default "en"
        What the explorer speaks. With "auto" it has the texts of all five, 100 KB more, and speaks
        the one that the document around it or the browser asks for.

    Returns
    -------
    Explorer
        Show it as the value of a cell; read and set its ``temperature``, ``logits``, ``labels``.

    Raises
    ------
    TypeError, ValueError
        If `logits` are not one or several rows of real numbers, `labels` or `targets` do not fit
        them, there is no such `row`, `temperature` is negative or NaN, `truncation`, `scale`,
        `hide`, `lock` or `language` is wrong, or `state` is a link with an error or comes with what
        it has.
    ServerError
        If the model's server fails.
    ImportError
        If anywidget is missing: ``pip install "thermoscope[notebook]"``.

    Examples
    --------
    >>> explore([2.0, 1.0, 0.1], ["cat", "dog", "eel"], temperature=0.5)
    Explorer(3 logits, temperature=0.5)
    >>> from thermoscope import samples
    >>> logits, targets, names = samples.digits()
    >>> explore(logits, names, targets=targets, row=7)
    Explorer(row 7 of 1,597: 10 logits, temperature=1.0)
    >>> explore(state="n=5&seed=7&T=0.5")
    Explorer(5 logits, temperature=0.5)
    """
    return Explorer(
        logits,
        labels,
        targets=targets,
        row=row,
        temperature=temperature,
        truncation=truncation,
        scale=scale,
        state=state,
        hide=hide,
        lock=lock,
        notes=notes,
        embed=embed,
        server=server,
        model=model,
        tokenizer=tokenizer,
        prompt=prompt,
        tasks=tasks,
        language=language,
    )


def _alone(argument: str, **others: Any) -> None:
    """Raise an error if an argument comes with what it has itself."""
    for name, value in others.items():
        if value is not None:
            raise ArgumentError(argument, f"must come without {name}, which it has")


def _without_rows(**given: Any) -> None:
    """Raise an error for an argument that needs rows, where there are none."""
    for name, value in given.items():
        if value is not None:
            raise ArgumentError(name, "must come with rows of logits, which these are not")


def _writing(
    asked: Mapping[str, Any], settings: dict[str, Any]
) -> tuple[RowSource, dict[str, Any]]:
    """Return a text that a model writes, which is asked for the next token, and its settings."""
    # What the requests need takes longer to load than all of this.
    from thermoscope.connection.draft import Draft  # noqa: PLC0415
    from thermoscope.connection.source import connect  # noqa: PLC0415
    from thermoscope.explorer.writing import Writing  # noqa: PLC0415

    server, model, tokenizer, prompt = (
        asked[name] for name in ("server", "model", "tokenizer", "prompt")
    )
    if not isinstance(prompt, (str, os.PathLike)):
        raise ArgumentTypeError("prompt", f"must be a text, or a path, got {prompt!r}")
    temperature, truncation = settings["temperature"], settings["truncation"]
    scale_of(settings["scale"])
    steps = settings_of(truncation)
    if isinstance(prompt, os.PathLike):
        given = None if temperature == 1 else temperature
        _alone("prompt", temperature=given, truncation=truncation)
    if server is None:
        source = connect(model=model, tokenizer=tokenizer)
    elif tokenizer is not None:
        raise ArgumentError("tokenizer", "must be left out where there is a server")
    else:
        source = connect(server, model=model)
    try:
        if isinstance(prompt, os.PathLike):
            text = Writing.opened(source, prompt)
            return text, settings | text.sampler
        return Writing(Draft(source, prompt, temperature, **steps), prompt), settings
    except BaseException:
        source.close()
        raise


def _activity_of(tasks: Any, frame: Mapping[str, str]) -> Activity | None:
    """Return the activity that is given, or that a link has."""
    if tasks is not None:
        return Activity.of(tasks)
    return Activity.unpacked(frame["activity"]) if "activity" in frame else None


def _of(activity: Activity | None, name: str) -> tuple[str, ...]:
    """Return what an activity hides or locks."""
    return () if activity is None else getattr(activity, name)


def _kind_of(state: State, rows: Mapping[str, Any] | None, activity: Activity | None) -> Kind:
    """Return what a widget has to do."""
    if activity is not None:
        if rows is not None or state.tail is not None:
            raise ArgumentError("tasks", "must come with one whole row of logits")
        return Kind.ACTIVITY
    if rows is not None and "writing" in rows:
        return Kind.WRITING
    return Kind.DISTRIBUTION if rows is None and state.tail is None else Kind.ROWS


def _state_of(logits: Any, labels: Sequence[str] | None, settings: dict[str, Any]) -> State:
    """Return the state of one row of logits, or of the random ones of the lesson."""
    if logits is None:
        return State.random(LESSON_ITEMS, labels, **settings)
    source = _source_of(logits)
    labels = _own_labels(logits) if labels is None else labels
    tail = None
    if isinstance(logits, Dataset):
        logits, labels, tail = reported_parts(logits.only(), labels_of(labels))
    return State.of(logits, labels, source=source, tail=tail, **settings)


def _labels_fit(explorer: Explorer) -> bool:
    return explorer.labels is None or len(explorer.labels) == explorer.logits.size


def _own_labels(logits: Any) -> tuple[str, ...] | None:
    """Return the labels of a data set, or a pandas index other than 0, 1, 2, …; else None."""
    if isinstance(logits, Dataset):
        return logits.labels
    if not (hasattr(logits, "index") and hasattr(logits, "to_numpy")):
        return None
    texts = tuple(map(str, logits.index))
    return None if texts == tuple(map(str, range(len(texts)))) else texts


def _source_of(logits: Any) -> str:
    name = logits.source if isinstance(logits, Dataset) else getattr(logits, "name", None)
    return "given" if name is None else writable(name)


def _widgets_can_run() -> bool:
    """Whether the cell runs for a user, who can see a widget.

    Programs that execute a notebook without a user (``nbconvert --execute``, ``jupyter execute``,
    papermill, Quarto) send ``allow_stdin: false`` with each cell. They store the state of a widget,
    which ``nbconvert --to html`` shows instead of the picture, with code from a CDN: without a
    network it shows nothing. Voilà sends the same, but has a user.
    """
    shell: Any = get_ipython()
    request = shell.get_parent() if hasattr(shell, "get_parent") else {}
    attended = request.get("content", {}).get("allow_stdin", True)
    return attended or "VOILA_KERNEL_ID" in os.environ


def _picture(state: State) -> str | None:
    """Return a small PNG of the state in base64; None if matplotlib is missing, or with a tail."""
    if state.tail is not None:
        return None
    try:
        from PIL import Image  # noqa: PLC0415 - slow, and optional

        from thermoscope.figures import plot  # noqa: PLC0415 - likewise
    except ImportError:
        return None
    figure = plot(state.logits, state.temperature, labels=state.labels)
    for dpi in (100 if figure.get_figheight() < TALL else 72, 50):
        with io.BytesIO() as full, io.BytesIO() as small:
            figure.savefig(full, format="png", dpi=dpi)
            # Small, because every output is saved with the notebook; 32 colours are enough.
            Image.open(full).convert("RGB").quantize(32).save(small, "png", optimize=True)
            picture = base64.b64encode(small.getvalue()).decode("ascii")
        if len(picture) < LARGEST_PICTURE:
            break
    return picture


def _embedded(page: str, picture: str | None, description: str) -> str:
    """Return the page in a frame on top of the picture, which viewers without frames show."""
    # Both are in the same cell of a grid.
    cell = "grid-area: 1 / 1"
    image = (
        ""
        if picture is None
        else f'<img src="data:image/png;base64,{picture}" alt="{description}" '
        f'style="{cell}; align-self: start; max-width: 100%">'
    )
    return (
        f'<div style="display: grid">{image}'
        f'<iframe srcdoc="{html.escape(page)}" sandbox="allow-scripts allow-downloads" '
        f'allow="clipboard-write" title="{description}" '
        f'style="{cell}; width: 100%; height: {EMBEDDED_HEIGHT}; border: 0; background: white">'
        "</iframe></div>"
    )
