#!/usr/bin/env bash
# Usage: release.sh publish VERSION TARGET | release.sh propose VERSION
# `publish` builds one image of images/Dockerfile for both architectures, pushes it with its SBOM and provenance, and signs its
# digest by the identity of the workflow. `propose` opens the pull request that writes the digests of a release into versions/,
# of those images alone whose signature says that this workflow made them for this tag.
set -euo pipefail
act=$1 version=$2

reference() { python3 -m versions.release images "$version" | awk -v name="$1" '$1 == name { print $2 }'; }

publish() {
  local image metadata digest
  image=$(reference "$1")
  metadata=$(mktemp)
  docker buildx build --file images/Dockerfile --target "$1" --platform linux/amd64,linux/arm64 --push \
    --build-arg "SOURCE_COMMIT=$(git rev-parse HEAD)" --sbom=true --provenance=mode=max \
    --tag "$image" --metadata-file "$metadata" .
  digest=$(jq -r '."containerimage.digest"' "$metadata")
  cosign sign --yes "${image%:*}@$digest"
}

propose() {
  local branch=release/$version pins=() name image digest
  while read -r name image; do
    digest=$(docker buildx imagetools inspect "$image" --format '{{json .Manifest.Digest}}' | jq -r .)
    cosign verify "${image%:*}@$digest" --certificate-oidc-issuer https://token.actions.githubusercontent.com \
      --certificate-identity "https://github.com/$GITHUB_REPOSITORY/.github/workflows/release.yml@refs/tags/v$version" >/dev/null
    pins+=("$name=$digest")
  done < <(python3 -m versions.release images "$version")
  python3 -m versions.release pin "$version" "${pins[@]}"
  git switch --quiet --force-create "$branch"
  git commit --quiet --message "Release $version: pin its images by digest" -- versions/__init__.py
  git push --quiet --force origin "$branch"
  gh pr create --base main --head "$branch" --title "Release $version: pin its images by digest" \
    --body "The images of v$version, each signed by the workflow that built it; \`cosign verify\` was asked of every digest."
}

case $act in
  publish) publish "$3" ;;
  propose) propose ;;
  *) exit 64 ;;
esac
