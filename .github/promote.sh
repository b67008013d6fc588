#!/usr/bin/env bash
# Usage: promote.sh STACK MODEL
# Opens the pull request that puts the model's staging version into production, or brings the open one up to date; does
# nothing where there is nothing to promote. Run in a checkout of the main branch that may push.
set -euo pipefail
stack=$1 model=$2 file=Pulumi.$1.yaml branch=promote/$1/$2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

uv run --quiet --frozen --project images/loop python -m loop evidence --model "$model" --output "$work"
[[ -f $work/version ]] || exit 0
uv run --quiet --frozen python -m settings.production "$stack" "$model" "$(<"$work/version")"
if git diff --quiet -- "$file"; then
  echo "$model: version $(<"$work/version") is merged and not deployed yet"
  exit 0
fi

# A push takes approvals away: the same change is not pushed twice.
if ! git fetch --quiet origin "$branch" || ! git diff --quiet FETCH_HEAD -- "$file"; then
  git switch --quiet --force-create "$branch"
  git commit --quiet --message "$(<"$work/title")" -- "$file"
  git push --quiet --force origin "$branch"
fi
number=$(gh pr list --head "$branch" --state open --json number --jq '.[0].number // empty')
if [[ -n $number ]]; then
  gh pr edit "$number" --title "$(<"$work/title")" --body-file "$work/body.md"
else
  gh pr create --head "$branch" --title "$(<"$work/title")" --body-file "$work/body.md"
fi
