#!/usr/bin/env bash
# Builds the image `guanxi`: from a binary that is there (make image), or from source (make images).
#   image.sh prebuilt [BINARY]    target/release/guanxi, or what is named; without its debugging symbols
#   image.sh release
# GUANXI_IMAGE names it (guanxi:VERSION and guanxi:latest), BASES is the file of base images: .local-bases.env where
# local-bases.sh has made one, else bases.env; DOCKER_BUILD_OPTIONS are more options of `docker build`.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=deploy/docker

fail() { printf 'image: %s\n' "$*" >&2; exit 1; }

stage=${1:?prebuilt or release}
bases=${BASES:-$here/.local-bases.env}
[ -f "$bases" ] || bases=$here/bases.env
# shellcheck source=/dev/null
. "$bases"
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
image=${GUANXI_IMAGE:-guanxi}
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir "$context/prebuilt"

case $stage in
  prebuilt)
    binary=${2:-target/release/guanxi}
    [ -x "$binary" ] || fail "there is no $binary: cargo build --release --locked --package guanxi-suite"
    if command -v strip >/dev/null; then
      strip --strip-debug -o "$context/prebuilt/guanxi" "$binary"
    else
      cp "$binary" "$context/prebuilt/guanxi"
    fi
    install -D -m 0644 "$here/defaults.toml" "$context/$here/defaults.toml"
    ;;
  release) # What git knows, as it is now: no target folder, no data, no keys.
    git ls-files -z | tar --null --files-from=- --create | tar -C "$context" --extract
    ;;
  *) fail "$stage is no stage: prebuilt or release" ;;
esac

# shellcheck disable=SC2086
docker build ${DOCKER_BUILD_OPTIONS:-} --file "$here/Dockerfile" --target "$stage" \
  --build-arg "DEBIAN_IMAGE=$DEBIAN_IMAGE" --build-arg "RUST_IMAGE=$RUST_IMAGE" \
  --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
  --tag "$image:$version" --tag "$image:latest" "$context"
bytes() { docker image inspect --format '{{.Size}}' "$1"; }
printf 'image: %s:%s, %s MB, of which %s are above %s\n' "$image" "$version" "$(($(bytes "$image:$version") / 1000000))" \
  "$((($(bytes "$image:$version") - $(bytes "$DEBIAN_IMAGE")) / 1000000))" "$DEBIAN_IMAGE"
