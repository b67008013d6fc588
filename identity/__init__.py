"""Who may change what in MLflow: a plugin of MLflow's server (`mlflow server --app-name ml-loop-identity`).

A caller is a Kubernetes service account, shown by a token that the API server reviews; there is no password. The policy
file lists the guarded models, and which accounts train, judge and promote each. Reading is open to all, and so is
everything that belongs to no guarded model. Runs in the MLflow image; knows nothing of `loop`. Rules:
docs/identities.md.
"""
