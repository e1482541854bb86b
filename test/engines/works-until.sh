#!/bin/sh
# No engine, but one who uses one: works until the file $1 is there, then ends with code $2. TERM ends it earlier, and it says so.
# When the directory of the file is gone, nobody is there to make it.
trap 'echo "heard TERM"; exit 0' TERM
echo "works with $POOLD_LEASE_ID"
while [ -d "${1%/*}" ] && [ ! -e "$1" ]; do sleep 0.05; done
exit "${2:-0}"
