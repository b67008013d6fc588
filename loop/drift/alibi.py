"""The tests of alibi-detect 0.11.4 (Apache-2.0) behind one small shape: a window in, raw p-values and effects out.

Imported by the detector's pod only: alibi-detect takes seconds to import. MMDDrift's upstream backends are PyTorch and
TensorFlow (1 GB, 30 ms per permutation of 1000 + 1000 rows); a dial of one false retrain per year over hourly windows
takes 10 000 permutations, so the backend here is NumPy: all permutations in matrix products on alibi-detect's own
base class.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np
from alibi_detect.cd import ChiSquareDrift, KSDrift
from alibi_detect.cd.base import BaseMMDDrift
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from contract.drift import DriftSettings, DriftTest
from contract.messages import ALL_FEATURES, EventKind
from loop.drift.column import CategoryColumn, ReferenceColumn
from loop.drift.decision import Outcome
from loop.drift.dependence import too_dependent, worth
from loop.drift.statistics import ks_p_value, permutations_needed
from loop.drift.univariate import Confirmed, Univariate

_log = logging.getLogger(__name__)

Rows = NDArray[np.floating[Any]]

SCREEN = 100
"""Permutations that decide whether more are worth it."""
MOST_PERMUTATIONS = 100_000


def make(settings: DriftSettings, columns: Sequence[ReferenceColumn]) -> "Univariate | Mmd":
    """The test that the settings ask for, ready for windows of values as the columns place them."""
    match settings.test:
        case DriftTest.KS:
            return Univariate(settings, columns, Library(columns))
        case DriftTest.MMD:
            return Mmd(settings, columns)


class Library:
    """KSDrift for numbers and ChiSquareDrift for categories, column by column, each made when it is first asked."""

    def __init__(self, columns: Sequence[ReferenceColumn]) -> None:
        self._columns = columns
        self._detectors: dict[int, KSDrift | ChiSquareDrift] = {}

    def __call__(self, at: int, placed: Rows) -> Confirmed:
        if at not in self._detectors:
            column = self._columns[at]
            kind = ChiSquareDrift if isinstance(column, CategoryColumn) else KSDrift
            self._detectors[at] = kind(column.values[:, None])
        answer = self._detectors[at].predict(placed[:, None], return_p_val=True, return_distance=True)
        data = cast("dict[str, Any]", answer)["data"]  # upstream has the types of its keys wrong
        distance, p_value = float(data["distance"][0]), float(data["p_val"][0])
        if p_value == 0 and isinstance(self._detectors[at], KSDrift):  # upstream's 32 bits end at 1e-45
            p_value = float(ks_p_value(distance, len(self._columns[at].values), len(placed)))
        return Confirmed(distance, p_value)


class Mmd:
    """MMDDrift: one p-value for all features, each scaled by the reference's mean and standard deviation.

    A permutation says nothing about rows that depend on each other, so only as many are compared as are independent:
    every second, or every tenth. A missing value counts as the reference's mean, a category as one of several
    coordinates that are 0 or 1.
    """

    def __init__(self, settings: DriftSettings, columns: Sequence[ReferenceColumn]) -> None:
        self._settings, self._columns = settings, columns
        reference = self._points(np.stack([column.values for column in columns], axis=1))
        mean, deviation = np.nanmean(reference, axis=0), np.nanstd(reference, axis=0)

        def scale(rows: Rows) -> Rows:
            return np.nan_to_num((rows - mean) / np.where(deviation > 0, deviation, 1.0))

        every = max(1, round(max(column.own_inflation for column in self._columns)))
        self._detector = MMDDriftNumpy(reference[::every], p_val=settings.p_value, preprocess_fn=scale)

    def _points(self, placed: Rows) -> Rows:
        parts = [column.coordinates(values) for column, values in zip(self._columns, placed.T, strict=True)]
        points = np.concatenate(parts, axis=1)
        return np.where(np.isinf(points), np.nan, points)

    def __call__(self, placed: Rows, elapsed: float) -> list[Outcome]:
        """A first look with few permutations ends what is far from drift: it can only remove rejections."""
        total = len(placed)
        inflated = max(column.inflation(values) for column, values in zip(self._columns, placed.T, strict=True))
        rows = self._points(placed[:: max(1, round(inflated))])
        p_value, mmd2, _ = self._detector.score(rows)
        needed = permutations_needed(self._settings, elapsed)
        if needed > MOST_PERMUTATIONS:
            _log.warning("%d permutations are needed to see drift in windows this short: enlarge the window", needed)
        elif p_value <= 0.1 and needed > SCREEN:
            p_value, _, _ = self._detector.score(rows, needed)
        outcome = Outcome(ALL_FEATURES, max(0.0, mmd2) ** 0.5, p_value, effective_rows=total / inflated)
        named = zip(self._settings.features, self._columns, placed.T, strict=True)
        if broken := next((f"{name}: {why}" for name, column, values in named if (why := column.broken(values))), ""):
            return [outcome._replace(kind=EventKind.QUALITY, reason=broken)]
        if too_dependent(total, inflated):
            return [outcome._replace(reason=worth(total, inflated))]
        return [outcome]


class MMDDriftNumpy(BaseMMDDrift):
    """alibi-detect's MMDDrift with NumPy underneath: same kernel, same bandwidth, same unbiased estimate of MMD^2.

    Source: Gretton et al. (2012), JMLR 13; p-values (b + 1) / (B + 1) as Phipson & Smyth (2010), where upstream has b
    / B.
    """

    def __init__(self, x_ref: Rows, p_val: float, preprocess_fn: Callable[[Rows], Rows]) -> None:
        super().__init__(x_ref=x_ref, p_val=p_val, preprocess_fn=preprocess_fn, n_permutations=SCREEN)
        squared = cdist(self.x_ref, self.x_ref, "sqeuclidean")
        m = len(squared)
        middle = m + (m * m - m) // 2 - 1  # upstream's median: without the zeros of the diagonal
        # Where over half of the pairs are equal, as with rare categories: one standard deviation instead of no
        # distance.
        self._two_variances = float(np.partition(squared, middle, axis=None)[middle]) or 1.0
        self._k_xx = self._kernel(squared)

    def kernel_matrix(self, x: Rows, y: Rows) -> Rows:
        return self._kernel(cdist(x, y, "sqeuclidean"))

    def _kernel(self, squared: Rows) -> Rows:
        return np.exp(-squared / self._two_variances)

    def score(  # pyright: ignore[reportIncompatibleMethodOverride]  # upstream takes lists, of texts, too
        self, x: Rows, permutations: int = SCREEN
    ) -> tuple[float, float, float]:
        """(p-value, MMD^2, MMD^2 above which it would be drift); always the same for the same window."""
        x_ref, x = self.preprocess(x)
        m, n = len(x_ref), len(x)
        k_xy = self.kernel_matrix(x_ref, x)
        kernel = np.block([[self._k_xx, k_xy], [k_xy.T, self.kernel_matrix(x, x)]])
        np.fill_diagonal(kernel, 0.0)
        mmd2 = _mmd2(kernel, np.repeat([0.0, 1.0], [m, n])[None, :])[0]
        kernel, random = kernel.astype(np.float32), np.random.default_rng(0)
        permuted = np.concatenate([_mmd2(kernel, z) for z in _memberships(m, n, permutations, random)])
        at_least = int((permuted >= mmd2).sum())
        return (at_least + 1) / (permutations + 1), float(mmd2), float(np.quantile(permuted, 1 - self.p_val))


def _memberships(m: int, n: int, permutations: int, random: np.random.Generator) -> Iterator[Rows]:
    """Random choices of n of m + n rows, as zeros and ones, a few hundred at a time."""
    for start in range(0, permutations, 500):
        z = np.zeros((min(500, permutations - start), m + n), dtype=np.float32)
        chosen = np.argpartition(random.random(z.shape, dtype=np.float32), n - 1, axis=1)[:, :n]
        np.put_along_axis(z, chosen, 1.0, axis=1)
        yield z


def _mmd2(kernel: Rows, z: Rows) -> Rows:
    """Unbiased MMD^2 for each row of memberships (permutations, m + n) of a kernel matrix with a zero diagonal."""
    n = float(z[0].sum())
    m = z.shape[1] - n
    yy = np.einsum("ij,ij->i", z @ kernel, z, dtype=np.float64)
    xy = z.astype(np.float64) @ kernel.sum(axis=1, dtype=np.float64) - yy
    xx = kernel.sum(dtype=np.float64) - 2 * xy - yy
    return xx / (m * (m - 1)) + yy / (n * (n - 1)) - 2 * xy / (m * n)
