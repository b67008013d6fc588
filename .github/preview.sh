#!/usr/bin/env bash
# Usage: preview.sh BASE HEAD STACK REPORT
# Previews the stack of two checkouts and writes a Markdown report: HEAD's preview with the policy pack's findings, and
# the diff of the objects that BASE and HEAD make. Exits with the status of HEAD's preview.
#
# Charts cannot be rendered without an API server to ask for its kinds (pulumi-kubernetes: "configured Kubernetes cluster
# is unreachable"): for a stack that installs some, KUBECONFIG names an empty cluster, to which nothing is written.
set -euo pipefail
base=$1 head=$2 stack=$3 report=$4

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$(dirname "$report")"
: >"$report"
export PULUMI_CONFIG_PASSPHRASE=throwaway PULUMI_SKIP_UPDATE_CHECK=1 PULUMI_PARALLEL=32
given=${KUBECONFIG:-}
export KUBECONFIG="$work/kubeconfig"

# backend NAME: a state of its own, so that a base that breaks half-way is nothing to the head.
backend() {
  mkdir -p "$work/$1"
  export PULUMI_BACKEND_URL="file://$work/$1"
}

# kubeconfig CONTEXT: the cluster given under the name that the stack knows, or one that leads nowhere.
kubeconfig() {
  if [[ -n $given ]]; then
    kubectl --kubeconfig "$given" config view --raw --minify --flatten >"$KUBECONFIG"
    kubectl config rename-context "$(kubectl config current-context)" "$1" >/dev/null
    return
  fi
  cat >"$KUBECONFIG" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: none, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: none, user: {}}]
contexts: [{name: "$1", context: {cluster: none, user: none}}]
YAML
}

# prepare CHECKOUT: an empty stack named preview, with the settings of the stack.
prepare() {
  cd "$1"
  uv sync --quiet --frozen
  cp "Pulumi.$stack.yaml" Pulumi.preview.yaml
  kubeconfig "$(sed -n 's/^ *context: *//p' Pulumi.preview.yaml | head -1)"
  pulumi stack init preview >/dev/null
  # The cluster of a preview is not the stack's: what operators it has says nothing.
  pulumi config set --stack preview --path ml-loop:platform.check false
  pulumi config set --stack preview --secret ml-loop:trackingSecretKey "$(openssl rand -hex 24)"
  if grep -Eq '^ *bundled:' Pulumi.preview.yaml; then
    pulumi config set --stack preview --secret ml-loop:storeSecretKey "$(openssl rand -hex 24)"
    # The base may be older than the key, and would refuse it.
    if grep -q '^  logsSecretKey:' Pulumi.yaml; then
      pulumi config set --stack preview --secret ml-loop:logsSecretKey "$(openssl rand -hex 24)"
    fi
  fi
}

# A base without a stack yet, or with a broken one, has no objects to compare with.
# Bash ignores errexit below `||`: the subshells stand alone.
set +e
backend base
(
  set -e
  prepare "$base"
  pulumi preview --stack preview --json >"$work/base.json"
) >/dev/null
[ $? -eq 0 ] || : >"$work/base.json"
backend head
(
  set -e
  prepare "$head"
  pulumi preview --stack preview --color never --policy-pack policy
) >"$work/preview.txt" 2>&1
status=$?
(cd "$head" && pulumi preview --stack preview --json >"$work/head.json") || : >"$work/head.json"
set -e

{
  echo "## Preview of \`$stack\`"
  echo '````text'
  # What the policies and the program said, without the outputs; before that, only what went wrong.
  sed '/^Policies:/,$!{/error:/!d}; /^Outputs:/,/^$/d' "$work/preview.txt"
  echo '````'
  (cd "$head" && uv run --frozen python .github/objects_diff.py "$work/base.json" "$work/head.json")
} >"$report"
cat "$work/preview.txt"
exit "$status"
