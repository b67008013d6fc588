"""The tests of alibi-detect 0.11.4 (Apache-2.0) behind one small shape: a window in, raw p-values and effects out.

Imported by the detector's pod only: alibi-detect takes seconds to import. MMDDrift's upstream backends are PyTorch and
TensorFlow (1 GB, 30 ms per permutation of 1000 + 1000 rows); a dial of one false retrain per year over hourly windows
takes 10 000 permutations, so the backend here is NumPy: all permutations in matrix products on alibi-detect's own
base class.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
from alibi_detect.cd import KSDrift
from alibi_detect.cd.base import BaseMMDDrift
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from contract.drift import DriftSettings, DriftTest
from contract.messages import ALL_FEATURES
from loop.drift.decision import Outcome
from loop.drift.statistics import permutations_needed, reference_p_value

_log = logging.getLogger(__name__)

Rows = NDArray[np.floating[Any]]

SCREEN = 100
"""Permutations that decide whether more are worth it."""
MOST_PERMUTATIONS = 100_000


def make(settings: DriftSettings, reference: Rows) -> "Ks | Mmd":
    """The test that the settings ask for, ready for windows."""
    return (Ks if settings.test is DriftTest.KS else Mmd)(settings, reference)


class Ks:
    """KSDrift: one p-value per feature, made valid for this reference and not only on average over references."""

    def __init__(self, settings: DriftSettings, reference: Rows) -> None:
        self._features, self._m = settings.features, len(reference)
        self._detector = KSDrift(reference, p_val=settings.p_value)

    def __call__(self, window: Rows, elapsed: float) -> list[Outcome]:  # noqa: ARG002  # MMD needs it
        answer = self._detector.predict(window, return_p_val=True, return_distance=True)
        data = cast("dict[str, Any]", answer)["data"]  # upstream has the types of its keys wrong
        distances = np.round(data["distance"].astype(float), 6)  # they come as 32-bit floats
        bounds = reference_p_value(distances, self._m, len(window), len(self._features))
        p_values = np.maximum(data["p_val"].astype(float), bounds)
        return [Outcome(*row) for row in zip(self._features, distances.tolist(), p_values.tolist(), strict=True)]


class Mmd:
    """MMDDrift: one p-value for all features, each scaled by the reference's mean and standard deviation."""

    def __init__(self, settings: DriftSettings, reference: Rows) -> None:
        self._settings = settings
        mean, deviation = reference.mean(axis=0), reference.std(axis=0)

        def scale(rows: Rows) -> Rows:
            return (rows - mean) / np.where(deviation > 0, deviation, 1.0)

        self._detector = MMDDriftNumpy(reference, p_val=settings.p_value, preprocess_fn=scale)

    def __call__(self, window: Rows, elapsed: float) -> list[Outcome]:
        """A first look with few permutations ends what is far from drift: it only takes rejections away."""
        p_value, mmd2, _ = self._detector.score(window)
        needed = permutations_needed(self._settings, elapsed)
        if needed > MOST_PERMUTATIONS:
            _log.warning("%d permutations are needed to see drift in windows this short: enlarge the window", needed)
        elif p_value <= 0.1 and needed > SCREEN:
            p_value, _, _ = self._detector.score(window, needed)
        return [Outcome(ALL_FEATURES, max(0.0, mmd2) ** 0.5, p_value)]


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
        # Over half of the pairs equal, as rare categories do: one standard deviation instead of no distance at all.
        self._two_variances = float(np.partition(squared, middle, axis=None)[middle]) or 1.0
        self._k_xx = self._kernel(squared)

    def kernel_matrix(self, x: Rows, y: Rows) -> Rows:
        return self._kernel(cdist(x, y, "sqeuclidean"))

    def _kernel(self, squared: Rows) -> Rows:
        return np.exp(-squared / self._two_variances)

    def score(  # pyright: ignore[reportIncompatibleMethodOverride]  # upstream takes lists, of texts, too
        self, x: Rows, permutations: int = SCREEN
    ) -> tuple[float, float, float]:
        """(p-value, MMD^2, MMD^2 above which it were drift); the same for the same window, whenever it is asked."""
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
    """Random choices of n of m + n rows, as zeros and ones, some hundreds at a time."""
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
