#!/bin/sh
# Serves, unless $1 is `breaks-N` and this is replica N: then it ends with 3.
[ "$1" != "breaks-$POOLD_REPLICA" ] || exit 3
exec sleep 1000
