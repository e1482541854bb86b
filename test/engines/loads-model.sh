#!/bin/sh
# Loads the model in file $1, which may come later: says so and serves, or ends with the code that the file holds. $2: it ends with 1 once this file is there.
echo "loading ${1##*/}"
until [ -f "$1" ]; do sleep 0.02; done
read -r code <"$1" || code=
[ -z "$code" ] || { echo "${1##*/} is broken"; exit "$code"; }
echo "loaded ${1##*/}"
[ -n "$2" ] || exec sleep 1000
until [ -f "$2" ]; do sleep 0.02; done
exit 1
