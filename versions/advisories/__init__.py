"""Which pins have published holes, judged offline against an extract of the advisories that name them.

`osv.json` holds facts of OSV databases: identifiers, packages, versions. `python -m versions.advisories.extract` writes
it anew from folders of OSV files, `python -m local.toolchain.linked` what Go programs link of the modules it names.
`make advisories` judges every lock, go.sum and pin of `versions`; what may stay is in `exceptions.yaml`.
"""
