#!/bin/sh
# Builds the module: link.sh [PROFILE [SANITIZER]], as packaging/link.sh says.
exec "$(dirname "$0")/../../packaging/link.sh" module "$@"
