#!/bin/sh
# Says that it heard a TERM, and goes on.
trap 'echo heard TERM' TERM
echo ready
while :; do sleep 1000 & wait $!; done
