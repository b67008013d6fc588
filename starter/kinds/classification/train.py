"""`python3 -m starter.kinds.classification.train`: the train command of the contract."""

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from starter.kinds.classification import data
from starter.shared import leave


def main() -> None:
    given = leave.parameters({"regularization": 1.0})
    training, _ = data.split(data.load())
    features = training[data.FEATURES]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1 / given["regularization"], max_iter=500))
    model.fit(features, training[data.LABEL])
    leave.model(model, features, given, training, predict="predict_proba")


if __name__ == "__main__":
    main()
