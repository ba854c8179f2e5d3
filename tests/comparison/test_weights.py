"""The weights of an arm: written tensor by tensor, and read back as theta."""

import numpy as np
import pytest

from nnlab.comparison.weights import read_weights, weights_digest, write_weights
from nnlab.errors import CheckpointError
from nnlab.experiments.unchanged import Trust
from nnlab.networks.layout import Layout, ParameterSpec
from nnlab.storage.folder import RunFolder
from nnlab.storage.summary import ArmSummary, ComparisonSummary

THETA = Layout([ParameterSpec("dense1/weights", (2, 3)), ParameterSpec("dense1/bias", (3,))])
STATISTICS = Layout([ParameterSpec("batch_norm1/mean", (3,)), ParameterSpec("batch_norm1/variance", (3,))])
NONE = Layout([])
SEEDS = (4, 5)


def arm(of_statistics):
    """Theta and statistics of two seeds, and a summary that knows them."""
    theta = np.arange(2 * THETA.size, dtype=np.float32).reshape(2, -1)
    statistics = -np.arange(2 * of_statistics.size, dtype=np.float32).reshape(2, -1)
    one = ArmSummary.model_construct(weights=weights_digest(theta, statistics))
    return theta, statistics, ComparisonSummary.model_construct(arms={"relu": one}, seeds=SEEDS)


@pytest.mark.parametrize("of_statistics", [STATISTICS, NONE])
def test_each_tensor_has_a_member_and_theta_comes_back(of_statistics, tmp_path):
    (tmp_path / "weights").mkdir()
    theta, statistics, summary = arm(of_statistics)
    write_weights(tmp_path / "weights" / "relu.npz", theta, statistics, SEEDS, (THETA, of_statistics))
    with np.load(tmp_path / "weights" / "relu.npz", allow_pickle=False) as members:
        assert members["layout"].tolist() == ["dense1/weights", "dense1/bias"]
        assert members["dense1/weights"][1].tolist() == theta[1, :6].reshape(2, 3).tolist()
        size = sum(members[name].nbytes for name in members.files if "/" in name)
    assert size == theta.nbytes + statistics.nbytes  # nothing is kept twice
    found = read_weights(RunFolder(tmp_path), summary, "relu", 5, (THETA, of_statistics), Trust())
    assert [one.tobytes() for one in found] == [theta[1].tobytes(), statistics[1].tobytes()]


def test_files_of_earlier_versions_and_of_other_networks(tmp_path):
    (tmp_path / "weights").mkdir()
    path = tmp_path / "weights" / "relu.npz"
    theta, statistics, summary = arm(STATISTICS)
    np.savez(path, theta=theta, statistics=statistics, seeds=np.array(SEEDS))
    found = read_weights(RunFolder(tmp_path), summary, "relu", 4, (THETA, STATISTICS), Trust())
    assert [one.tobytes() for one in found] == [theta[0].tobytes(), statistics[0].tobytes()]
    write_weights(path, theta, statistics, SEEDS, (THETA, STATISTICS))
    others = {
        "found other weights than those of the comparison": Layout(THETA.specs[::-1]),
        "found no weights of this network": Layout([ParameterSpec("dense1/weights", (3, 3))]),
    }
    for found, other in others.items():
        with pytest.raises(CheckpointError, match=found):
            read_weights(RunFolder(tmp_path), summary, "relu", 4, (other, STATISTICS), Trust())
