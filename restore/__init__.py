"""`make restore`: replaces MLflow's database by what an archive in the bucket holds, as the stack's settings say.

`checks.restore` keeps a plain `up` from doing half of it. `steps` is the procedure, over `database` (the cluster, by
kubectl) and `engine` (Pulumi). It drives the program from outside, as any user would, by a Pulumi that is there.

External: kubectl, Pulumi with its plugins, CloudNativePG with its barman-cloud plugin. Not done: other objects of the
bucket, and anything where the database and its archive are lost together.
"""
