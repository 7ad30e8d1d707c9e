#!/usr/bin/env bash
# Write the two lock files anew (maintainers only; needs uv).
set -euo pipefail
cd "$(dirname "$0")/.."
lock() {
  uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet \
    --constraint requirements/constraints.txt pyproject.toml "$@"
}
lock --extra dev requirements/development.in --override requirements/overrides.txt -o requirements/all.lock
lock --extra app -o src/gastropath/space/requirements.lock
