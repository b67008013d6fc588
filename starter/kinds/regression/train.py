"""`python3 -m starter.kinds.regression.train`: the train command of the contract."""

from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from starter.kinds.regression import data
from starter.shared import leave


def main() -> None:
    given = leave.parameters({"alpha": 1.0})
    training, _ = data.split(data.load())
    features = training[data.FEATURES]
    model = make_pipeline(StandardScaler(), Ridge(alpha=given["alpha"]))
    model.fit(features, training[data.LABEL])
    leave.model(model, features, given, training, predict="predict")


if __name__ == "__main__":
    main()
